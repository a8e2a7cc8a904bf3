"""Traces made by hand, for tests that need no Go."""

from __future__ import annotations

from collections.abc import Iterable

from flightrec.trace.spec import EVENT_TYPES
from tests.trace.rawtext import uvarint

NONE = (1 << 64) - 1

#: The trace clock's frequency that built traces have: 64 ns a unit, as on Linux.
FREQUENCY = 15_625_000


def header(version: int) -> bytes:
    """A trace's header."""
    return f"go 1.{version} trace\0\0\0".encode()


def event(name: str, *arguments: int, data: bytes | None = None) -> bytes:
    """One event of any type, with all its arguments."""
    out = bytes([EVENT_TYPES[name]]) + b"".join(map(uvarint, arguments))
    return out if data is None else out + uvarint(len(data)) + data


def batch(generation: int, thread: int, time: int, *events: bytes) -> bytes:
    """An event batch."""
    data = b"".join(events)
    return event("EventBatch", generation, thread, time, len(data)) + data


def experimental(generation: int, thread: int, time: int, data: bytes, *, number: int = 1) -> bytes:
    """An experimental batch."""
    start = bytes([EVENT_TYPES["ExperimentalBatch"], number])
    return start + b"".join(map(uvarint, (generation, thread, time, len(data)))) + data


def strings(generation: int, texts: dict[int, bytes]) -> bytes:
    """A batch of strings."""
    found = [event("String", number, data=text) for number, text in texts.items()]
    return batch(generation, NONE, 0, event("Strings"), *found)


def stacks(generation: int, found: dict[int, list[tuple[int, int, int, int]]]) -> bytes:
    """A batch of stacks, whose frames are (pc, function, file, line)."""
    out = []
    for number, frames in found.items():
        numbers = [value for frame in frames for value in frame]
        out.append(event("Stack", number, len(frames)) + b"".join(map(uvarint, numbers)))
    return batch(generation, NONE, 0, event("Stacks"), *out)


def sync(version: int, generation: int, time: int, *, wall_ns: int = 10**18) -> bytes:
    """What ends a generation: frequency, clock snapshot and mark, as the version has them."""
    frequency = event("Frequency", FREQUENCY)
    if version < 25:
        return batch(generation, NONE, time, frequency)
    snapshot = event("ClockSnapshot", 0, time * 64, *divmod(wall_ns, 10**9))
    found = batch(generation, NONE, time, event("Sync"), frequency, snapshot)
    return found + event("EndOfGeneration") if version >= 26 else found


def running(goroutine: int, thread: int, proc: int = 0) -> list[bytes]:
    """The two events that say that a goroutine runs, at a generation's beginning."""
    return [
        event("ProcStatus", 1, proc, 1),
        event("GoStatus", 1, goroutine, thread, 2),
    ]


def simple(version: int = 26, generations: Iterable[int] = (1,), *, metrics: int = 3) -> bytes:
    """A valid trace: goroutine 1 runs on M 7 and P 0, and the heap grows."""
    out = header(version)
    for generation in generations:
        start = 1_000_000 * generation
        events = running(1, 7) + [event("HeapAlloc", 10, 4096 + i) for i in range(metrics)]
        out += batch(generation, 7, start, *events) + sync(version, generation, start)
    return out
