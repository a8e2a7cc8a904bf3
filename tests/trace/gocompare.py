"""Compares what our reader makes of a trace with what a Go toolchain's own reader does.

Made for any trace file and any toolchain: ``compare(trace, toolchain)``.
"""

from __future__ import annotations

import collections
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from flightrec.errors import TraceFormatError
from flightrec.trace import NO_STACK, EventBase, GoroutineTransition, Sync, read
from flightrec.trace.text import go_text
from tests.trace.toolchains import Toolchain


class Difference(AssertionError):
    """Our reader and Go's do not say the same of a trace."""


def compare(trace: Path, toolchain: Toolchain) -> int:
    """Assert that both readers see the same events in a trace, in order; returns how many.

    Kind, time, G, P, M, names, values, states, reasons and stacks are compared as far as the
    toolchain's ``go tool trace`` prints them dependably:

    * from 1.25: everything;
    * 1.24: all but times and sync events, since its reader does not move times past a sync's;
    * 1.23: as 1.24 but in any order, for it leaves ties to the order of a Go map;
    * 1.22: the number of events only, as it knows two kinds less.
    """
    minor = toolchain.minor
    with tempfile.TemporaryFile() as output:
        process = subprocess.run(  # noqa: S603
            [toolchain.go, "tool", "trace", "-d=1" if minor < 24 else "-d=parsed", os.fspath(trace)],
            stdout=output,
            stderr=subprocess.PIPE,
            env=toolchain.environment | {"TZ": "UTC"},
            check=False,
        )
        output.seek(0)
        theirs = _go_records(output, minor)
        refusal = process.stderr.decode(errors="replace").strip() if process.returncode else None
        if minor == 22:
            count = sum(1 for event in read(trace) if not isinstance(event, Sync))
            seen = sum(1 for record in theirs if " Sync " not in record)
            if (count, refusal) != (seen, None):
                raise Difference(f"we read {count} events, Go {seen}, then {refusal!r}")
            return count
        ours = _our_records(trace, minor)
        if minor == 23:
            return _compare_counted(ours, theirs, refusal)
        return _compare_in_order(ours, theirs, refusal)


def _compare_in_order(ours: Iterator[str], theirs: Iterator[str], refusal: str | None) -> int:
    count = 0
    for their in theirs:
        try:
            our = next(ours, None)
        except TraceFormatError as error:
            raise Difference(f"we refuse after {count} events: {error}; Go has {their!r}") from error
        if our != their:
            raise Difference(f"event {count}\nours:   {our!r}\ntheirs: {their!r}")
        count += 1
    _compare_end(ours, refusal, count)
    return count


def _compare_counted(ours: Iterator[str], theirs: Iterator[str], refusal: str | None) -> int:
    expected = collections.Counter(theirs)
    count = sum(expected.values())
    for _ in range(count):
        our = next(ours, None)
        if our is None or not expected[our]:
            raise Difference(f"only we have {our!r}")
        expected[our] -= 1
    _compare_end(ours, refusal, count)
    return count


def _compare_end(ours: Iterator[str], refusal: str | None, count: int) -> None:
    try:
        more = next(ours, None)
    except TraceFormatError as error:
        if refusal is None:
            raise Difference(f"we refuse after {count} events: {error}") from error
        return
    if more is not None:
        raise Difference(f"only we have, after {count} events: {more!r}")
    if refusal is not None:
        raise Difference(f"only Go refuses, after {count} events: {refusal!r}")


def _our_records(trace: Path, minor: int) -> Iterator[str]:
    for event in read(trace):
        if minor < 25 and isinstance(event, Sync):
            continue
        if minor < 26 and _is_status(event):
            # Those readers give the status of a goroutine no stack of the goroutine's own.
            assert isinstance(event, GoroutineTransition)
            text = go_text(event._replace(transition_stack=NO_STACK))
        else:
            text = go_text(event)
            if minor == 25 and isinstance(event, Sync):
                text = _FRACTION.sub("Z", text)
        lines = text.split("\n")
        if minor < 25:
            lines[0] = _without_time(lines[0])
        yield "\n".join(line for line in lines if line)


def _is_status(event: EventBase) -> bool:
    return isinstance(event, GoroutineTransition) and (
        event.from_state in ("Undetermined", event.to_state)
    )


_TIME = re.compile(r" Time=-?\d+")
_FRACTION = re.compile(r"\.\d+Z$")
_OLD_TRANSITION = re.compile(
    r' Resource=\S+ Reason=("(?:[^"\\]|\\.)*") ((?:GoID|ProcID)=-?\d+ \w+->\w+)'
)
_OLD_VALUE = re.compile(r"=(Uint64\(\d+\))")
_OLD_EXPERIMENT = re.compile(r" ArgNames=\[(.*?)\] Args=\[(.*?)\]$")


def _without_time(text: str) -> str:
    return _TIME.sub("", text, count=1)


def _go_records(output: IO[bytes], minor: int) -> Iterator[str]:
    """What Go printed, an event at a time, in the words of Go 1.26."""
    held: list[str] = []
    for raw in output:
        line = raw.decode("utf-8", "surrogateescape").rstrip("\n")
        if line.startswith("M=") and held:
            record = _normalised(held, minor)
            if record is not None:
                yield record
            held = []
        held.append(line)
    if held:
        record = _normalised(held, minor)
        if record is not None:
            yield record


def _normalised(lines: list[str], minor: int) -> str | None:
    head, rest = lines[0], [line for line in lines[1:] if line]
    if minor == 22:
        return head
    if minor < 25:
        if " Sync " in head:
            return None
        head = _without_time(head)
        head = _OLD_VALUE.sub(r"=Value{\1}", head)
        old = _OLD_EXPERIMENT.search(head)
        if old is not None:
            pairs = zip(old[1].split(), old[2].split())
            values = ", ".join(f"{name}=Value{{Uint64({value})}}" for name, value in pairs)
            head = f"{head[: old.start()]} Args=[{values}]"
    if minor < 26:
        head = _OLD_TRANSITION.sub(r" \2 Reason=\1", head)
    # A stack without frames is as good as none.
    kept = [
        line
        for i, line in enumerate(rest)
        if not line.endswith("Stack=") or rest[i + 1 : i + 2] and rest[i + 1].startswith("\t")
    ]
    return "\n".join([head, *kept])
