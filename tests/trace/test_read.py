"""``read``: where traces come from, what events are like, and what it says of broken ones."""

from __future__ import annotations

import copy
import datetime
import gc
import gzip
import io
import itertools
import os
import pickle
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightrec.errors import FlightRecorderError, TraceFormatError
from flightrec.trace import (
    EVENT_CLASSES,
    ClockSnapshot,
    Event,
    EventBase,
    GoroutineTransition,
    GoState,
    Kind,
    Log,
    Metric,
    ProcState,
    ProcTransition,
    RegionEnd,
    StackSample,
    Sync,
    TaskBegin,
    TruncatedTraceError,
    batches,
    go_text,
    read,
    wire_events,
)
from flightrec.trace.source import Source
from tests.trace.tracebuilder import (
    NONE,
    batch,
    event,
    experimental,
    header,
    running,
    simple,
    stacks,
    strings,
    sync,
)


class _Writes:
    def write_to(self, file: io.BytesIO) -> int:
        return file.write(simple())


class _HasBytes:
    def __bytes__(self) -> bytes:
        return simple()


def _sources(folder: Path) -> dict[str, Source]:
    path = folder / "simple.trace"
    path.write_bytes(simple())
    zipped = folder / "simple.trace.gz"
    zipped.write_bytes(gzip.compress(simple()))
    half = len(simple()) // 2
    members = gzip.compress(simple()[:half]) + gzip.compress(simple()[half:]) + b"\0" * 9
    return {
        "path": path,
        "text": os.fspath(path),
        "bytes": simple(),
        "bytearray": bytearray(simple()),
        "memoryview": memoryview(simple()),
        "file": io.BytesIO(simple()),
        "gzip path": zipped,
        "gzip bytes": gzip.compress(simple()),
        "gzip members": members,
        "snapshot that writes": _Writes(),
        "snapshot that has bytes": _HasBytes(),
    }


SOURCES = [
    "path",
    "text",
    "bytes",
    "bytearray",
    "memoryview",
    "file",
    "gzip path",
    "gzip bytes",
    "gzip members",
    "snapshot that writes",
    "snapshot that has bytes",
]


@pytest.mark.parametrize("name", SOURCES)
def test_sources(name: str, tmp_path: Path) -> None:
    """Every kind of source gives the same events."""
    source = _sources(tmp_path)[name]
    assert [go_text(found) for found in read(source)] == [
        go_text(found) for found in read(simple())
    ]


class _Drip(io.RawIOBase):
    """Hands out one byte at a time, as a slow pipe may."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(1)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_source_in_drips(pack: Callable[[bytes], bytes]) -> None:
    """A file may hand out its bytes one by one."""
    assert len(list(read(_Drip(pack(simple(generations=(1, 2))))))) == 13


@pytest.mark.parametrize("level", [read, batches, wire_events])
@pytest.mark.parametrize("taken", [0, 1])
def test_dropped_iterators_close_their_file(
    level: Callable[[Source], Iterator[object]], taken: int, tmp_path: Path
) -> None:
    """A file opened for an iterator that is given up is closed without a warning."""
    path = tmp_path / "simple.trace"
    path.write_bytes(simple())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        iterator = level(path)
        for _ in range(taken):
            next(iterator)
        del iterator
        gc.collect()
    assert caught == []


@pytest.mark.parametrize("level", [read, batches, wire_events])
def test_headers_are_checked_at_once(level: Callable[[Source], Iterator[object]]) -> None:
    """What is no trace is refused before the first event is asked for."""
    with pytest.raises(TraceFormatError, match="not a Go execution trace"):
        level(b"something else altogether")


def test_given_file_stays_open() -> None:
    """A file that was handed over is not closed."""
    file = io.BytesIO(simple())
    list(read(file))
    assert not file.closed


def test_given_file_is_read_from_where_it_stands() -> None:
    """What comes before a file's position is not looked at."""
    file = io.BytesIO(b"something else" + simple())
    file.seek(len(b"something else"))
    assert len(list(read(file))) == 7


def test_text_file_is_refused(tmp_path: Path) -> None:
    """A file in text mode is a TypeError that says so."""
    with pytest.raises(TypeError, match="text mode"):
        read(io.StringIO("go 1.26 trace"))  # type: ignore[arg-type]


