"""Compares what our reader makes of a trace with what a Go toolchain's own reader does.

Made for any trace file and any toolchain: ``compare(trace, toolchain)``.
"""

from __future__ import annotations

import collections
import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from flightrec.errors import TraceFormatError
from flightrec.trace import NO_STACK, EventBase, GoroutineTransition, Sync, read, wire_events
from flightrec.trace.spec import SPECS
from flightrec.trace.text import go_quote, go_text
from tests.trace.toolchains import Toolchain


class DifferenceError(AssertionError):
    """Our reader and Go's do not say the same of a trace."""


def compare(trace: Path, toolchain: Toolchain, *, shown_to_go: Path | None = None) -> int:
    """Assert that both readers see the same events in a trace, in order; returns how many.

    Kind, time, G, P, M, names, values, states, reasons and stacks are compared as far as the
    toolchain's ``go tool trace`` prints them dependably:

    * from 1.25: everything;
    * 1.24: all but times and sync events, since its reader does not move times past a sync's;
    * 1.23: as 1.24 but in any order, for it leaves ties to the order of a Go map;
    * 1.22: the number of events only, as it knows two kinds less.
    """
    minor = toolchain.minor
    with _go_tool_trace(shown_to_go or trace, toolchain, "parsed") as (output, refusal):
        theirs = _go_records(output, minor)
        if minor == 22:
            count = sum(1 for event in read(trace) if not isinstance(event, Sync))
            seen = sum(1 for record in theirs if " Sync " not in record)
            if (count, refusal) != (seen, None):
                raise DifferenceError(f"we read {count} events, Go {seen}, then {refusal!r}")
            return count
        ours = _our_records(trace, minor)
        if minor == 23:
            return _compare_counted(ours, theirs, refusal)
        return _compare_in_order(ours, theirs, refusal)


def compare_wire(trace: Path, toolchain: Toolchain) -> int:
    """Assert that both readers see the same raw events in a trace; returns how many.

    Types, arguments (times added up to where the batch begins), frames and strings.
    """
    with _go_tool_trace(trace, toolchain, "wire") as (output, refusal):
        if refusal is not None:
            raise DifferenceError(f"only Go refuses: {refusal!r}")
        return _compare_in_order(_our_wire_records(trace), _go_wire_records(output), None)


@contextlib.contextmanager
def _go_tool_trace(
    trace: Path, toolchain: Toolchain, mode: str
) -> Iterator[tuple[IO[bytes], str | None]]:
    """What ``go tool trace -d=mode`` prints, and what it complains of, None if of nothing."""
    old = {"parsed": "1", "wire": "2"}
    flag = f"-d={old[mode] if toolchain.minor < 24 else mode}"
    with tempfile.TemporaryFile() as output:
        process = subprocess.run(
            [toolchain.go, "tool", "trace", flag, os.fspath(trace)],
            stdout=output,
            stderr=subprocess.PIPE,
            env=toolchain.environment | {"TZ": "UTC"},
            check=False,
        )
        output.seek(0)
        complaint = process.stderr.decode(errors="replace").strip()
        yield output, complaint or "no reason given" if process.returncode else None


def _compare_in_order(ours: Iterator[str], theirs: Iterator[str], refusal: str | None) -> int:
    count = 0
    for their in theirs:
        try:
            our = next(ours, None)
        except TraceFormatError as error:
            raise DifferenceError(
                f"we refuse after {count} events: {error}; Go has {their!r}"
            ) from error
        if our != their:
            raise DifferenceError(f"event {count}\nours:   {our!r}\ntheirs: {their!r}")
        count += 1
    _compare_end(ours, refusal, count)
    return count


def _compare_counted(ours: Iterator[str], theirs: Iterator[str], refusal: str | None) -> int:
    expected = collections.Counter(theirs)
    count = sum(expected.values())
    for _ in range(count):
        our = next(ours, None)
        if our is None or not expected[our]:
            raise DifferenceError(f"only we have {our!r}")
        expected[our] -= 1
    _compare_end(ours, refusal, count)
    return count


def _compare_end(ours: Iterator[str], refusal: str | None, count: int) -> None:
    try:
        more = next(ours, None)
    except TraceFormatError as error:
        if refusal is None:
            raise DifferenceError(f"we refuse after {count} events: {error}") from error
        return
    if more is not None:
        raise DifferenceError(f"only we have, after {count} events: {more!r}")
    if refusal is not None:
        raise DifferenceError(f"only Go refuses, after {count} events: {refusal!r}")


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
            pairs = zip(old[1].split(), old[2].split(), strict=True)
            values = ", ".join(f"{name}=Value{{Uint64({value})}}" for name, value in pairs)
            head = f"{head[: old.start()]} Args=[{values}]"
    if minor < 26:
        head = _OLD_TRANSITION.sub(r" \2 Reason=\1", head)
    # A stack without frames is as good as none.
    kept = [
        line
        for i, line in enumerate(rest)
        if not line.endswith("Stack=") or (rest[i + 1 : i + 2] and rest[i + 1].startswith("\t"))
    ]
    return "\n".join([head, *kept])


def _our_wire_records(trace: Path) -> Iterator[str]:
    for event in wire_events(trace):
        spec = SPECS[event.type]
        words = [spec.name]
        if spec.timed:
            words.append(f"time={event.time}")
        names = spec.values
        values = [(1 << 64) - 1 if value is None else value for value in event.values]
        words += [f"{name}={value}" for name, value in zip(names, values, strict=False)]
        for i in range(len(names), len(values), 4):
            frame = zip(("pc", "func", "file", "line"), values[i : i + 4], strict=True)
            words += [f"{name}={value}" for name, value in frame]
        if event.data:  # Before Go 1.26 no data is printed like this, too.
            words.append(f"data={go_quote(event.data.decode('utf-8', 'surrogateescape'))}")
        yield " ".join(words)


def _go_wire_records(output: IO[bytes]) -> Iterator[str]:
    held = ""
    time = 0
    for raw in output:
        line = raw.decode("utf-8", "surrogateescape").rstrip("\n")
        if line.startswith("\t"):
            held += f" {line[1:]}" if line != '\tdata=""' else ""
            continue
        if held:
            yield held
        held = ""
        if line.startswith(("EventBatch ", "ExperimentalBatch ")):
            match = re.search(r" time=(\d+)", line)
            assert match is not None, line
            time = int(match[1])
            if line.startswith("ExperimentalBatch "):
                # Its data comes on a line of its own, and we leave the batch out.
                next(output)
            continue
        match = re.search(r" dt=(\d+)", line)
        if match is not None:
            time += int(match[1])
            line = f"{line[: match.start()]} time={time}{line[match.end() :]}"
        if line.startswith("CPUSample "):
            # Go 1.22 gives the same numbers other names.
            numbers = re.findall(r"=(\d+)", line)
            named = zip(("time", "m", "p", "g", "stack"), numbers, strict=True)
            line = " ".join(["CPUSample", *(f"{name}={number}" for name, number in named)])
        held = line
    if held:
        yield held
