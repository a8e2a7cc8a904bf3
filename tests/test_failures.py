"""The first error ends the recording, is kept, and reaches whoever asks for something next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import FlightRecorderError, TraceFormatError
from tests.conftest import MakeRecorder
from tests.helpers import Child, Thread
from tests.helpers_go import Judge
from tests.helpers_streams import finish, replay
from tests.test_assembly import END, FREQUENCY, NEW
from tests.test_wire import batch

GOOD = (NEW, batch(1, payload=FREQUENCY), END)


class PolicyError(Exception):
    """What a test's policy raises."""


def _end(recorder: flightrec.FlightRecorder) -> None:
    """Have a generation end, which calls the policy."""
    with pytest.raises(Exception):  # noqa: B017, PT011 - the test looks at it itself
        recorder.snapshot()


ASK: list[Callable[[flightrec.FlightRecorder], object]] = [
    lambda recorder: recorder.snapshot(),
    lambda recorder: recorder.write_to("/dev/null"),
    lambda recorder: recorder.stop(),
]


@pytest.mark.parametrize("storage", ["native", "python"])
def test_policy_that_raises(make_recorder: MakeRecorder, storage: str) -> None:
    """What the policy raises is raised by snapshot, write_to and stop; the tracer is stopped."""
    fault = PolicyError("no")

    def policy(*_: Any, **__: Any) -> tuple[Any, ...]:
        raise fault

    recorder = make_recorder(policy=policy, storage=storage)
    recorder.start()
    for ask in ASK:
        with pytest.raises(PolicyError) as caught:
            ask(recorder)
        assert caught.value is fault
    assert not recorder.enabled
    make_recorder().start()  # the tracer is free again


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
def test_policy_that_raises_anything(
    make_recorder: MakeRecorder, kind: type[BaseException]
) -> None:
    """Even an exception that is no Exception is neither printed nor lost."""

    def policy(*_: Any, **__: Any) -> tuple[Any, ...]:
        raise kind

    recorder = make_recorder(policy=policy)
    recorder.start()
    with pytest.raises(kind):
        recorder.snapshot()
    with pytest.raises(kind):
        recorder.stop()


@pytest.mark.parametrize("storage", ["native", "python"])
@pytest.mark.parametrize(
    "nonsense",
    [
        lambda ring, finished: (),
        lambda ring, finished: None,
        lambda ring, finished: (finished, finished),
        lambda ring, finished: (*ring, finished)[:-1] or (object(),),
        lambda ring, finished: (finished, *ring) if ring else 7,
        lambda ring, finished: "generations",
    ],
)
def test_policy_that_returns_nonsense(
    make_recorder: MakeRecorder, nonsense: Callable[..., Any], storage: str
) -> None:
    """A policy must return an end of what there is; anything else ends the recording."""

    def policy(ring: tuple[Any, ...], finished: Any, **_: Any) -> Any:
        return nonsense(ring, finished)

    recorder = make_recorder(policy=policy, storage=storage)
    recorder.start()
    with pytest.raises((ValueError, TypeError)) as first:
        recorder.snapshot()
    with pytest.raises((ValueError, TypeError)) as second:
        recorder.stop()
    assert first.value is second.value


def test_first_error_counts(make_recorder: MakeRecorder) -> None:
    """Of several errors the first is the one that is kept, and the policy is not asked again."""
    asked = []

    def policy(*_: Any, **__: Any) -> tuple[Any, ...]:
        asked.append(1)
        raise PolicyError(str(len(asked)))

    recorder = make_recorder(policy=policy)
    recorder.start()
    for _ in range(3):
        with pytest.raises(PolicyError, match="1"):
            recorder.snapshot()
    with pytest.raises(PolicyError, match="1"):
        recorder.stop()
    assert asked == [1]


def test_error_in_a_with_statement(make_recorder: MakeRecorder) -> None:
    """The recording's error leaves a with statement, unless another one does already."""

    def policy(*_: Any, **__: Any) -> tuple[Any, ...]:
        raise PolicyError

    recorder = make_recorder(policy=policy)
    with pytest.raises(PolicyError):
        with recorder:
            _end(recorder)

    def fail_otherwise() -> None:
        with recorder:
            _end(recorder)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_otherwise()


