"""Statistics of a recorder: what each says, from before the start to after the stop."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

import flightrec
from tests.conftest import MakeRecorder
from tests.helpers import running, until

both = pytest.mark.parametrize("storage", ["native", "python"])


def test_before_the_start(make_recorder: MakeRecorder) -> None:
    """A recorder that was never started has recorded nothing."""
    stats = make_recorder().stats()
    assert not stats.enabled
    assert stats.oldest_ns is None
    values = dataclasses.asdict(stats)
    assert all(not value for value in values.values())


def test_frozen(make_recorder: MakeRecorder) -> None:
    """Statistics are a value: they do not change, and every field has a name."""
    stats = make_recorder().stats()
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.generations = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        flightrec.RecorderStats(True)  # type: ignore[call-arg]


@both
def test_while_recording(make_recorder: MakeRecorder, storage: str) -> None:
    """The numbers fit together, and fit the snapshot."""
    recorder = make_recorder(storage=storage, min_age=1000)
    recorder.start()
    for _ in range(3):
        snapshot = recorder.snapshot()
    stats = recorder.stats()
    assert stats.enabled
    assert stats.generations >= len(snapshot.generations) >= 3
    assert stats.ring_bytes >= snapshot.nbytes - 16
    assert stats.total_generations >= stats.generations
    assert stats.total_batches >= sum(g.batches for g in snapshot.generations)
    assert stats.total_bytes >= snapshot.nbytes
    assert stats.dropped_generations == 0
    assert stats.ring_bytes <= stats.window_bytes <= stats.peak_window_bytes
    assert stats.deliveries > 0
    assert stats.oldest_ns == snapshot.start_ns
    assert stats.age_ns > 0
    assert stats.advance_bytes == (10 << 20) // 5
    if storage == "native":
        assert stats.native_bytes >= stats.window_bytes
    recorder.stop()


@both
def test_after_the_stop(make_recorder: MakeRecorder, storage: str) -> None:
    """After a stop the statistics are those of the recording's end, until the next start."""
    recorder = make_recorder(storage=storage)
    recorder.start()
    recorder.snapshot()
    before = recorder.stats()
    recorder.stop()
    after = recorder.stats()
    assert not after.enabled
    assert after.generations >= before.generations > 0
    assert after.total_bytes >= before.total_bytes
    assert after.queued_bytes == 0
    assert recorder.stats() == after
    recorder.start()
    fresh = recorder.stats()
    assert fresh.enabled
    assert fresh.total_generations <= 1
    recorder.stop()


@both
def test_growth(make_recorder: MakeRecorder, storage: str) -> None:
    """Totals never go down, and grow with what is recorded."""
    recorder = make_recorder(storage=storage, max_bytes=1 << 20)
    recorder.start()
    totals = []
    for _ in range(4):
        recorder.runtime.run("pingpong", pairs=1, duration=0.01)
        recorder.snapshot()
        stats = recorder.stats()
        totals.append((stats.total_bytes, stats.total_batches, stats.total_generations))
    recorder.stop()
    for earlier, later in itertools.pairwise(totals):
        assert all(b > a for a, b in zip(earlier, later, strict=True))


@both
def test_early_advances(make_recorder: MakeRecorder, storage: str) -> None:
    """A small window under load ends its generations early, and counts that."""
    recorder = make_recorder(max_bytes=1 << 20, storage=storage)
    recorder.start()
    recorder.snapshot()
    assert recorder.stats().early_advances == 0
    with running(recorder.runtime, "pingpong", pairs=2, duration=60):
        until(lambda: recorder.stats().early_advances > 0, "a generation is ended early")
    recorder.snapshot()
    assert recorder.stats().total_generations > 1
    recorder.stop()
