"""The flight recorder on a real Go runtime: what Go's own tests claim of theirs, and more."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import (
    AlreadyEnabledError,
    EmptySnapshotError,
    FlightRecorderError,
    NotEnabledError,
    SnapshotActiveError,
)
from flightrec.ring import newest
from flightrec.threadnames import THREAD_CATEGORY
from tests.conftest import MakeRecorder
from tests.helpers import Child, running, together
from tests.helpers_go import Judge
from tests.helpers_streams import keep_all
from tests.test_ring import Gen

WORKLOADS = ("gc_churn", "http_server", "idle", "mutex", "pingpong", "syscalls")

# ---- what runtime/trace/flightrecorder_test.go claims


@pytest.mark.matrix
def test_double_start(make_recorder: MakeRecorder) -> None:
    """A second start is refused, and the first goes on."""
    recorder = make_recorder()
    recorder.start()
    with pytest.raises(AlreadyEnabledError, match="started already"):
        recorder.start()
    assert recorder.enabled
    assert recorder.snapshot().generations
    recorder.stop()


@pytest.mark.matrix
def test_enabled(make_recorder: MakeRecorder) -> None:
    """A recorder is enabled from its start to its stop."""
    recorder = make_recorder()
    assert not recorder.enabled
    recorder.start()
    assert recorder.enabled
    recorder.stop()
    assert not recorder.enabled


@pytest.mark.matrix
def test_disabled(make_recorder: MakeRecorder, tmp_path: Path) -> None:
    """Before the start and after the stop there is nothing to write, take or stop."""
    recorder = make_recorder()
    target = tmp_path / "x"
    for _ in range(2):
        with pytest.raises(NotEnabledError, match="not started"):
            recorder.write_to(target)
        with pytest.raises(NotEnabledError, match="not started"):
            recorder.snapshot()
        with pytest.raises(NotEnabledError, match="not started"):
            recorder.stop()
        recorder.start()
        recorder.stop()
    assert not target.exists()


@pytest.mark.matrix
def test_concurrent_write_to(make_recorder: MakeRecorder, judge: Judge) -> None:
    """Of several writes at once one at least succeeds, the others are told so, all are valid."""
    recorder = make_recorder()
    recorder.start()
    files = [io.BytesIO() for _ in range(4)]
    outcomes = together(4, lambda number: recorder.write_to(files[number]))
    recorder.stop()
    written = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert written
    for file, outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, int):
            assert outcome == len(file.getvalue()) > 16
            judge.check(file.getvalue())
        else:
            assert isinstance(outcome, SnapshotActiveError)
            assert not file.getvalue()


@pytest.mark.matrix
@pytest.mark.parametrize("storage", ["native", "python"])
def test_restarts(make_recorder: MakeRecorder, judge: Judge, storage: str) -> None:
    """A recorder can be started again, and each time its snapshot is valid and has what was new."""
    recorder = make_recorder(storage=storage)
    for number in range(5):
        recorder.start()
        recorder.runtime.log("round", str(number))
        snapshot = recorder.snapshot()
        recorder.stop()
        logs = [event for event in judge.events(snapshot) if event.kind == "Log"]
        assert [log.value("Message") for log in logs] == [str(number)]


@pytest.mark.matrix
@pytest.mark.parametrize("storage", ["native", "python"])
def test_log(make_recorder: MakeRecorder, judge: Judge, storage: str) -> None:
    """A message that was logged before a snapshot is in it."""
    recorder = make_recorder(storage=storage)
    recorder.start()
    recorder.runtime.log("message", "hello")
    file = io.BytesIO()
    assert recorder.write_to(file) == len(file.getvalue())
    recorder.stop()
    logs = [event for event in judge.events(file.getvalue()) if event.kind == "Log"]
    assert [(log.value("Category"), log.value("Message")) for log in logs] == [("message", "hello")]


@pytest.mark.matrix
@pytest.mark.parametrize("options", [{"min_age": 0.001}, {"max_bytes": 16}])
def test_generation_count(
    make_recorder: MakeRecorder, judge: Judge, options: dict[str, Any]
) -> None:
    """At a tiny age or size a snapshot has three Sync events at most, one at its very end."""
    recorder = make_recorder(**options)
    recorder.start()
    for _ in range(4):  # generations of 20 ms each
        recorder.runtime.run("pingpong", pairs=1, duration=0.02)
        snapshot = recorder.snapshot()
    stats = recorder.stats()
    recorder.stop()
    assert stats.total_generations >= 4
    kinds = [event.kind for event in judge.events(snapshot)]
    syncs = [at for at, kind in enumerate(kinds) if kind == "Sync"]
    assert 1 <= len(syncs) <= 3
    assert syncs[-1] == len(kinds) - 1
    assert len(snapshot.generations) <= 2


# ---- every snapshot can be read by Go


@pytest.mark.matrix
@pytest.mark.parametrize("storage", ["native", "python"])
def test_all_workloads_at_once(make_recorder: MakeRecorder, judge: Judge, storage: str) -> None:
    """With all bundled workloads at once, snapshot after snapshot is read by Go without error."""
    recorder = make_recorder(max_bytes=256 << 10, storage=storage)
    runtime = recorder.runtime
    assert set(WORKLOADS) <= set(runtime.workloads())
    recorder.start()
    handles = [runtime.start(name, duration=60) for name in WORKLOADS]
    try:
        snapshots = [recorder.snapshot() for _ in range(3)]
        for handle in handles:
            assert not handle.done, handle.result()
    finally:
        for handle in handles:
            handle.cancel()
        for handle in handles:
            handle.result(60)
    recorder.stop()
    for snapshot in snapshots:
        assert judge.check(snapshot) > 10


@pytest.mark.matrix
@pytest.mark.parametrize("period_ns", [1, 1_000_000])
def test_shortest_generation_period(
    child: Child, judge: Judge, tmp_path: Path, period_ns: int
) -> None:
    """With generations as short as the runtime makes them, each snapshot is read by Go."""
    done = child.run(
        """
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime, max_bytes=256 << 10, min_age=1)
        totals = []
        for turn in range(2):
            with recorder:
                handle = runtime.start("pingpong", pairs=2, duration=60)
                deadline = time.monotonic() + 50
                while recorder.stats().total_generations <= 3 and time.monotonic() < deadline:
                    time.sleep(0.001)  # the runtime ends them by itself
                for number in range(2):
                    recorder.write_to(f"{sys.argv[1]}/{turn}{number}")
                totals.append(recorder.stats().total_generations)
                handle.cancel()
                handle.result(50)
        print(min(totals))
        """,
        tmp_path,
        env={"GODEBUG": f"traceadvanceperiod={period_ns}"},
    )
    assert int(done.stdout) > 5
    files = sorted(tmp_path.iterdir())
    assert len(files) == 4
    for file in files:
        judge.check(file)


@pytest.mark.matrix
@pytest.mark.parametrize(
    "godebug", ["", "tracefpunwindoff=1", "asyncpreemptoff=1", "tracefpunwindoff=1,gctrace=0"]
)
def test_cgo_frames(go_child: Child, judge: Judge, tmp_path: Path, godebug: str) -> None:
    """Goroutines in C, and Python threads in Go, do not break the trace, whatever the unwinder."""
    go_child.run(
        """
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime, max_bytes=256 << 10)
        with recorder:
            handles = [runtime.start("c_calls", times=300) for _ in range(3)]
            for number in range(200):
                with runtime.region("python"):
                    runtime.log("number", str(number))
            for handle in handles:
                handle.result(50)
            runtime.run("pingpong", duration=0.02)
            recorder.write_to(sys.argv[1])
        """,
        tmp_path / "s",
        env={"GODEBUG": godebug} if godebug else {},
    )
    judge.check(tmp_path / "s")


@pytest.mark.matrix
def test_both_readers_agree(make_recorder: MakeRecorder, judge: Judge) -> None:
    """Our own reader finds in a snapshot as many events as Go's does.

    But for Sync events: up to Go 1.24 its reader has none at the beginning.
    """
    recorder = make_recorder(max_bytes=64 << 10)
    recorder.start()
    recorder.runtime.run("pingpong", pairs=1, duration=0.01)
    snapshot = recorder.snapshot()
    recorder.stop()
    ours = [
        type(event).__name__
        for event in flightrec.trace.read(bytes(snapshot))
        if getattr(event, "category", "") != THREAD_CATEGORY  # which judge leaves out
    ]
    theirs = [event.kind for event in judge.events(snapshot)]
    assert len(ours) - ours.count("Sync") == len(theirs) - theirs.count("Sync") > 1000


# ---- what only ours has


@pytest.mark.matrix
def test_several_recorders(make_recorder: MakeRecorder, judge: Judge) -> None:
    """Recorders share the tracer: each begins and ends where asked, and leaves the others alone."""
    runtime = make_recorder().runtime
    first, second = make_recorder(min_age=1000), make_recorder(min_age=1000, storage="python")
    first.start()
    runtime.log("when", "one")
    second.start()
    runtime.log("when", "two")
    both = judge.messages(second.snapshot(), "when")
    assert both == ["two"]
    assert judge.messages(first.snapshot(), "when") == ["one", "two"]
    first.stop()
    runtime.log("when", "three")
    assert judge.messages(second.snapshot(), "when") == ["two", "three"]
    first.start()
    runtime.log("when", "four")
    second.stop()
    assert judge.messages(first.snapshot(), "when") == ["four"]
    first.stop()


def test_context_manager(make_recorder: MakeRecorder) -> None:
    """A with statement starts and stops, also if it was stopped inside, and passes errors on."""
    recorder = make_recorder()
    with recorder as entered:
        assert entered is recorder
        assert recorder.enabled
    assert not recorder.enabled
    with recorder:
        recorder.stop()
    with pytest.raises(ZeroDivisionError), recorder:
        raise ZeroDivisionError
    assert not recorder.enabled


def test_defaults(make_recorder: MakeRecorder) -> None:
    """By default the window is 10 seconds and 10 MiB."""
    recorder = make_recorder()
    assert (recorder.min_age, recorder.max_bytes) == (10.0, 10 << 20)
    assert "not enabled" in repr(recorder)
    assert "10.0 s" in repr(recorder)


@pytest.mark.parametrize("storage", ["native", "python"])
def test_size_counts_from_the_next_start(make_recorder: MakeRecorder, storage: str) -> None:
    """A new size leaves the recording that runs as it is, and holds for the next."""
    recorder = make_recorder(max_bytes=1 << 30, min_age=1000, storage=storage)

    def generations_kept() -> int:
        for _ in range(5):
            recorder.snapshot()
        return recorder.stats().generations

    recorder.start()
    recorder.set_size(1)
    assert recorder.max_bytes == 1
    assert generations_kept() >= 5
    recorder.stop()
    recorder.start()
    assert generations_kept() == 1
    recorder.stop()


def test_period_counts_from_the_next_start(make_recorder: MakeRecorder) -> None:
    """A new age leaves the recording that runs as it is, and holds for the next."""
    recorder = make_recorder(max_bytes=1 << 30, min_age=1000)

    def generations_kept() -> int:
        for _ in range(4):
            recorder.snapshot()
        return recorder.stats().generations

    recorder.start()
    recorder.set_period(1e-9)
    assert recorder.min_age == 1e-9
    assert generations_kept() >= 4
    recorder.stop()
    recorder.start()
    assert generations_kept() == 1
    recorder.stop()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_impossible_period(make_recorder: MakeRecorder, seconds: float) -> None:
    """An age that is not a positive number of seconds is refused, and the old one stays."""
    with pytest.raises(ValueError, match="positive number of seconds"):
        make_recorder(min_age=seconds)
    recorder = make_recorder(min_age=3)
    with pytest.raises(ValueError, match="positive number of seconds"):
        recorder.set_period(seconds)
    assert recorder.min_age == 3


@pytest.mark.parametrize("nbytes", [0, -1])
def test_impossible_size(make_recorder: MakeRecorder, nbytes: int) -> None:
    """A size that is not positive is refused, and the old one stays."""
    with pytest.raises(ValueError, match="positive number of bytes"):
        make_recorder(max_bytes=nbytes)
    recorder = make_recorder(max_bytes=3)
    with pytest.raises(ValueError, match="positive number of bytes"):
        recorder.set_size(nbytes)
    assert recorder.max_bytes == 3


def test_unknown_experiment(make_recorder: MakeRecorder) -> None:
    """An experiment that there is not is refused, with those that there are."""
    with pytest.raises(ValueError, match="unknown experiment 'x'; there is allocfree"):
        make_recorder(experiments=("x",))


def test_policy_is_asked_with_each_generation(make_recorder: MakeRecorder) -> None:
    """The policy gets the ring and each finished generation, in order, on the delivery thread."""
    asked: list[tuple[tuple[int, ...], int, dict[str, int]]] = []

    def newest_two(ring: tuple[Any, ...], finished: Any, **limits: int) -> tuple[Any, ...]:
        asked.append((tuple(g.number for g in ring), finished.number, limits))
        return (*ring[-1:], finished)

    recorder = make_recorder(policy=newest_two, min_age=2.5, max_bytes=12345)
    recorder.start()
    for _ in range(4):
        snapshot = recorder.snapshot()
    recorder.stop()
    first = asked[0][1]
    assert [finished for _, finished, _ in asked] == list(range(first, first + len(asked)))
    assert asked[0][0] == ()
    for (_, before, _), (ring, finished, limits) in itertools.pairwise(asked):
        assert ring[-1] == before == finished - 1
        assert len(ring) <= 2
        assert set(limits) == {"max_bytes", "min_age_ns", "now_ns"}
        assert (limits["max_bytes"], limits["min_age_ns"]) == (12345, 2_500_000_000)
    assert len(snapshot.generations) == 2


@pytest.mark.parametrize("storage", ["native", "python"])
def test_policy_that_keeps_everything(
    make_recorder: MakeRecorder, judge: Judge, storage: str
) -> None:
    """A policy may keep more than Go's rule would; the snapshot has all of it, without a gap."""
    recorder = make_recorder(policy=keep_all, max_bytes=1, storage=storage)
    recorder.start()
    for number in range(6):
        recorder.runtime.log("number", str(number))
        snapshot = recorder.snapshot()
    recorder.stop()
    numbers = [generation.number for generation in snapshot.generations]
    assert len(numbers) >= 6
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    logs = [event.value("Message") for event in judge.events(snapshot) if event.kind == "Log"]
    assert logs == ["0", "1", "2", "3", "4", "5"]


