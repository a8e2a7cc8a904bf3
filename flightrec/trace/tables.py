"""The parts of a generation that its events refer to: strings, stacks, samples and clocks."""

from __future__ import annotations

from typing import Final, NamedTuple

from flightrec.trace.batches import Batch
from flightrec.trace.errors import broken
from flightrec.trace.spec import EVENT_TYPES, MAX_FRAMES, MAX_STRING_SIZE, SPECS
from flightrec.trace.stacks import NO_STACK, FrameTable, Stack
from flightrec.trace.varint import VarintError, all_uvarints, read_uvarint

__all__ = ["ClockSnapshot", "QuietEndError", "RawSample", "SyncData", "Tables"]

_STRING: Final = EVENT_TYPES["String"]
_STACK: Final = EVENT_TYPES["Stack"]
_CPU_SAMPLE: Final = EVENT_TYPES["CPUSample"]
_FREQUENCY: Final = EVENT_TYPES["Frequency"]
_CLOCK_SNAPSHOT: Final = EVENT_TYPES["ClockSnapshot"]
_WORD: Final = 1 << 64
_SIGN: Final = 1 << 63


class RawSample(NamedTuple):
    """A CPU sample. ``time`` in clock units; ids are None where there was none."""

    time: int
    thread: int | None
    proc: int | None
    goroutine: int | None
    stack: int


class ClockSnapshot(NamedTuple):
    """Three clocks read at nearly the same time, once a generation from Go 1.25 on.

    ``time`` is the trace clock in ns, ``mono_ns`` the system's monotonic clock, ``wall_ns`` ns
    since the epoch.
    """

    time: int
    mono_ns: int
    wall_ns: int


class QuietEndError(Exception):
    """A table ends where a number should begin, which Go's reader takes for the trace's end.

    Its reading functions return io.EOF there, and so does its reader then: the generation and
    what follows is dropped without a word. To accept what Go accepts, so do we.
    """


class SyncData:
    """What a generation's sync batch says; None where it does not."""

    __slots__ = ("snapshot", "units_per_second")

    def __init__(self) -> None:
        self.units_per_second: int | None = None
        #: Trace clock units, then mono, seconds and ns as they stand in the event.
        self.snapshot: tuple[int, int, int, int] | None = None


