"""Several threads at once: whatever they do to a recorder, it is in one state or the other."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

import flightrec
from flightrec import AlreadyEnabledError, NotEnabledError, SnapshotActiveError
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread, running, together
from tests.helpers_go import Judge


def test_snapshots_from_many_threads(make_recorder: MakeRecorder, judge: Judge) -> None:
    """Eight threads take snapshots under load: all succeed, and all are valid."""
    recorder = make_recorder(max_bytes=256 << 10)
    recorder.start()
    with running(recorder.runtime, "pingpong", pairs=1):
        got = together(8, lambda _: [recorder.snapshot() for _ in range(5)])
    recorder.stop()
    distinct: dict[int, flightrec.Snapshot] = {}
    for snapshots in got:
        assert isinstance(snapshots, list), snapshots
        for earlier, later in itertools.pairwise(snapshots):
            assert later.end_ns > earlier.end_ns
        distinct.update((id(snapshot), snapshot) for snapshot in snapshots)
    smallest = sorted(distinct.values(), key=lambda snapshot: snapshot.nbytes)[:2]
    for snapshot in smallest:
        judge.check(snapshot)


def test_one_write_at_a_time(make_recorder: MakeRecorder) -> None:
    """While a write is in its file, every other is refused; afterwards the next succeeds."""
    recorder = make_recorder()
    recorder.start()
    entered, leave = threading.Event(), threading.Event()

    class Stuck(io.BytesIO):
        def write(self, data: object) -> int:
            entered.set()
            assert leave.wait(DEADLINE)
            return super().write(data)  # type: ignore[arg-type]

    file = Stuck()
    writing = Thread(recorder.write_to, file)
    assert entered.wait(DEADLINE)
    for outcome in together(4, lambda _: recorder.write_to(io.BytesIO())):
        assert isinstance(outcome, SnapshotActiveError)
    leave.set()
    assert writing.result() == len(file.getvalue())
    assert recorder.write_to(io.BytesIO()) > 16
    recorder.stop()


def test_stop_waits_for_a_write(make_recorder: MakeRecorder, judge: Judge) -> None:
    """A stop waits until the write in progress is done, and what that writes is whole.

    It waits no longer than it was asked to, whatever another stop does.
    """
    recorder = make_recorder()
    recorder.start()
    entered, leave = threading.Event(), threading.Event()

    class Stuck(io.BytesIO):
        def write(self, data: object) -> int:
            entered.set()
            assert leave.wait(DEADLINE)
            return super().write(data)  # type: ignore[arg-type]

    file = Stuck()
    writing = Thread(recorder.write_to, file)
    assert entered.wait(DEADLINE)
    stop_begun = threading.Event()

    def stop() -> None:
        stop_begun.set()
        recorder.stop()
        assert not writing.running or writing.result()

    stopping = Thread(stop)
    assert stop_begun.wait(DEADLINE)
    assert not threading.Event().wait(0.05)
    assert stopping.running
    with pytest.raises(TimeoutError, match="a write_to of this flight recorder is in progress"):
        recorder.stop(timeout=0.01)
    assert stopping.running
    assert recorder.enabled
    leave.set()
    assert writing.result() == len(file.getvalue())
    stopping.result()
    assert not recorder.enabled
    judge.check(file.getvalue())


def test_stop_waits_for_another(make_recorder: MakeRecorder) -> None:
    """Each of several callers of stop waits as long as it asked for; one of them stops it."""
    entered, leave = threading.Event(), threading.Event()

    def policy(ring: tuple[Any, ...], finished: Any, **_: object) -> tuple[Any, ...]:
        entered.set()
        assert leave.wait(DEADLINE)
        return (*ring, finished)

    recorder = make_recorder(policy=policy)
    recorder.start()
    stopping = Thread(recorder.stop)
    assert entered.wait(DEADLINE)
    with pytest.raises(TimeoutError, match="the retention policy did not return"):
        recorder.stop(timeout=0.01)
    assert stopping.running
    leave.set()
    stopping.result()
    with pytest.raises(NotEnabledError):
        recorder.stop()


@pytest.mark.parametrize("storage", ["native", "python"])
def test_starts_and_stops_race(make_recorder: MakeRecorder, storage: str) -> None:
    """Threads that start and stop one recorder get what they asked for or are told why not."""
    recorder = make_recorder(storage=storage)

    def work(number: int) -> list[str]:
        outcomes = []
        for _ in range(30):
            for call in (recorder.start, recorder.stop)[:: 1 if number % 2 else -1]:
                try:
                    call()
                    outcomes.append(call.__name__)
                except (AlreadyEnabledError, NotEnabledError):
                    pass
        return outcomes

    done = [name for names in together(4, work) if isinstance(names, list) for name in names]
    starts, stops = done.count("start"), done.count("stop")
    assert starts > 0
    assert starts - stops == recorder.enabled
    if recorder.enabled:
        recorder.stop()


def test_one_start_wins(make_recorder: MakeRecorder) -> None:
    """Of many starts of one recorder at once exactly one succeeds, and so of many stops."""
    recorders = [make_recorder() for _ in range(4)]
    for _ in range(20):
        outcomes = together(8, lambda number: recorders[number % 4].start())
        assert outcomes.count(None) == 4
        assert all(o is None or isinstance(o, AlreadyEnabledError) for o in outcomes)
        assert all(recorder.enabled for recorder in recorders)
        stops = together(8, lambda number: recorders[number % 4].stop())
        assert stops.count(None) == 4
        assert all(o is None or isinstance(o, NotEnabledError) for o in stops)


def test_everything_at_once(make_recorder: MakeRecorder) -> None:
    """Snapshots, writes, statistics and settings beside starts and stops: only our own errors."""
    recorder = make_recorder(max_bytes=256 << 10)

    def restart() -> None:
        recorder.start()
        recorder.stop()

    calls: list[Callable[[], object]] = [
        restart,
        restart,
        recorder.snapshot,
        lambda: recorder.snapshot(last=0.1),
        lambda: recorder.write_to(io.BytesIO()),
        recorder.stats,
        lambda: recorder.set_size(1 << 20),
        lambda: repr(recorder),
    ]
    expected = (AlreadyEnabledError, NotEnabledError, SnapshotActiveError)

    def work(number: int) -> int:
        done = 0
        for _ in range(60):
            try:
                calls[number]()
                done += 1
            except expected:
                pass
        return done

    outcomes = together(len(calls), work)
    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    if recorder.enabled:
        recorder.stop()


@pytest.mark.matrix
def test_snapshots_come_and_go_at_once(child: Child) -> None:
    """Threads that take snapshots and throw them away release each reference once."""
    child.run(
        """
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime, max_bytes=1 << 20)
        recorder.start()

        def take():
            for _ in range(400):
                recorder.snapshot()

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        recorder.stop()
        assert runtime.cdll.flightrec_generation_count() == 0
        """
    )
