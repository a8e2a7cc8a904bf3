"""Snapshots: immutable, shared, independent of the recorder, and with times that mean something."""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import io
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import wire
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Thread, together
from tests.helpers_go import Judge
from tests.helpers_streams import finish, replay, take
from tests.test_assembly import END, FREQUENCY, NEW
from tests.test_wire import batch

both = pytest.mark.parametrize("storage", ["native", "python"])


@pytest.mark.matrix
@both
def test_what_a_snapshot_says(make_recorder: MakeRecorder, go_minor: int, storage: str) -> None:
    """A snapshot's header, generations and sizes are those of the bytes it writes."""
    recorder = make_recorder(storage=storage)
    recorder.start()
    for _ in range(3):
        snapshot = recorder.snapshot()
    recorder.stop()
    content = bytes(snapshot)
    assert content[:16] == snapshot.header
    # A version that changed nothing names the one before.
    assert wire.header_version(snapshot.header) == {24: 23, 27: 26}.get(go_minor, go_minor)
    assert snapshot.nbytes == len(content)
    assert snapshot.nbytes == 16 + sum(g.nbytes for g in snapshot.generations)
    numbers = [generation.number for generation in snapshot.generations]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) >= 3
    for each in snapshot.generations:
        assert each.batches > 0
        assert each.units_per_second == recorder.runtime.clock_units_per_second
    assert repr(snapshot) == f"<Snapshot {len(numbers)} generations, {len(content)} bytes>"


@both
def test_all_ways_to_the_bytes(make_recorder: MakeRecorder, tmp_path: Path, storage: str) -> None:
    """save, write_to a path, write_to a file and bytes() give the same, as often as one likes."""
    recorder = make_recorder(storage=storage)
    recorder.start()
    snapshot = recorder.snapshot()
    for _ in range(2):
        file = io.BytesIO()
        assert snapshot.save(tmp_path / "a") == snapshot.nbytes
        assert snapshot.write_to(str(tmp_path / "b")) == snapshot.nbytes
        assert snapshot.write_to(file) == snapshot.nbytes
        assert (
            bytes(snapshot)
            == file.getvalue()
            == (tmp_path / "a").read_bytes()
            == (tmp_path / "b").read_bytes()
        )
    recorder.stop()


@both
def test_snapshot_outlives_the_recording(
    make_recorder: MakeRecorder, judge: Judge, storage: str
) -> None:
    """A snapshot stays what it was while the recorder goes on, stops, starts and is gone."""
    recorder = make_recorder(max_bytes=1, storage=storage)
    recorder.start()
    recorder.runtime.log("mark", "first")
    snapshot = recorder.snapshot()
    before = bytes(snapshot)
    for _ in range(3):
        recorder.snapshot()  # each takes the place of the one before in the window
    assert bytes(snapshot) == before
    recorder.stop()
    assert bytes(snapshot) == before
    recorder.start()
    recorder.snapshot()
    recorder.stop()
    del recorder
    gc.collect()
    assert bytes(snapshot) == before
    assert any(event.kind == "Log" for event in judge.events(snapshot))


def test_immutable(recorder: flightrec.FlightRecorder) -> None:
    """Nothing in a snapshot can be set."""
    snapshot = recorder.snapshot()
    for name in ("header", "generations", "nbytes", "start_ns", "end_ns", "other"):
        with pytest.raises(AttributeError):
            setattr(snapshot, name, None)
    generation = snapshot.generations[0]
    for field in dataclasses.fields(generation):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(generation, field.name, None)
    assert isinstance(snapshot.generations, tuple)


def test_memory_goes_with_the_snapshot(make_recorder: MakeRecorder) -> None:
    """What a snapshot has of a stopped recording goes when the last snapshot goes."""
    recorder = make_recorder()
    recorder.start()
    first, second = recorder.snapshot(), recorder.snapshot()
    recorder.stop()
    count = recorder.runtime.cdll.flightrec_generation_count
    assert count() >= 2
    del first
    assert count() >= 2
    del second
    assert count() == 0


def test_window_is_not_copied(make_recorder: MakeRecorder) -> None:
    """Two snapshots of one window refer to the same memory."""
    recorder = make_recorder(min_age=1000)
    recorder.start()
    recorder.snapshot()
    one, two = recorder.snapshot(flush=False), recorder.snapshot(flush=False)
    recorder.stop()
    addresses = []
    for snapshot in (one, two):
        hold = snapshot.generations[0].hold()
        assert hold is not None
        addresses.append(ctypes.addressof(hold.references[0].contents))  # type: ignore[attr-defined]
    assert addresses[0] == addresses[1]


# ---- sharing