def test_recording_goes_on_during_a_snapshot(recorder: flightrec.FlightRecorder) -> None:
    """A snapshot takes nothing from the recorder: the next one has the same and more."""
    with running(recorder.runtime, "idle", goroutines=10):
        first = recorder.snapshot()
        second = recorder.snapshot()
    assert set(first.generations) <= set(second.generations)
    assert second.generations[-1].number > first.generations[-1].number


def test_no_flush(make_recorder: MakeRecorder) -> None:
    """Without a flush a snapshot has the complete generations only; at first there is none."""
    recorder = make_recorder(min_age=1000)
    recorder.start()
    with pytest.raises(EmptySnapshotError, match="no generation of the trace is complete yet"):
        recorder.snapshot(flush=False)
    whole = recorder.snapshot()
    assert recorder.snapshot(flush=False).generations == whole.generations
    file = io.BytesIO()
    assert recorder.write_to(file, flush=False) == len(file.getvalue())
    assert file.getvalue() == bytes(whole)
    recorder.stop()


def test_flush_timeout(go_child: Child) -> None:
    """A flush that takes too long is a TimeoutError, and the recorder records on."""
    done = go_child.run(
        """
        from flightrec.ring import retain
        runtime = flightrec.load()
        leave = threading.Event()

        def policy(*arguments, **limits):
            assert leave.wait(50)
            return retain(*arguments, **limits)

        recorder = flightrec.FlightRecorder(runtime, max_bytes=256 << 10, policy=policy)
        with recorder:
            try:
                recorder.snapshot(timeout=0)
            except TimeoutError as exc:
                print(exc)
            leave.set()
            print(len(recorder.snapshot(timeout=50).generations) > 0)
        """
    )
    assert done.stdout.splitlines() == [
        "the Go runtime did not end the generation within 0 s",
        "True",
    ]