def test_no_source_is_refused() -> None:
    """Something else altogether is a TypeError that names its type."""
    with pytest.raises(TypeError, match="int"):
        read(7)  # type: ignore[arg-type]


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is a FileNotFoundError, from read itself."""
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.trace")


def test_reader_is_a_context_manager(tmp_path: Path) -> None:
    """Leaving the with statement ends the events."""
    path = tmp_path / "simple.trace"
    path.write_bytes(simple())
    with read(path) as reader:
        next(reader)
    assert list(reader) == []


@pytest.mark.parametrize("version", [22, 23, 25, 26])
def test_version(version: int) -> None:
    """The reader tells the format's version."""
    assert read(simple(version)).version == version


def test_chunks() -> None:
    """The events in lists are the events."""
    trace = simple(generations=(1, 2), metrics=2000)
    chunks = list(read(trace).chunks())
    assert len(chunks) > 2
    assert [found for chunk in chunks for found in chunk] == list(read(trace))


def test_sync_first_and_last() -> None:
    """A sync event comes first, one before each further generation, and one last."""
    events = list(read(simple(generations=(1, 2, 3))))
    syncs = [found for found in events if isinstance(found, Sync)]
    assert [found.n for found in syncs] == [1, 2, 3, 4]
    assert events[0] is syncs[0]
    assert events[-1] is syncs[-1]


def test_times_increase() -> None:
    """Times are strictly increasing even where timestamps are equal."""
    events = [*running(1, 7), *(event("HeapAlloc", 0, i) for i in range(9))]
    trace = header(26) + batch(1, 7, 5, *events) + sync(26, 1, 5)
    times = [found.time for found in read(trace)]
    assert all(a < b for a, b in itertools.pairwise(times))


def test_state_transitions() -> None:
    """Transitions tell ids, states before and after, and the context before."""
    events = [found for found in read(simple()) if found.kind is Kind.STATE_TRANSITION]
    proc, goroutine = events
    assert isinstance(proc, ProcTransition)
    assert proc[6:] == (0, ProcState.UNDETERMINED, ProcState.RUNNING)
    assert (proc.thread, proc.proc, proc.goroutine) == (7, None, None)
    assert isinstance(goroutine, GoroutineTransition)
    assert goroutine[6:9] == (1, GoState.UNDETERMINED, GoState.RUNNING)
    assert (goroutine.thread, goroutine.proc, goroutine.goroutine) == (7, 0, None)


def _annotated() -> bytes:
    return (
        header(26)
        + strings(1, {1: b"f", 2: b"f.go", 3: b"name", 4: "größe".encode(), 5: b"\xff"})
        + stacks(1, {1: [(100, 1, 2, 30), (200, 3, 2, 40)]})
        + batch(
            1,
            7,
            1000,
            *running(1, 7),
            event("UserTaskBegin", 1, 5, 0, 3, 1),
            event("UserLog", 1, 5, 4, 5, 1),
            event("UserRegionEnd", 1, 0, 3, 0),
        )
        + batch(1, NONE, 0, event("CPUSamples"), event("CPUSample", 1003, 7, 0, 1, 1))
        + sync(26, 1, 1000)
    )


def test_stack_frames() -> None:
    """A stack is a sequence of frames, innermost first."""
    task = next(found for found in read(_annotated()) if isinstance(found, TaskBegin))
    assert [tuple(frame) for frame in task.stack] == [
        ("f", "f.go", 30, 100),
        ("name", "f.go", 40, 200),
    ]
    assert task.stack[0].function == "f"
    assert len(task.stack) == 2
    assert str(task.stack) == "f @ 0x64\n\tf.go:30\nname @ 0xc8\n\tf.go:40\n"


def test_no_stack_is_empty() -> None:
    """An event without a stack has an empty one, which is false."""
    region = next(found for found in read(_annotated()) if isinstance(found, RegionEnd))
    assert not region.stack
    assert list(region.stack) == []


def test_stacks_compare_by_frames() -> None:
    """Stacks of two readings of a trace are equal and hash alike."""
    one, other = (
        next(found for found in read(_annotated()) if isinstance(found, Log)).stack
        for _ in range(2)
    )
    assert one is not other
    assert one == other
    assert hash(one) == hash(other)


def test_annotations() -> None:
    """Tasks, logs and regions have their names; bytes that are no text survive."""
    events = {found.kind: found for found in read(_annotated())}
    task, log = events[Kind.TASK_BEGIN], events[Kind.LOG]
    assert isinstance(task, TaskBegin)
    assert isinstance(log, Log)
    assert (task.task, task.parent, task.name) == (5, None, "name")
    assert (log.task, log.category) == (5, "größe")
    assert log.message.encode("utf-8", "surrogateescape") == b"\xff"


