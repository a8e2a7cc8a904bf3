"""How failed assertions are worded: events, goroutines and stacks for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from flightrec.trace import Event, Stack, go_text
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.program import is_c_thread, is_way_into_go

__all__ = [
    "WindowAssertionError",
    "at_text",
    "bullets",
    "event_text",
    "goroutine_text",
    "ns_range",
    "seconds_text",
    "stack_text",
]

# A failure shows so many offenders, and of each stack so many frames.
_OFFENDERS: Final = 10
_FRAMES: Final = 12


class WindowAssertionError(AssertionError):
    """A window does not have what was asserted.

    :ivar events: the events that do not fit, in their order; empty where something is missing.
    """

    def __init__(self, message: str, events: Iterable[Event] = ()) -> None:
        # A name in a trace may have bytes that are not UTF-8, and a terminal takes none.
        super().__init__(message.encode("utf-8", "backslashreplace").decode())
        self.events: tuple[Event, ...] = tuple(events)


def seconds_text(seconds: float) -> str:
    """A limit that was given in seconds."""
    return ns_text(seconds * 1e9)


def at_text(time: int, begin: int) -> str:
    """When something happened, since the window's begin."""
    return f"at {(time - begin) / 1e9:.6f}s"


def goroutine_text(goid: int | None, name: str) -> str:
    """A goroutine by its number and its start function."""
    if goid is None:
        return "no goroutine"
    return f"goroutine {goid} ({name})" if name else f"goroutine {goid}"


def ns_range(durations: Iterable[int]) -> str:
    """How long something took, at least and at most, in ns."""
    found = sorted(durations)
    low, high = ns_text(found[0]), ns_text(found[-1])
    return low if low == high else f"{low} to {high}"


def stack_text(stack: Stack, indent: str = "    ") -> str:
    """A stack, a frame a line; empty if there is none.

    The way from a C or Python thread into Go is told in one line: of it nobody can learn anything.
    """
    frames = list(stack)
    called = bool(frames) and is_c_thread(frames[-1].function)
    if called:
        while frames and is_way_into_go(frames[-1]):
            frames.pop()
    lines = [f"{indent}{frame.function}  {frame.file}:{frame.line}" for frame in frames[:_FRAMES]]
    if len(frames) > _FRAMES:
        lines.append(f"{indent}… {len(frames) - _FRAMES} more frames")
    if called:
        lines.append(f"{indent}called from a C or Python thread")
    return "\n".join(lines)


def event_text(event: Event, begin: int) -> str:
    """An event and its stack."""
    line = f"{at_text(event.time, begin)}  {go_text(event, stacks=False)}"
    stack = stack_text(event.stack)
    return f"{line}\n{stack}" if stack else line


def bullets(entries: Sequence[str], what: str) -> str:
    """Offenders under one another, the first few of them."""
    lines = ["  - " + entry.replace("\n", "\n    ").rstrip() for entry in entries[:_OFFENDERS]]
    if len(entries) > _OFFENDERS:
        lines.append(f"  and {len(entries) - _OFFENDERS} more {what}")
    return "\n".join(lines)