class Tables:
    """One generation's strings, stacks, CPU samples and sync data, filled batch by batch.

    Mirrors ``addStrings``, ``addStacks``, ``addCPUSamples`` and ``setSyncBatch`` in Go's
    ``internal/trace/generation.go``. Every ``add_`` method raises TraceFormatError.
    """

    __slots__ = ("frames", "samples", "stacks", "strings", "sync")

    def __init__(self) -> None:
        # Id 0 stands for "none" in both tables, and so nothing may define it.
        self.strings: dict[int, str] = {0: ""}
        self.stacks: dict[int, Stack] = {0: NO_STACK}
        self.frames = FrameTable(self.strings)
        self.samples: list[RawSample] = []
        self.sync = SyncData()

    def add_strings(self, batch: Batch) -> None:
        """Take in a batch of strings."""
        data, strings = batch.data, self.strings
        at, size = 1, len(data)
        try:
            while at < size:
                if data[at] != _STRING:
                    raise _wrong(batch, at, "a string", data[at])
                number, at = read_uvarint(data, at + 1)
                length, at = read_uvarint(data, at)
                if length > MAX_STRING_SIZE:
                    raise _error(
                        batch, at, f"a string of {length} bytes; {MAX_STRING_SIZE} are allowed"
                    )
                text = data[at : at + length]
                if len(text) < length:
                    raise _error(batch, at, "the batch ends in the middle of a string")
                at += length
                if number in strings:
                    raise _error(batch, at, f"string {number} is there twice")
                strings[number] = text.decode("utf-8", "surrogateescape")
        except VarintError as error:
            raise _cut(batch, at, "a string", error) from None

    def add_stacks(self, batch: Batch) -> None:
        """Take in a batch of stacks."""
        if not self._add_plain_stacks(batch.data):
            self._add_stacks_with_care(batch)

    def _add_plain_stacks(self, data: bytes) -> bool:
        """Take in a batch with nothing out of the ordinary; False, and no change, for another."""
        values = all_uvarints(data[1:])
        if values is None:
            return False
        table, known, raw = self.frames, self.stacks, self.frames.raw
        found: dict[int, Stack] = {}
        frames: dict[int, tuple[int, int, int]] = {}
        at, size = 0, len(values)
        while at < size:
            header = values[at : at + 3]
            at += 3
            if len(header) < 3 or header[0] != _STACK or header[2] > MAX_FRAMES:
                return False
            _, number, count = header
            end = at + 4 * count
            if end > size or number in found or number in known:
                return False
            pcs = tuple(values[at:end:4])
            functions, files, lines = (values[at + i : end : 4] for i in (1, 2, 3))
            for pc, frame in zip(pcs, zip(functions, files, lines, strict=True), strict=True):
                if pc not in frames:
                    frames[pc] = frame
            found[number] = Stack(pcs, table)
            at = end
        known.update(found)
        # The first batch that has a PC decides what is there.
        for pc, frame in frames.items():
            raw.setdefault(pc, frame)
        return True

    def _add_stacks_with_care(self, batch: Batch) -> None:
        data, stacks, table, raw = batch.data, self.stacks, self.frames, self.frames.raw
        at, size = 1, len(data)
        in_frames = False
        try:
            while at < size:
                in_frames = False
                if data[at] != _STACK:
                    raise _wrong(batch, at, "a stack", data[at])
                number, at = read_uvarint(data, at + 1)
                count, at = read_uvarint(data, at)
                if count > MAX_FRAMES:
                    raise _error(batch, at, f"a stack of {count} frames; {MAX_FRAMES} are allowed")
                pcs = []
                in_frames = True
                for _ in range(count):
                    pc, at = read_uvarint(data, at)
                    function, at = read_uvarint(data, at)
                    file, at = read_uvarint(data, at)
                    line, at = read_uvarint(data, at)
                    pcs.append(pc)
                    if pc not in raw:
                        raw[pc] = (function, file, line)
                if number in stacks:
                    raise _error(batch, at, f"stack {number} is there twice")
                stacks[number] = Stack(tuple(pcs), table)
        except VarintError as error:
            if in_frames:
                raise _error(batch, at, f"a stack is broken: {error}") from None
            raise _cut(batch, at, "a stack", error) from None

    def add_samples(self, batch: Batch) -> None:
        """Take in a batch of CPU samples."""
        data = batch.data
        at, size = 1, len(data)
        try:
            while at < size:
                if data[at] != _CPU_SAMPLE:
                    raise _wrong(batch, at, "a CPU sample", data[at])
                time, at = read_uvarint(data, at + 1)
                thread, at = read_uvarint(data, at)
                proc, at = read_uvarint(data, at)
                goroutine, at = read_uvarint(data, at)
                stack, at = read_uvarint(data, at)
                self.samples.append(
                    RawSample(
                        time,
                        _identity(thread),
                        _identity(proc),
                        _identity(goroutine) if goroutine else None,
                        stack,
                    )
                )
        except VarintError as error:
            raise _cut(batch, at, "a CPU sample", error) from None

    def add_sync(self, batch: Batch, *, header: bool, snapshots: bool) -> None:
        """Take in a sync batch.

        ``header``: it begins with a Sync event (Go 1.25 and later); ``snapshots``: it may have a
        clock snapshot.
        """
        data, sync, time = batch.data, self.sync, batch.time
        at, size = int(header), len(data)
        try:
            while at < size:
                kind = data[at]
                at += 1
                if kind == _FREQUENCY:
                    if sync.units_per_second is not None:
                        raise _error(batch, at, "a second frequency event")
                    sync.units_per_second, at = read_uvarint(data, at)
                elif kind == _CLOCK_SNAPSHOT and snapshots:
                    if sync.snapshot is not None:
                        raise _error(batch, at, "a second clock snapshot")
                    delta, at = read_uvarint(data, at)
                    time = (time + delta) % _WORD
                    mono, at = read_uvarint(data, at)
                    seconds, at = read_uvarint(data, at)
                    rest, at = read_uvarint(data, at)
                    sync.snapshot = (time, mono, seconds, rest)
                else:
                    raise _wrong(batch, at - 1, "a frequency or clock snapshot", kind)
        except VarintError as error:
            raise _cut(batch, at, "the sync batch", error) from None

    def check_frames(self) -> str | None:
        """What is wrong with the strings that stacks refer to, None if nothing is."""
        strings = self.strings
        for pc, (function, file, _line) in self.frames.raw.items():
            if function not in strings:
                return f"the frame at pc {pc:#x} has unknown string {function} for its function"
            if file not in strings:
                return f"the frame at pc {pc:#x} has unknown string {file} for its file"
        return None


def _identity(value: int) -> int | None:
    """A uint64 as Go's signed ids: -1 is none."""
    if value < _SIGN:
        return value
    return None if value == _WORD - 1 else value - _WORD


def _error(batch: Batch, at: int, reason: str) -> Exception:
    return broken(
        reason,
        offset=batch.data_offset + at,
        generation=batch.generation,
        thread=batch.thread,
        batch=batch.offset,
    )


def _cut(batch: Batch, at: int, what: str, error: VarintError) -> Exception:
    return QuietEndError() if error.missing else _error(batch, at, f"{what} is broken: {error}")


def _wrong(batch: Batch, at: int, expected: str, found: int) -> Exception:
    spec = SPECS.get(found)
    name = f"event type {found}" if spec is None else f"a {spec.name} event"
    return _error(batch, at, f"expected {expected}, found {name}")