def test_samples_come_in_time() -> None:
    """A CPU sample stands among the events by its time."""
    events = list(read(_annotated()))
    at = next(i for i, found in enumerate(events) if isinstance(found, StackSample))
    assert isinstance(events[at - 1], TaskBegin)
    assert isinstance(events[at + 1], Log)


def test_wall_time() -> None:
    """Wall time is reckoned from the generation's clock snapshot."""
    wall = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.timezone.utc)
    wall_ns = int(wall.timestamp()) * 10**9
    trace = header(26) + batch(1, 7, 1000, *running(1, 7)) + sync(26, 1, 990, wall_ns=wall_ns)
    found = list(read(trace))[1]
    assert found.generation.clock == ClockSnapshot(990 * 64, 990 * 64, wall_ns)
    assert found.wall_time_ns == wall_ns + 11 * 64
    assert found.wall_time == wall.replace(microsecond=0)


def test_no_wall_time_before_go_1_25() -> None:
    """Without a clock snapshot there is no wall time."""
    found = list(read(simple(23)))[1]
    assert found.wall_time_ns is None
    assert found.wall_time is None


def test_experimental_batches() -> None:
    """A generation's experimental batches are in its sync event, byte for byte."""
    trace = header(26) + experimental(1, 7, 5, b"\x05abc") + simple()[16:]
    first = next(read(trace))
    assert isinstance(first, Sync)
    assert first.experimental_batches["AllocFree"] == ((7, b"\x05abc"),)


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_events_are_immutable(cls: type[EventBase]) -> None:
    """No event can be changed or given further attributes."""
    found: EventBase = cls._make(range(len(cls._fields)))  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        setattr(found, "time", 1)  # noqa: B010
    with pytest.raises(AttributeError):
        setattr(found, "more", 1)  # noqa: B010


def test_events_of_different_types_differ() -> None:
    """Equal fields do not make events of two types equal."""
    begin, end = (cls._make(range(9)) for cls in EVENT_CLASSES if cls.__name__.startswith("Task"))
    assert begin != end
    assert begin == copy.copy(begin)


def test_events_can_be_pickled() -> None:
    """Events survive pickling, stacks and generations included."""
    log = next(found for found in read(_annotated()) if isinstance(found, Log))
    again = pickle.loads(pickle.dumps(log))
    assert go_text(again) == go_text(log)
    assert again.wall_time_ns == log.wall_time_ns


@pytest.mark.parametrize("version", [11, 19, 21])
def test_old_formats_are_refused(version: int) -> None:
    """A trace of Go 1.21 or earlier is refused from read itself, with words that say so."""
    with pytest.raises(TraceFormatError, match=rf"Go 1\.21 or earlier.*go 1\.{version}\)"):
        read(header(version) + b"anything")


def test_unknown_formats_are_refused() -> None:
    """A trace of a version to come is refused with words that name it."""
    with pytest.raises(TraceFormatError, match=r"unknown format of go 1\.99"):
        read(header(99))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 something else altogether", b"go 1.", b"\x1f"])
def test_no_trace_is_refused(data: bytes) -> None:
    """What is no trace is refused from read itself."""
    with pytest.raises(TraceFormatError, match="not a Go execution trace"):
        read(data)


def test_errors_are_flightrecs() -> None:
    """The errors are FlightRecorderErrors and ValueErrors."""
    assert issubclass(TruncatedTraceError, TraceFormatError)
    assert issubclass(TraceFormatError, FlightRecorderError)
    assert issubclass(TraceFormatError, ValueError)


def test_a_broken_order_is_located() -> None:
    """An event that cannot come is reported with its generation, batch, offset and reason."""
    good = simple(generations=(1,))
    start = len(good)
    bad = batch(2, 7, 2_000_000, *running(1, 7), event("GoStart", 1, 9, 1))
    reader = read(good + bad + sync(26, 2, 2_000_000))
    with pytest.raises(TraceFormatError) as caught:
        list(reader)
    error = caught.value
    assert error.generation == 2
    assert error.offset == start + len(bad) - len(event("GoStart", 1, 9, 1))
    assert f"batch of M 7 at {start}" in str(error)
    assert "GoStart g=9 g_seq=1" in str(error)


def test_a_malformed_event_is_located() -> None:
    """Bytes that are no event are reported with their place, after the events before."""
    bad = batch(1, 7, 5, *running(1, 7), b"\x7f\x01")
    trace = header(26) + bad + sync(26, 1, 5)
    with pytest.raises(TraceFormatError) as caught:
        list(read(trace))
    assert caught.value.offset == 16 + len(bad) - 2
    assert caught.value.generation == 1


