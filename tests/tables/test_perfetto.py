"""What is written for Perfetto, decoded with Perfetto's own descriptors, is what the tables say."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from flightrec.cli import main
from flightrec.export.perfetto import PERFETTO_TABLES, write_perfetto
from flightrec.export.protobuf import Times, fixed64, integer, varint
from flightrec.tables import read_columns, read_tables
from tests.tables.conftest import WORKLOADS
from tests.tables.rows import each
from tests.tables.test_sql import HOSTILE_TEXT, hostile
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import TraceMaker

__all__ = ["hostile"]

BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4


class Decoded:
    """A Perfetto trace: slices, instants, counters, arrows and samples, by their tracks' names."""

    def __init__(self, data: bytes) -> None:
        protos = pytest.importorskip(
            "perfetto.protos.perfetto.trace.perfetto_trace_pb2",
            reason="the package perfetto is not installed",
        )
        trace = protos.Trace()
        trace.ParseFromString(data)
        self.tracks: dict[int, Any] = {}
        self.slices: Counter[tuple[str, str, int, int]] = Counter()
        self.instants: list[tuple[str, str, int]] = []
        self.counters: list[tuple[str, int, int]] = []
        self.arrows: dict[int, list[tuple[str, int]]] = defaultdict(lambda: [("", 0), ("", 0)])
        self.samples: list[tuple[int, int]] = []
        self.stacks: dict[int, list[tuple[str, int]]] = {}
        self.stack_of: Counter[tuple[str, int]] = Counter()
        self.arguments: list[dict[str, Any]] = []
        names: dict[int, str] = {}
        functions: dict[int, str] = {}
        frames: dict[int, tuple[str, int]] = {}
        events = []
        for packet in trace.packet:
            assert not _unknown(packet)
            interned = packet.interned_data
            names |= {entry.iid: entry.name for entry in interned.event_names}
            functions |= {e.iid: e.str.decode() for e in interned.function_names}
            for frame in interned.frames:
                frames[frame.iid] = functions[frame.function_name_id], frame.line_number
            for stack in interned.callstacks:
                self.stacks[stack.iid] = [frames[number] for number in reversed(stack.frame_ids)]
            if packet.HasField("track_descriptor"):
                self.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
            elif packet.HasField("perf_sample"):
                assert packet.perf_sample.callstack_iid in self.stacks
                self.samples.append((packet.timestamp, packet.perf_sample.callstack_iid))
            elif packet.HasField("track_event"):
                event = packet.track_event
                # A track is described and a name interned before they are used.
                assert event.track_uuid in self.tracks
                assert not event.name_iid or event.name_iid in names
                assert not event.callstack_iid or event.callstack_iid in self.stacks
                events.append((packet.timestamp, event))
        events.sort(key=lambda entry: entry[0])
        self._play(events, names)

    def _play(self, events: list[tuple[int, Any]], names: dict[int, str]) -> None:
        """Put begins and ends together, as Perfetto does: in the order of time, then the file's."""
        open_: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for time, event in events:
            track = self.tracks[event.track_uuid].name
            name = names.get(event.name_iid, "")
            for flow in event.flow_ids:
                self.arrows[flow][0] = track, time
            for flow in event.terminating_flow_ids:
                self.arrows[flow][1] = track, time
            if event.callstack_iid:
                self.stack_of[name, event.callstack_iid] += 1
            for argument in event.debug_annotations:
                self.arguments.append({argument.name: argument.string_value or argument.int_value})
            if event.type == BEGIN:
                open_[event.track_uuid].append((time, name))
            elif event.type == END:
                begin, name = open_[event.track_uuid].pop()
                self.slices[track, name, begin, time] += 1
            elif event.type == INSTANT:
                self.instants.append((track, name, time))
            else:
                assert event.type == COUNTER
                self.counters.append((track, time, event.counter_value))
        assert not any(open_.values())

    def on(self, prefix: str) -> Counter[tuple[str, str, int, int]]:
        """The slices of the tracks whose names begin so."""
        return Counter({key: n for key, n in self.slices.items() if key[0].startswith(prefix)})


def _unknown(packet: Any) -> bool:
    """Whether something was not understood at all."""
    return packet.ByteSize() > 0 and not packet.ListFields()


def encode(source: Path | bytes) -> bytes:
    """The Perfetto trace of a trace."""
    out = io.BytesIO()
    write_perfetto(read_tables(source, PERFETTO_TABLES), out)
    return out.getvalue()


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads(name: str, recorded: dict[str, Path]) -> None:
    """Of each bundled workload slices, arrows, counters and instants are those of the tables."""
    compare(recorded[name])


def test_everything(maker: TraceMaker) -> None:
    """So they are of a trace with everything in it, CPU samples too."""
    if not toolchains():
        pytest.skip("no Go toolchain was found")
    compare(maker.trace(toolchains()[-1], "profile"))
    compare(maker.trace(toolchains()[-1], "generations"))