@pytest.mark.parametrize(
    ("since_ns", "kept"),
    [(0, [1, 2, 3]), (100, [1, 2, 3]), (150, [1, 2, 3]), (200, [2, 3]), (250, [2, 3]), (900, [3])],
)
def test_newest(since_ns: int, kept: list[int]) -> None:
    """The newest generations that reach back to a time are those from the one across it on."""
    ring: Any = (Gen(1, 1, 100), Gen(2, 1, 200), Gen(3, 1, 300))
    assert [generation.number for generation in newest(ring, since_ns=since_ns)] == kept
    assert newest((), since_ns=since_ns) == ()


def test_last(make_recorder: MakeRecorder, judge: Judge) -> None:
    """Only the last seconds can be taken: fewer generations, and still a valid trace."""
    recorder = make_recorder(min_age=1000, max_bytes=1 << 30)
    recorder.start()
    for _ in range(4):
        whole = recorder.snapshot()
    recorder.runtime.run("pingpong", duration=0.02)
    shorter = recorder.snapshot(last=0.001)
    everything = recorder.snapshot(last=1000)
    recorder.stop()
    assert len(whole.generations) >= 4
    assert len(shorter.generations) == 1
    assert everything.generations[: len(whole.generations)] == whole.generations
    judge.check(shorter)