def test_a_missing_string_is_located() -> None:
    """An event whose string is in no table is reported with the string's id."""
    events = [*running(1, 7), event("GoLabel", 1, 77)]
    trace = header(26) + batch(1, 7, 5, *events) + sync(26, 1, 5)
    with pytest.raises(TraceFormatError, match=r"GoLabel.*no string or stack 77"):
        list(read(trace))


@pytest.mark.parametrize("version", [22, 23, 25, 26])
@pytest.mark.parametrize("cut", [1, 20, 40])
def test_truncated_raises(version: int, cut: int) -> None:
    """A trace that is cut within its last generation raises after the generations before."""
    whole = simple(version, (1, 2))
    seen: list[Event] = []
    with pytest.raises(TruncatedTraceError):
        seen.extend(_each(whole[:-cut], seen))
    assert sum(isinstance(found, Metric) for found in seen) >= 3


def _each(trace: bytes, seen: list[Event]) -> list[Event]:
    for found in read(trace):
        seen.append(found)
    return []


@pytest.mark.parametrize("version", [22, 23, 25, 26])
def test_truncated_stops_on_request(version: int) -> None:
    """With on_truncated="stop" every cut gives whole generations and then a last sync."""
    whole = simple(version, (1, 2, 3))
    ends = [len(simple(version, range(1, n))) for n in (1, 2, 3, 4)]
    for cut in range(16, len(whole)):
        events = list(read(whole[:cut], on_truncated="stop"))
        assert isinstance(events[-1], Sync)
        generations = sum(isinstance(found, Metric) for found in events) / 3
        complete = sum(end <= cut for end in ends[1:])
        # Before Go 1.26 a generation counts as soon as it can be told that it is complete, or
        # cannot be told that it is not.
        allowed = {complete} if version >= 26 else {complete - 1, complete, complete + 1}
        assert generations in allowed, cut


def test_stop_does_not_hide_damage() -> None:
    """With on_truncated="stop" a trace that is broken, not cut, still raises."""
    whole = simple(generations=(1, 2))
    with pytest.raises(TraceFormatError):
        list(read(whole + b"\xee" * 100, on_truncated="stop"))


@pytest.mark.parametrize("version", [22, 25, 26])
def test_a_table_that_stops_short_ends_the_trace(version: int) -> None:
    """Where a table ends before a number, the trace ends quietly, as for Go's reader."""
    good = simple(version)
    bad = batch(2, NONE, 5, event("CPUSamples"), event("CPUSample", 1, 2, 3, 4, 5)[:-1])
    rest = simple(version, (2,))[16:]
    assert len(list(read(good + bad + rest))) == 7


def test_truncated_gzip() -> None:
    """A gzip file that is cut off raises, or stops on request."""
    zipped = gzip.compress(simple(generations=range(1, 50), metrics=50))[:-40]
    with pytest.raises(TruncatedTraceError):
        list(read(zipped))
    assert len(list(read(zipped, on_truncated="stop"))) > 100


def test_damaged_gzip() -> None:
    """A gzip file that is damaged raises TraceFormatError."""
    zipped = bytearray(gzip.compress(simple(generations=range(1, 50), metrics=50)))
    zipped[len(zipped) // 2 :] = bytes(len(zipped) - len(zipped) // 2)
    with pytest.raises(TraceFormatError):
        list(read(bytes(zipped)))


def test_on_truncated_is_checked() -> None:
    """Another word for on_truncated is a ValueError."""
    with pytest.raises(ValueError, match="on_truncated"):
        read(simple(), on_truncated="ignore")  # type: ignore[arg-type]


class _Endless(io.RawIOBase):
    """A trace of ever more generations, that counts those it has handed out."""

    def __init__(self) -> None:
        self.handed_out = 0

    def read(self, size: int = -1) -> bytes:
        self.handed_out += 1
        generation = self.handed_out
        return simple(generations=(generation,), metrics=1000)[0 if generation == 1 else 16 :]


def test_reading_is_lazy() -> None:
    """An event can be had before later generations are even there."""
    source = _Endless()
    reader = read(source)
    next(reader)
    assert source.handed_out <= 2


def test_memory_is_bounded_by_a_generation() -> None:
    """Ten times as many generations take no more memory."""
    peaks = []
    for count in (3, 30):
        reader = read(_Endless())
        tracemalloc.start()
        try:
            for found in reader:
                if isinstance(found, Sync) and found.n > count:
                    break
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