def compare(file: Path) -> None:
    """Compare all that both have."""
    tables, found = read_columns(file, PERFETTO_TABLES), Decoded(encode(file))
    called = {
        row["goroutine"]: f"G{row['goid']} {row['name']}".rstrip()
        for row in each(tables, "goroutines")
    }
    states, on_proc, on_thread = Counter[Any](), Counter[Any](), Counter[Any]()
    for row in each(tables, "goroutine_states"):
        name = f"{row['state']}: {row['reason']}" if row["reason"] else row["state"]
        begin, end = row["begin_ns"], row["end_ns"]
        states[called[row["goroutine"]], name, begin, end] += 1
        if row["state"] == "Running":
            on_proc[f"P{row['proc']}", begin, end] += row["proc"] is not None
            on_thread[f"M{row['thread']}", begin, end] += row["thread"] is not None
    ranges = Counter(
        (row["name"], row["begin_ns"], row["end_ns"]) for row in each(tables, "ranges")
    )
    names = {row["name"] for row in each(tables, "ranges")}
    assert found.on("G") - _of(found, names) == states
    assert _without_name(found.on("P")) == +on_proc
    assert _without_name(found.on("M")) == +on_thread
    assert Counter(key[1:] for key in _of(found, names).elements()) == ranges
    _compare_annotations(tables, found, called)
    _compare_arrows(tables, found, called)
    _compare_points(tables, found)


def _of(found: Decoded, names: set[str]) -> Counter[tuple[str, str, int, int]]:
    return Counter({key: n for key, n in found.slices.items() if key[1] in names})


def _without_name(slices: Counter[tuple[str, str, int, int]]) -> Counter[Any]:
    return Counter((track, *stretch) for track, _, *stretch in slices.elements())


def _compare_annotations(tables: Any, found: Decoded, called: dict[int, str]) -> None:
    regions = Counter(
        (row["name"], row["begin_ns"], row["end_ns"]) for row in each(tables, "regions")
    )
    assert Counter(key[1:] for key in found.on("regions").elements()) == regions
    tasks = {
        (row["name"] or "(task)", row["begin_ns"], row["end_ns"]) for row in each(tables, "tasks")
    }
    assert tasks <= {key[1:] for key in found.slices}
    for row in each(tables, "logs"):
        track = called[row["goroutine"]]
        assert (track, row["category"] or "log", row["time_ns"]) in found.instants


def _compare_arrows(tables: Any, found: Decoded, called: dict[int, str]) -> None:
    """An arrow for each wakeup by a goroutine, from the waker to the woken, at its time."""
    wakeups = Counter(
        (called[row["waker"]], called[row["goroutine"]], row["time_ns"])
        for row in each(tables, "wakeups")
        if row["waker"] is not None
    )
    arrows = Counter(
        (waker, woken, time)
        for (waker, time), (woken, until) in found.arrows.values()
        if time == until
    )
    assert arrows == wakeups
    assert len(found.arrows) == sum(wakeups.values())


def _compare_points(tables: Any, found: Decoded) -> None:
    metrics = Counter(
        (row["name"], row["time_ns"], row["value"]) for row in each(tables, "metrics")
    )
    assert Counter(found.counters) == metrics
    samples = Counter(
        (row["time_ns"], row["stack"]) for row in each(tables, "samples") if row["stack"]
    )
    assert Counter(found.samples) == samples
    frames = {row["frame"]: row for row in each(tables, "frames")}
    stacks: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for row in each(tables, "stack_frames"):
        frame = frames[row["frame"]]
        stacks[row["stack"]].append((frame["function"], frame["line"]))
    assert found.stacks == dict(stacks)
    for row in each(tables, "goroutine_states"):
        if row["state"] == "Waiting" and row["stack"] is not None:
            name = f"Waiting: {row['reason']}" if row["reason"] else "Waiting"
            assert found.stack_of[name, row["stack"]] > 0


def test_groups(recorded: dict[str, Path]) -> None:
    """Every track is below one of the groups, and those are below the process."""
    found = Decoded(encode(recorded["gc_churn"]))
    groups = {"Ps", "Ms", "Goroutines", "Tasks", "GC and stop-the-world", "Metrics"}
    process = next(track for track in found.tracks.values() if track.HasField("process"))
    for track in found.tracks.values():
        top = []
        while track.uuid != process.uuid:
            top.append(track.name)
            track = found.tracks[track.parent_uuid]
        assert not top or top[-1] in groups
    units = {t.name: t.counter.unit for t in found.tracks.values() if t.HasField("counter")}
    assert units["/memory/classes/heap/objects:bytes"] == 3


def test_hostile_text(hostile: Path) -> None:
    """Names and logs are there as they are, as the viewer makes them harmless."""
    found = Decoded(encode(hostile))
    assert {"message": HOSTILE_TEXT} in found.arguments
    assert HOSTILE_TEXT in {name for _, name, *_ in found.slices}


def test_command(recorded: dict[str, Path], tmp_path: Path) -> None:
    """``flightrec export --format perfetto`` writes it beside the trace, or where it is told."""
    trace = tmp_path / "t.trace"
    trace.write_bytes(recorded["idle"].read_bytes())
    assert main(["export", str(trace), "--format", "perfetto"]) == 0
    assert (tmp_path / "t.pftrace").read_bytes() == encode(trace)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16383, 16384, 1 << 40, (1 << 63) - 1, -1])
def test_encoding(value: int) -> None:
    """Numbers are encoded as Google's own package does it."""
    protos: Any = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    event = protos.TrackEvent()
    event.ParseFromString(integer(30, value) + fixed64(47, value))
    assert event.counter_value == value
    assert event.flow_ids[0] == value % (1 << 64)
    assert event.SerializeToString().startswith(b"\xf0\x01" + varint(value))


def test_times() -> None:
    """The quick encoding of times is the ordinary one."""
    times = Times()
    for time in (1 << 14, (1 << 14) + 1, (1 << 21) - 1, 1 << 21, 10**15 + 12345, (1 << 63) - 1):
        assert Times.low[time & 0x3FFF] + times[time >> 14] == varint(time)
    for high in range(1, 30_000):
        assert times[high] == varint(high)
    assert len(times) < 25_000