def test_flush_on_the_delivery_thread(make_recorder: MakeRecorder) -> None:
    """A policy that wants a snapshot or a stop is told that it would wait for itself."""
    refused: list[str] = []

    def policy(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        for want in (recorder._recording.flush, recorder._recording.stop):  # type: ignore[union-attr]
            try:
                want()
            except FlightRecorderError as exc:
                refused.append(str(exc))
        return (finished,)

    recorder = make_recorder(policy=policy)
    recorder.start()
    recorder.snapshot()
    recorder.stop()
    assert "cannot flush on the delivery thread" in refused[0]
    assert "cannot stop on the delivery thread" in refused[1]


# ---- experiments


def _experimental_batches(snapshot: flightrec.Snapshot) -> list[bytes]:
    """Split a snapshot into its batches and return those of experiments."""
    found = []
    for generation in snapshot.generations:
        hold = generation.hold()
        assert hold is not None
        data = b"".join(hold.buffers)
        while data:
            chunk = _first_batch(data)
            if chunk[0] == 49:
                found.append(chunk)
            data = data[len(chunk) :]
    return found


def _first_batch(data: bytes) -> bytes:
    if data[0] == 52:
        return data[:1]
    at = 1 if data[0] == 1 else 2
    for _ in range(4):
        value, shift = 0, 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                break
    return data[: at + value]


@pytest.mark.matrix
def test_allocfree(make_recorder: MakeRecorder, judge: Judge, go_minor: int) -> None:
    """The AllocFree experiment's batches are in the snapshot; the next recording has none."""
    if go_minor < 23:
        pytest.skip("Go 1.22 has no AllocFree experiment")
    recorder = make_recorder(experiments=("allocfree",), max_bytes=1 << 20)
    recorder.start()
    recorder.runtime.run("gc_churn", goroutines=1, duration=0.01)
    snapshot = recorder.snapshot()
    recorder.stop()
    assert _experimental_batches(snapshot)
    judge.check(snapshot)

    other = make_recorder()
    other.start()
    other.runtime.run("gc_churn", goroutines=1, duration=0.01)
    snapshot = other.snapshot()
    other.stop()
    assert not _experimental_batches(snapshot)


@pytest.mark.matrix
def test_allocfree_byte_for_byte(
    make_recorder: MakeRecorder, runtime: flightrec.GoRuntime, go_minor: int
) -> None:
    """A batch of an experiment is in the snapshot exactly as the runtime gave it."""
    if go_minor < 23:
        pytest.skip("Go 1.22 has no AllocFree experiment")
    from tests.helpers_streams import assemble_native, record

    stream = record(
        runtime, 1, experiments=("allocfree",), workload="gc_churn", goroutines=1, duration=0.01
    )
    given = [chunk for chunk in stream[1:] if chunk[0] == 49]
    assert given
    kept = b"".join(g.content for g in assemble_native(runtime, stream).generations)
    assert kept == b"".join(stream[1:])
    assert all(chunk in kept for chunk in given)


def test_allocfree_too_late(
    make_recorder: MakeRecorder, recorder: flightrec.FlightRecorder, go_minor: int
) -> None:
    """While a recorder without it runs, one with the experiment says so; afterwards it starts."""
    if go_minor < 23:
        pytest.skip("Go 1.22 has no AllocFree experiment")
    late = make_recorder(experiments=("allocfree",))
    with pytest.raises(flightrec.BridgeError, match="traced without the AllocFree experiment"):
        late.start()
    assert not late.enabled
    with pytest.raises(flightrec.BridgeError, match="traced without the AllocFree experiment"):
        flightrec.Tracer(recorder.runtime, experiments=("allocfree",)).start(io.BytesIO())
    recorder.stop()
    late.start()


@pytest.mark.matrix
def test_allocfree_too_old(make_recorder: MakeRecorder, go_minor: int) -> None:
    """A runtime without the experiment says so, and nothing is left started."""
    if go_minor >= 23:
        pytest.skip(f"Go 1.{go_minor} has the AllocFree experiment")
    recorder = make_recorder(experiments=("allocfree",))
    with pytest.raises(FlightRecorderError, match=r"Go 1\.23 or later"):
        recorder.start()
    assert not recorder.enabled
    make_recorder().start()


def test_allocfree_leaves_the_environment(child: Child) -> None:
    """GODEBUG in Go is after the recording what it was before; other settings in it hold."""
    done = child.run(
        """
        import json
        runtime = flightrec.load()
        if int(runtime.go_version.split(".")[1]) < 23:
            print("[]")
            raise SystemExit
        getenv = runtime.cdll.getenv  # the C library's, which Go sets too
        import ctypes
        getenv.restype = ctypes.c_char_p
        seen = []
        for before in ("gctrace=0", None):
            runtime.setenv("GODEBUG", before)
            with flightrec.FlightRecorder(runtime, experiments=("allocfree",)):
                pass
            value = getenv(b"GODEBUG")
            seen.append(value and value.decode())
        print(json.dumps(seen))
        """
    )
    assert json.loads(done.stdout) in (["gctrace=0", None], [])