def test_restart_after_an_error(make_recorder: MakeRecorder, judge: Judge) -> None:
    """After an error, stop ends the recording, and the recorder can be started again."""
    broken = True

    def policy(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        if broken:
            raise PolicyError
        return (finished,)

    recorder = make_recorder(policy=policy)
    recorder.start()
    with pytest.raises(PolicyError):
        recorder.snapshot()
    assert recorder.enabled  # it was not stopped
    with pytest.raises(PolicyError):
        recorder.stop()
    broken = False
    recorder.start()
    judge.check(recorder.snapshot())
    recorder.stop()


def test_snapshots_outlive_an_error(make_recorder: MakeRecorder, judge: Judge) -> None:
    """A snapshot that was taken before an error stays whole."""
    limit = 2

    def policy(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        if len(ring) == limit:
            raise PolicyError
        return (*ring, finished)

    recorder = make_recorder(policy=policy)
    recorder.start()
    snapshot = recorder.snapshot()
    for _ in range(3):
        try:
            recorder.snapshot()
        except PolicyError:
            break
    with pytest.raises(PolicyError):
        recorder.stop()
    judge.check(snapshot)


@pytest.mark.parametrize("storage", ["native", "python"])
@pytest.mark.parametrize(
    ("chunk", "reason"),
    [
        (b"\x63abc", "expected batch event, got event 99"),
        (batch(2, payload=b"abc", size=9), "incomplete batch: it has 3 bytes of 9"),
        (batch(2, payload=b"abc", size=1), "2 trailing bytes after the batch"),
        (END, "broken trace: end of a generation that has no batch"),
    ],
)
def test_broken_stream(
    runtime: flightrec.GoRuntime, chunk: bytes, reason: str, storage: str
) -> None:
    """A stream that breaks ends the recording: feed, flush and failure all say what and where."""
    recording = replay(runtime, storage=storage)
    try:
        for good in GOOD:
            recording.session.feed(good)
        recording.flush(60)
        assert len(recording.hold().generations) == 1
        offset = sum(map(len, GOOD))
        with pytest.raises(TraceFormatError) as fed:
            recording.session.feed(chunk)
        with pytest.raises(TraceFormatError) as again:
            recording.session.feed(GOOD[1])
        with pytest.raises(TraceFormatError) as flushed:
            recording.flush(60)
        for caught in (fed, again, flushed):
            assert caught.value.reason == reason
            assert caught.value.offset is not None
            assert offset <= caught.value.offset <= offset + len(chunk)
        assert isinstance(recording.failure, TraceFormatError)
        assert recording.failure.reason == reason
        assert len(recording.hold().generations) == 1  # what was complete is there
    finally:
        finish(recording)


def test_feeding_a_real_trace(make_recorder: MakeRecorder) -> None:
    """A recording of the real tracer cannot be fed."""
    recorder = make_recorder()
    recorder.start()
    assert recorder._recording is not None
    with pytest.raises(FlightRecorderError, match="cannot be fed"):
        recorder._recording.session.feed(GOOD[1])
    recorder.snapshot()
    recorder.stop()


def test_unknown_session(runtime: flightrec.GoRuntime) -> None:
    """A session that does not exist is an error with its number, not a crash."""
    with pytest.raises(FlightRecorderError, match="unknown session 999999"):
        runtime._library.call("flightrec_session_stop", 999999, 0)


@pytest.mark.parametrize("storage", ["native", "python"])
def test_slow_policy_delays_the_flush_only(make_recorder: MakeRecorder, storage: str) -> None:
    """A flush returns only when Python is done with the generation, however long that takes."""
    import threading

    entered, leave = threading.Event(), threading.Event()

    def policy(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        entered.set()
        assert leave.wait(60)
        return (*ring, finished)

    recorder = make_recorder(policy=policy, storage=storage)
    recorder.start()
    with pytest.raises(TimeoutError):
        recorder.snapshot(timeout=0.05)
    taking = Thread(recorder.snapshot)
    assert entered.wait(60)
    assert taking.running
    leave.set()
    assert taking.result().generations
    recorder.stop()


# ---- someone else's trace


@pytest.mark.matrix
def test_trace_already_running(go_child: Child) -> None:
    """If the Go program traces already, start says so, and nothing is left half started."""
    go_child.run(
        """
        runtime = flightrec.load()
        runtime.run("trace_start")
        recorder = flightrec.FlightRecorder(runtime)
        for _ in range(2):
            try:
                recorder.start()
            except flightrec.TracingConflictError as exc:
                assert "already enabled" in exc.reason, exc.reason
                assert "trace.Start" in str(exc)
            else:
                raise SystemExit("it started")
            assert not recorder.enabled
            assert runtime.cdll.flightrec_session_count() == 0
            names = [thread.name for thread in threading.enumerate()]
            assert "flightrec-delivery" not in names, names
        assert runtime.run("trace_enabled") is True  # theirs goes on
        runtime.run("trace_stop")
        with recorder:
            runtime.log("a", "b")
            assert recorder.snapshot().generations
        """
    )


@pytest.mark.matrix
@pytest.mark.parametrize("storage", ["native", "python"])
@pytest.mark.parametrize("ask", ["snapshot()", "write_to(os.devnull)", "stop()"])
def test_trace_stopped_by_the_program(go_child: Child, ask: str, storage: str) -> None:
    """If the Go program stops our trace, the next flush and the stop say so; a restart works."""
    go_child.run(
        f"""
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime, storage={storage!r})
        recorder.start()
        recorder.snapshot()
        runtime.run("trace_stop")
        for call in (lambda: recorder.{ask}, recorder.stop):
            if not recorder.enabled:
                break
            try:
                call()
            except flightrec.TracingConflictError as exc:
                assert "trace.Stop" in exc.reason, exc.reason
            else:
                raise SystemExit("nothing was noticed")
        assert not recorder.enabled
        assert runtime.cdll.flightrec_session_count() == 0
        for _ in range(2):
            with recorder:
                assert recorder.snapshot().generations
        """
    )


@pytest.mark.matrix
def test_trace_stopped_and_started_by_the_program(go_child: Child) -> None:
    """If the program stops our trace and starts its own, ours ends and leaves theirs alone."""
    go_child.run(
        """
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime)
        recorder.start()
        runtime.run("trace_stop")
        runtime.run("trace_start")
        try:
            recorder.snapshot()
        except flightrec.TracingConflictError:
            pass
        else:
            raise SystemExit("nothing was noticed")
        try:
            recorder.stop()
        except flightrec.TracingConflictError:
            pass
        assert runtime.run("trace_enabled") is True
        runtime.run("trace_stop")
        with recorder:
            assert recorder.snapshot().generations
        """
    )


def test_streams_without_the_overlay(go_child: Child, judge: Judge, tmp_path: Path) -> None:
    """A stream cannot begin while the program traces, and the program's Stop ends one.

    What was written until then stays partial, and is a trace. Either error says what would help.
    """
    go_child.run(
        """
        runtime = flightrec.load()
        tracer = flightrec.Tracer(runtime)
        path = f"{sys.argv[1]}/t.trace"

        def conflicts(act):
            try:
                act()
            except flightrec.TracingConflictError as exc:
                assert "program-trace" in str(exc), exc
            else:
                raise SystemExit("no conflict")

        runtime.run("trace_start")
        conflicts(lambda: tracer.start(path))
        assert os.listdir(sys.argv[1]) == []
        runtime.run("trace_stop")
        stream = tracer.start(path)
        stream.flush()
        runtime.run("trace_stop")
        conflicts(stream.stop)
        assert not stream.files
        """,
        tmp_path,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["t.trace.partial"]
    judge.check(tmp_path / "t.trace.partial")


@pytest.mark.matrix
def test_second_trace_in_the_program(go_child: Child) -> None:
    """While we record, the program's own trace.Start fails with Go's error, and we record on."""
    go_child.run(
        """
        runtime = flightrec.load()
        with flightrec.FlightRecorder(runtime) as recorder:
            try:
                runtime.run("trace_start")
            except flightrec.WorkloadError as exc:
                assert "already enabled" in exc.reason, exc.reason
            else:
                raise SystemExit("two traces at once")
            runtime.log("still", "here")
            assert recorder.snapshot().generations
        """
    )


@pytest.mark.matrix
def test_stop_leaves_the_trace_of_the_program(go_child: Child) -> None:
    """A stop does not stop the trace that the program has started in place of ours."""
    go_child.run(
        """
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime)
        recorder.start()
        runtime.run("trace_stop")
        runtime.run("trace_start")
        try:
            recorder.stop()
        except flightrec.TracingConflictError as exc:
            assert "trace.Stop" in exc.reason, exc.reason
        else:
            raise SystemExit("nothing was noticed")
        assert runtime.run("trace_enabled") is True
        runtime.run("trace_stop")
        with recorder:
            assert recorder.snapshot().generations
        """
    )
