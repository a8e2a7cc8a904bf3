"""``flightrec.testing``: assertions about a window, on real recordings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flightrec
from flightrec import testing
from flightrec.testing import Window, WindowAssertionError
from flightrec.trace import GoroutineTransition, GoState, Log, RangeBegin, TaskBegin
from tests.helpers import running, until
from tests.trace.tracebuilder import batch, event, header, stacks, strings, sync

_IDLE = re.compile(r"workloads\.idle")


@pytest.fixture(scope="module")
def window(runtime: flightrec.GoRuntime) -> Window:
    """A window in which tasks, logs, goroutines and pauses come and go."""
    with flightrec.FlightRecorder(runtime, max_bytes=8 << 20) as recorder:
        runtime.log("stage", "begins")
        with runtime.task("outer"):
            runtime.log("inside", "of outer")
            with runtime.region("work"):
                runtime.run("gc_churn", duration=0.03)
        runtime.log("stage", "between")
        open_task = runtime.task("unended")
        handle = runtime.start("idle", goroutines=3, duration=60)
        until(lambda: idle(recorder) == 3, "three goroutines wait")
        runtime.run("mutex", duration=0.01)
        runtime.log("stage", "ends")
        snapshot = recorder.snapshot()
        handle.cancel()
        handle.wait(30)
        open_task.end()
    return Window(snapshot)


def idle(recorder: flightrec.FlightRecorder) -> int:
    """How many goroutines of the workload ``idle`` wait."""
    found = Window(recorder.snapshot()).live().values()
    return sum(bool(_IDLE.search(one.name)) and one.state is GoState.WAITING for one in found)


def failure(error: pytest.ExceptionInfo[WindowAssertionError]) -> str:
    """The error's text."""
    return str(error.value)


# Where a window comes from.


def test_sources(runtime: flightrec.GoRuntime, tmp_path: Path) -> None:
    """A snapshot, its bytes and its file make the same window."""
    with flightrec.FlightRecorder(runtime) as recorder:
        runtime.log("a", "b")
        snapshot = recorder.snapshot()
    snapshot.save(tmp_path / "a.trace")
    windows = [Window(snapshot), Window(bytes(snapshot)), Window(tmp_path / "a.trace")]
    assert all(one.assert_logged("b") for one in windows)
    assert len({len(one.events) for one in windows}) == 1


def test_error_is_an_assertion() -> None:
    """What fails is an AssertionError, so that any test runner takes it for a failure."""
    assert issubclass(WindowAssertionError, AssertionError)


# Logs.


def test_logged(window: Window) -> None:
    """A message that was logged is found, and given back."""
    (found,) = window.assert_logged("of outer", category="inside", count=1)
    assert isinstance(found, Log)
    assert found.message == "of outer"


def test_logged_by_pattern(window: Window) -> None:
    """A message may be a pattern."""
    assert len(window.assert_logged(re.compile("^be"), category="stage")) == 2


def test_logged_in_a_part(window: Window) -> None:
    """Only what lies between two moments counts."""
    with pytest.raises(WindowAssertionError, match="was not logged"):
        window.assert_logged("of outer", since="between", until="ends")


def test_not_logged_shows_what_was(window: Window) -> None:
    """The failure of a message that is missing shows those that are there."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_logged("nonsense")
    assert "'nonsense' was not logged" in failure(error)
    assert "between" in failure(error)
    assert error.value.events == ()


def test_names_of_threads_are_not_what_was_logged(runtime: flightrec.GoRuntime) -> None:
    """The recorder's own logs, one for each thread and generation, do not stand in the way."""
    with flightrec.FlightRecorder(runtime) as recorder:
        for _ in range(8):
            recorder.snapshot()
        runtime.log("stage", "the only one")
        window = Window(recorder.snapshot())
    with pytest.raises(WindowAssertionError) as error:
        window.assert_logged("nonsense")
    assert "the only one" in failure(error)
    assert "MainThread" not in failure(error)


def test_logged_too_often(window: Window) -> None:
    """A message that comes oftener than it should fails with its events."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_logged(re.compile("."), category="stage", count=1)
    assert len(error.value.events) == 3


def test_not_logged(window: Window) -> None:
    """What must not be logged passes if it was not, and fails with the events if it was."""
    window.assert_not_logged("nonsense")
    with pytest.raises(WindowAssertionError) as error:
        window.assert_not_logged("between")
    (event,) = error.value.events
    assert isinstance(event, Log)


# Tasks.


def test_task(window: Window) -> None:
    """A task that ended in time passes, and is given back with its duration."""
    (task,) = window.assert_task("outer", max_seconds=60, count=1)
    assert (task.duration_ns or 0) >= 30_000_000


def test_slow_task(window: Window) -> None:
    """A task that took too long fails, with its duration, critical region and logs."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_task("outer", max_seconds=0.001)
    text = failure(error)
    assert "took longer than 1.00 ms" in text
    assert "region 'work'" in text
    assert "'of outer'" in text
    assert isinstance(error.value.events[0], TaskBegin)


