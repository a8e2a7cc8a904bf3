"""Raising an exception at every place where one can come from a signal handler.

For child processes: import it there. A handler runs, and may raise, between two bytecodes: CPython
looks for signals when a function begins, when it jumps back in a loop, and after a call. Before the
instruction that follows such a place, :func:`interrupt_everywhere` raises.
"""

from __future__ import annotations

import dis
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import flightrec

__all__ = ["Interrupted", "interrupt", "interrupt_everywhere", "interrupt_threads"]

FLIGHTREC = str(Path(flightrec.__file__).parent)

#: What Ctrl-C comes into as well: the locks and threads of the standard library.
THREADING = threading.__file__


#: How many places a thread comes by before its loop, at most.
_BEGINNING = 20


class Interrupted(BaseException):
    """What a signal handler raises, as KeyboardInterrupt."""


@cache
def _places(code: CodeType) -> frozenset[int]:
    """Offsets of the instructions before which a handler can have run."""
    found: set[int] = set()
    after_call = True  # the first instruction
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("CACHE", "EXTENDED_ARG"):
            continue
        if after_call:
            found.add(instruction.offset)
        name = instruction.opname
        after_call = name.startswith("CALL") or name in ("RESUME", "GEN_START")
        if name.startswith("JUMP_BACKWARD") or (
            name.startswith(("JUMP", "POP_JUMP"))
            and isinstance(instruction.argval, int)
            and instruction.argval < instruction.offset
        ):
            found.add(instruction.argval)
    return frozenset(found)


class interrupt:  # noqa: N801 - reads as a statement
    """Raise at the ``number``-th place that this thread comes by in the ``with`` block.

    :ivar place: where it was raised, as text; None if the block has fewer places.
    """

    def __init__(self, number: int, files: tuple[str, ...] = (FLIGHTREC,)) -> None:
        self._left = number
        self._files = files
        self.place: str | None = None
        # Kept: CPython 3.11 calls a trace function that is gone if what the collector runs just
        # before the call unsets it, as an exception in a traced finalizer does.
        self._tracing = self._trace

    def __enter__(self) -> interrupt:
        sys.settrace(self._tracing)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self._files):
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in _places(frame.f_code):
            if self._left == 0:
                self.place = f"{frame.f_code.co_filename}:{frame.f_lineno} +{frame.f_lasti}"
                self._left = -1
                raise Interrupted(self.place)
            self._left -= 1
        return self._trace


def _was_interrupted(exc: BaseException | None) -> bool:
    """Whether it is ours, or what the standard library made of it (its locks do not bear it)."""
    while exc is not None and not isinstance(exc, Interrupted):
        exc = exc.__context__
    return exc is not None


def interrupt_everywhere(
    action: Callable[[], object],
    after: Callable[[str], object],
    *,
    files: tuple[str, ...] = (FLIGHTREC,),
    every: int = 1,
) -> int:
    """Run an action again and again, interrupted at its first place, its second, until its end.

    :param after: called after each interruption with the place; checks that all is well.
    :param files: beginnings of the names of the files that are interrupted.
    :param every: only at every so-manieth place.
    :returns: how many places there were.
    """
    for number in range(0, 1_000_000, every):
        with interrupt(number, files) as one:
            try:
                action()
            except BaseException as exc:
                if not _was_interrupted(exc):
                    raise AssertionError(f"after an interruption at {one.place}") from exc
        if one.place is None:
            return number
        after(one.place)
    raise AssertionError("the action has no end")


@contextmanager
def interrupt_threads(every: int, files: tuple[str, ...] = (FLIGHTREC,)) -> Iterator[list[str]]:
    """Raise at every so-manieth place that threads begun in the block come by; yield the places.

    Not at the first ones, where a thread has not come to what it is for.
    """
    places: list[str] = []
    count = 0
    begun: dict[int, int] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(files):
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in _places(frame.f_code):
            count += 1
            begun[threading.get_ident()] = begun.get(threading.get_ident(), 0) + 1
            if count % every == 0 and begun[threading.get_ident()] > _BEGINNING:
                place = f"{frame.f_code.co_filename}:{frame.f_lineno} +{frame.f_lasti}"
                places.append(place)
                raise Interrupted(place)
        return trace

    threading.settrace(trace)
    try:
        yield places
    finally:
        threading.settrace(None)