def test_callers_at_once_share(runtime: flightrec.GoRuntime) -> None:
    """Snapshots that are taken at the same time refer to the same memory."""
    entered, leave = threading.Event(), threading.Event()

    def policy(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        entered.set()
        assert leave.wait(DEADLINE)
        return (*ring, finished)

    recording = replay(runtime, policy=policy)
    try:
        for chunk in (NEW, batch(1, payload=FREQUENCY), END):
            recording.session.feed(chunk)
        assert entered.wait(DEADLINE)
        threads = [Thread(lambda: take(recording)) for _ in range(8)]
        leave.set()
        holds = [thread.result() for thread in threads]
        addresses = {ctypes.addressof(hold.references[0].contents) for hold in holds}
        assert len(addresses) == 1
        assert runtime.cdll.flightrec_generation_count() == 1
    finally:
        leave.set()
        finish(recording)


def test_snapshot_has_all_before_the_call(make_recorder: MakeRecorder, judge: Judge) -> None:
    """Shared or not, a snapshot has what its caller logged before it asked."""
    recorder = make_recorder(max_bytes=4 << 20)
    recorder.start()
    runtime = recorder.runtime

    def log_and_take(number: int) -> flightrec.Snapshot:
        runtime.log("caller", str(number))
        return recorder.snapshot()

    snapshots = together(8, log_and_take)
    recorder.stop()
    distinct: dict[int, set[str]] = {}
    for number, snapshot in enumerate(snapshots):
        assert isinstance(snapshot, flightrec.Snapshot)
        if id(snapshot) not in distinct:
            distinct[id(snapshot)] = {
                event.value("Message") for event in judge.events(snapshot) if event.kind == "Log"
            }
        assert str(number) in distinct[id(snapshot)]


def test_later_caller_gets_a_new_one(recorder: flightrec.FlightRecorder) -> None:
    """A snapshot that was complete before the call is not given out again."""
    first = recorder.snapshot()
    second = recorder.snapshot()
    assert first is not second
    assert second.end_ns > first.end_ns


def test_recorder_does_not_keep_snapshots(recorder: flightrec.FlightRecorder) -> None:
    """The recorder holds no snapshot itself."""
    kept = weakref.ref(recorder.snapshot())
    gc.collect()
    assert kept() is None


# ---- times


linux = pytest.mark.skipif(sys.platform != "linux", reason="the trace clock is Linux's here")


@linux
@pytest.mark.matrix
def test_trace_clock_is_monotonic_ns(runtime: flightrec.GoRuntime) -> None:
    """The trace clock and time.monotonic_ns() are the same clock."""
    for _ in range(100):
        before = time.monotonic_ns()
        ticks = runtime.clock_now()
        after = time.monotonic_ns()
        assert before // 64 <= ticks <= after // 64
        assert before - 64 <= runtime.ticks_to_ns(ticks) <= after
    before = time.monotonic_ns()
    now = runtime.now_ns()
    assert before <= now <= time.monotonic_ns()


@linux
@pytest.mark.matrix
@both
def test_times_compare_with_monotonic_ns(
    make_recorder: MakeRecorder, judge: Judge, storage: str
) -> None:
    """Times of snapshots, generations, statistics and events compare with time.monotonic_ns()."""
    recorder = make_recorder(storage=storage, min_age=1000)
    before = time.monotonic_ns()
    recorder.start()
    between = []
    for number in range(3):
        recorder.runtime.log("number", str(number))
        between.append(time.monotonic_ns())
        snapshot = recorder.snapshot()
    stats = recorder.stats()
    after = time.monotonic_ns()
    recorder.stop()
    unit = 64  # ns, of the trace clock
    generations = snapshot.generations
    assert snapshot.start_ns == min(g.start_ns for g in generations)
    assert before - unit <= snapshot.start_ns <= snapshot.end_ns <= after
    ends = [before - unit]
    for generation in generations:
        assert before - unit <= generation.start_ns <= generation.end_ns <= after
        assert generation.end_ns > ends[-1]
        ends.append(generation.end_ns)
    assert snapshot.end_ns >= between[-1]
    assert stats.oldest_ns == snapshot.start_ns
    assert snapshot.end_ns - snapshot.start_ns <= stats.age_ns <= after - before + unit
    logs = [event.time for event in judge.events(snapshot) if event.kind == "Log"]
    for logged, earlier, later in zip(logs, [before, *between], between, strict=False):
        assert earlier - unit <= logged <= later


def test_in_a_notebook(recorder: flightrec.FlightRecorder) -> None:
    """A notebook shows a snapshot as a card with its size and what ran."""
    recorder.runtime.run("pingpong", pairs=1, duration=0.01)
    snapshot = recorder.snapshot()
    card = snapshot._repr_html_()
    assert card.startswith("<")
    assert "pingpong" in card