def test_unended_task(window: Window) -> None:
    """A task that did not end fails, unless that is allowed."""
    with pytest.raises(WindowAssertionError, match="did not end"):
        window.assert_task("unended")
    assert window.assert_task("unended", complete=False)


def test_no_task(window: Window) -> None:
    """The failure of a task that is missing names those that are there."""
    with pytest.raises(WindowAssertionError, match=r"no task 'inner' began.*'outer'"):
        window.assert_task("inner")


def test_task_count(window: Window) -> None:
    """A task must have begun as often as is said."""
    with pytest.raises(WindowAssertionError, match="began 1 times, not 2"):
        window.assert_task("outer", count=2)


# Goroutines.


def test_no_leak(window: Window) -> None:
    """Goroutines that ended in time are no leak."""
    window.assert_no_goroutine_leak(since="begins", until="between", grace_seconds=60)


def test_leak(window: Window) -> None:
    """Goroutines that are left fail, with where they wait and where they were created."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_no_goroutine_leak(since="between", until="ends")
    text = failure(error)
    assert len(error.value.events) >= 3
    assert "left behind" in text
    assert "workloads.idle" in text
    assert "Waiting" in text
    assert "created at " in text
    assert "idle.go:" in text
    created = [event for event in error.value.events if isinstance(event, GoroutineTransition)]
    assert all(event.from_state is GoState.NOT_EXIST for event in created)


def test_grace(window: Window) -> None:
    """A goroutine that ends soon after the second moment is no leak; without grace it is."""
    ended = next(
        event
        for event in window.events
        if isinstance(event, GoroutineTransition)
        and event.to_state is GoState.NOT_EXIST
        and "workloads" in window.summary.goroutines[event.goid].name
    )
    before = ended.time - 1
    window.assert_no_goroutine_leak(since="begins", until=before, grace_seconds=60, ignore=_IDLE)
    with pytest.raises(WindowAssertionError):
        window.assert_no_goroutine_leak(since="begins", until=before, grace_seconds=0)


def test_leak_that_is_ignored(window: Window) -> None:
    """Goroutines by whose start function one does not mind are no leak."""
    window.assert_no_goroutine_leak(since="between", ignore=_IDLE)


def test_no_leak_between_snapshots(runtime: flightrec.GoRuntime) -> None:
    """Goroutines that came and went between two snapshots are no leak."""
    with flightrec.FlightRecorder(runtime) as recorder:
        before = recorder.snapshot()
        with running(runtime, "idle", goroutines=2, duration=60):
            until(lambda: idle(recorder) == 2, "two goroutines wait")
        until(lambda: idle(recorder) == 0, "no goroutine waits")
        runtime.run("mutex", duration=0.01)  # the last of them are still ending
        after = recorder.snapshot()
    testing.assert_no_goroutine_leak(before, after, ignore=re.compile("mutex"))


def test_leak_between_snapshots(runtime: flightrec.GoRuntime) -> None:
    """Goroutines that only the second snapshot has fail."""
    with flightrec.FlightRecorder(runtime) as recorder:
        before = recorder.snapshot()
        with running(runtime, "idle", goroutines=2, duration=60):
            until(lambda: idle(recorder) == 2, "two goroutines wait")
            after = recorder.snapshot()
    with pytest.raises(WindowAssertionError, match="left behind"):
        testing.assert_no_goroutine_leak(before, after)


@pytest.mark.matrix
def test_leak_whose_creation_is_forgotten(runtime: flightrec.GoRuntime, go_minor: int) -> None:
    """Goroutines that idle since before the second window fail, by name or with why not."""
    with flightrec.FlightRecorder(runtime) as recorder:
        before = recorder.snapshot()
    with running(runtime, "idle", goroutines=20, duration=60):
        with flightrec.FlightRecorder(runtime) as recorder:
            until(lambda: idle_or_nameless(recorder) >= 20, "twenty goroutines wait")
        with flightrec.FlightRecorder(runtime) as recorder:
            after = recorder.snapshot()
    with pytest.raises(WindowAssertionError, match="left behind") as error:
        testing.assert_no_goroutine_leak(before, after)
    if go_minor >= 23:
        assert "workloads.idle" in failure(error)
    else:
        assert "Some have no name" in failure(error)
        testing.assert_no_goroutine_leak(before, after, ignore=["", re.compile("workloads")])


def idle_or_nameless(recorder: flightrec.FlightRecorder) -> int:
    """How many goroutines wait that are of the workload ``idle``, or nobody's."""
    found = Window(recorder.snapshot()).live().values()
    return sum(
        (not one.name or bool(_IDLE.search(one.name))) and one.state is GoState.WAITING
        for one in found
    )


def test_equal_leaks_are_one_group(window: Window) -> None:
    """Goroutines that were left behind in one place are told once, with their number and ids."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_no_goroutine_leak(since="between", until="ends")
    text = failure(error)
    assert "3 goroutines (flightrec/gobridge/workloads.idle" in text
    assert text.count("idle.go:") == 2  # where they wait, and where they were created
    assert len(error.value.events) >= 3


def test_created_by_nobody() -> None:
    """A goroutine that no goroutine created is said to be a timer's or the runtime's."""
    trace = (
        header(26)
        + batch(
            1,
            7,
            1000,
            event("ProcStatus", 1, 0, 1),
            event("GoCreate", 5, 9, 1, 0),
        )
        + strings(1, {1: b"time.goFunc", 2: b"time/sleep.go"})
        + stacks(1, {1: [(100, 1, 2, 30)]})
        + sync(26, 1, 1000)
    )
    with pytest.raises(WindowAssertionError) as error:
        Window(trace).assert_no_goroutine_leak()
    assert "by a timer or the runtime" in failure(error)
    assert "no goroutine" not in failure(error).replace("on no goroutine", "")


def test_way_into_go_is_one_line(window: Window) -> None:
    """Logs and tasks of Python show where they came from in one line, not the bridge's frames."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_not_logged("of outer")
    assert "called from a C or Python thread" in failure(error)
    assert "gobridge" not in failure(error)
    assert "cgocallback" not in failure(error)


def test_goroutines_from_before_the_window(runtime: flightrec.GoRuntime) -> None:
    """Goroutines that were there when the window began are none of its leaks."""
    with running(runtime, "idle", goroutines=2, duration=60):
        with flightrec.FlightRecorder(runtime) as recorder:
            until(lambda: idle(recorder) == 2, "two goroutines wait")
        with flightrec.FlightRecorder(runtime) as recorder:
            window = Window(recorder.snapshot())
    window.assert_no_goroutine_leak()
    assert sum(bool(_IDLE.search(found.name)) for found in window.live().values()) == 2


def test_live(window: Window) -> None:
    """Which goroutines exist can be asked for any moment."""
    early = [found for found in window.live("between").values() if _IDLE.search(found.name)]
    late = [found for found in window.live("ends").values() if _IDLE.search(found.name)]
    assert not early
    assert len(late) >= 3
    assert all(found.state is GoState.WAITING for found in late)


# Pauses and delays.


def test_pauses_within_the_limit(window: Window) -> None:
    """Pauses that are short enough pass, and are given back."""
    assert window.assert_max_pause(60)


def test_long_pause(window: Window) -> None:
    """A pause that is too long fails, with its reason, who did it, and its stack."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_max_pause(1e-9, gc_only=True)
    assert "GC " in failure(error)
    assert " by goroutine " in failure(error)
    assert all(isinstance(event, RangeBegin) for event in error.value.events)
    assert "runtime." in failure(error)


def test_pauses_in_a_part(window: Window) -> None:
    """Pauses elsewhere than between two moments do not count."""
    last = window.summary.pauses[-1].end_ns
    assert window.assert_max_pause(1e-9, since=last + 1) == ()


def test_no_long_delay(window: Window) -> None:
    """Delays that are short enough pass."""
    window.assert_max_scheduling_delay(60)


def test_long_delay(window: Window) -> None:
    """A goroutine that was ready too long fails, with what made it ready and what ran instead."""
    with pytest.raises(WindowAssertionError) as error:
        window.assert_max_scheduling_delay(0.0)
    text = failure(error)
    assert "was ready for" in text
    assert "meanwhile goroutine " in text
    assert "made ready by " in text
    assert all(isinstance(event, GoroutineTransition) for event in error.value.events)


def test_delays_of_one_function(window: Window) -> None:
    """Delays may be asked for by start function."""
    window.assert_max_scheduling_delay(0.0, function="no such function")
    with pytest.raises(WindowAssertionError, match="workloads"):
        window.assert_max_scheduling_delay(0.0, function=re.compile("workloads"))


def test_delay_agrees_with_the_summary(window: Window) -> None:
    """The longest delay is the summary's."""
    longest = window.summary.delays[0].duration_ns / 1e9
    window.assert_max_scheduling_delay(longest, system=True)
    with pytest.raises(WindowAssertionError):
        window.assert_max_scheduling_delay(longest * 0.99, system=True)


# Moments.


def test_moments(window: Window) -> None:
    """A moment is a time, an event, a message or a pattern of one."""
    (event,) = window.logs("between")
    for moment in (event, event.time, "between", re.compile("betw")):
        assert window.logs(since=moment)[0] == event


def test_moment_that_is_missing(window: Window) -> None:
    """A moment that did not come is a failure, and shows what did."""
    with pytest.raises(WindowAssertionError, match="'never' was not logged") as error:
        window.assert_no_goroutine_leak(since="never")
    assert "'between'" in failure(error) or "between" in failure(error)


def test_until_comes_after_since(window: Window) -> None:
    """Moments in the wrong order are a mistake of the test's."""
    with pytest.raises(ValueError, match="before since"):
        window.logs(since=window.end_ns, until=window.begin_ns)
