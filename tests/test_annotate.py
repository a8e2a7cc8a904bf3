"""Tasks, regions and logs from Python: where they are in the trace, and when they cost nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec.annotate import tasks
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread, together
from tests.helpers_annotate import shape, user_events
from tests.helpers_go import Judge


@pytest.fixture
def recorder(make_recorder: MakeRecorder) -> Iterator[flightrec.FlightRecorder]:
    """Return a recorder that is started."""
    recorder = make_recorder(max_bytes=4 << 20, min_age=1000)
    recorder.start()
    yield recorder
    if recorder.enabled:
        recorder.stop()


@pytest.fixture
def calls(runtime: flightrec.GoRuntime, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the calls into Go."""
    counted: list[str] = []
    annotations = runtime._annotations
    for name in ("_task_begin", "_task_end", "_log", "_region_begin", "_region_end"):
        function = getattr(annotations, name)

        def call(*arguments: Any, name: str = name, function: Any = function) -> Any:
            counted.append(name.strip("_"))
            return function(*arguments)

        monkeypatch.setattr(annotations, name, call)
    return counted


@pytest.mark.matrix
def test_nesting(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Task, region and log nest as in the with statements, and belong to the task around them."""
    runtime = recorder.runtime
    with runtime.task("outer") as outer:
        with runtime.region("r1"):
            runtime.log("c", "in r1")
            with runtime.task("inner") as inner, runtime.region("r2"):
                runtime.log("c", "in r2")
        runtime.log("c", "after r1")
    runtime.log("c", "outside")
    events = user_events(judge, recorder)
    assert shape(events) == [
        "TaskBegin outer",
        "RegionBegin r1",
        "Log in r1",
        "TaskBegin inner",
        "RegionBegin r2",
        "Log in r2",
        "RegionEnd r2",
        "TaskEnd inner",
        "RegionEnd r1",
        "Log after r1",
        "TaskEnd outer",
        "Log outside",
    ]
    by_shape = dict(zip(shape(events), events, strict=True))
    outer_id = by_shape["TaskBegin outer"].value("ID")
    inner_id = by_shape["TaskBegin inner"].value("ID")
    assert outer_id != inner_id
    assert by_shape["TaskBegin inner"].value("Parent") == outer_id
    for name, task in [
        ("RegionBegin r1", outer_id),
        ("Log in r1", outer_id),
        ("RegionBegin r2", inner_id),
        ("Log in r2", inner_id),
        ("Log after r1", outer_id),
        ("Log outside", "0"),
    ]:
        assert by_shape[name].value("Task") == task, name
    assert by_shape["Log in r1"].value("Category") == "c"
    assert (outer.name, inner.name, inner.parent) == ("outer", "inner", outer)


@pytest.mark.matrix
def test_two_threads(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Two Python threads are two goroutines, each with its own tasks, in its own order."""
    runtime = recorder.runtime
    turn = threading.Barrier(2)

    def work(number: int) -> None:
        with runtime.task(f"task {number}"):
            turn.wait(DEADLINE)
            with runtime.region(f"region {number}"):
                turn.wait(DEADLINE)
                runtime.log("thread", f"log {number}")
            turn.wait(DEADLINE)

    assert together(2, work) == [None, None]
    events = user_events(judge, recorder)
    goroutines = []
    for number in range(2):
        own = [
            event
            for event, text in zip(events, shape(events), strict=True)
            if text.endswith(str(number))
        ]
        assert shape(own) == [
            f"TaskBegin task {number}",
            f"RegionBegin region {number}",
            f"Log log {number}",
            f"RegionEnd region {number}",
            f"TaskEnd task {number}",
        ]
        assert len({event.goroutine for event in own}) == 1
        goroutines.append(own[0].goroutine)
        task = own[0].value("ID")
        assert own[1].value("Task") == own[2].value("Task") == task
    assert goroutines[0] != goroutines[1]


@pytest.mark.matrix
def test_task_ends_on_another_thread(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A task may end on another thread than it was begun on, and be logged to from any."""
    task = recorder.runtime.task("wanders")
    task.log("a", "here")

    def finish() -> None:
        with task.region("there"):
            task.log("a", "there")
        task.end()

    Thread(finish).result()
    task.end()  # a second end does nothing
    task.log("a", "too late for the task")
    events = user_events(judge, recorder)
    assert shape(events) == [
        "TaskBegin wanders",
        "Log here",
        "RegionBegin there",
        "Log there",
        "RegionEnd there",
        "TaskEnd wanders",
        "Log too late for the task",
    ]
    begin, here, _, there, _, end, late = events
    assert begin.goroutine == here.goroutine
    assert there.goroutine == end.goroutine != begin.goroutine
    assert end.value("ID") == begin.value("ID")
    assert late.value("Task") == "0"


def test_task_as_current_ends_on_another_thread(
    recorder: flightrec.FlightRecorder, judge: Judge
) -> None:
    """A with statement of a task may be left on another thread or in another context."""
    task = recorder.runtime.task("current")
    task.__enter__()
    Thread(task.__exit__, None, None, None).result()
    tasks._current_task.set(None)
    assert shape(user_events(judge, recorder)) == ["TaskBegin current", "TaskEnd current"]


def test_explicit_parent(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A task's parent may be named; otherwise it is the current one."""
    runtime = recorder.runtime
    first = runtime.task("first")
    with runtime.task("second") as second:
        third = runtime.task("third", parent=first)
        fourth = runtime.task("fourth")
    for task in (fourth, third, first):
        task.end()
    assert (third.parent, fourth.parent) == (first, second)
    begins = {
        event.value("Type"): event
        for event in user_events(judge, recorder)
        if event.kind == "TaskBegin"
    }
    assert begins["third"].value("Parent") == begins["first"].value("ID")
    assert begins["fourth"].value("Parent") == begins["second"].value("ID")


def test_asyncio(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """In asyncio each task of it has its own current task of the trace."""
    runtime = recorder.runtime

    async def work(number: int, mine: asyncio.Event, other: asyncio.Event) -> None:
        with runtime.task(f"task {number}"):
            mine.set()
            await other.wait()
            runtime.log("async", f"log {number}")

    async def main() -> None:
        a, b = asyncio.Event(), asyncio.Event()
        await asyncio.gather(work(0, a, b), work(1, b, a))

    asyncio.run(main())
    events = dict(zip(shape(found := user_events(judge, recorder)), found, strict=True))
    for number in range(2):
        task = events[f"TaskBegin task {number}"].value("ID")
        assert events[f"Log log {number}"].value("Task") == task


# ---- when nothing records


def test_nothing_records(runtime: flightrec.GoRuntime, calls: list[str]) -> None:
    """While nothing records no annotation calls into Go."""
    with runtime.task("t") as task, runtime.region("r"), task.region("s"):
        runtime.log("a", "b")
        task.log("a", "b")
    task.end()
    assert calls == []


def test_task_before_the_recording(
    make_recorder: MakeRecorder, judge: Judge, calls: list[str]
) -> None:
    """A task that began before the recording begins in the trace with what first happens in it."""
    recorder = make_recorder()
    runtime = recorder.runtime
    outer = runtime.task("outer")
    inner = runtime.task("inner", parent=outer)
    unused = runtime.task("unused")
    assert calls == []
    recorder.start()
    inner.log("a", "first")
    inner.end()
    outer.end()
    unused.end()
    events = shape(user_events(judge, recorder))
    recorder.stop()
    assert events == [
        "TaskBegin outer",
        "TaskBegin inner",
        "Log first",
        "TaskEnd inner",
        "TaskEnd outer",
    ]


def test_task_and_region_after_the_recording(make_recorder: MakeRecorder, judge: Judge) -> None:
    """What began during a recording may end after it, or in the next one."""
    recorder = make_recorder()
    runtime = recorder.runtime
    recorder.start()
    task, region = runtime.task("long"), runtime.region("long region")
    region.__enter__()
    recorder.stop()
    region.__exit__(None, None, None)
    task.log("a", "nobody hears it")
    recorder.start()
    task.log("a", "again")
    task.end()
    events = user_events(judge, recorder)
    recorder.stop()
    assert "Log again" in shape(events)
    assert events[-1].kind == "TaskEnd"  # Go does not know its name any more


def test_go_and_python_together(go_child: Child, judge: Judge, tmp_path: Path) -> None:
    """What Go code annotates is in the trace beside what Python does."""
    go_child.run(
        """
        runtime = flightrec.load()
        with flightrec.FlightRecorder(runtime) as recorder:
            with runtime.region("python"):
                runtime.run("annotate")
            recorder.write_to(sys.argv[1])
        """,
        tmp_path / "x",
    )
    texts = [(event.kind, event.text) for event in judge.events(tmp_path / "x")]
    for kind, text in [
        ("RegionBegin", "python"),
        ("TaskBegin", "go task"),
        ("RegionBegin", "go region"),
        ("Log", "says hello"),
        ("TaskEnd", "go task"),
        ("RegionEnd", "python"),
    ]:
        assert any(k == kind and text in t for k, t in texts), (kind, text)


# ---- Go code that Python calls


def test_workload_runs_in_the_current_task(go_child: Child, judge: Judge, tmp_path: Path) -> None:
    """A workload's context is the current task's: what it annotates, and its time, belong there."""
    go_child.run(
        """
        import asyncio
        runtime = flightrec.load()
        async def main():
            with runtime.task("in asyncio"):
                await runtime.start("annotate")
        with flightrec.FlightRecorder(runtime) as recorder:
            with runtime.task("request"):
                runtime.run("annotate")
            asyncio.run(main())
            runtime.run("annotate")
            recorder.write_to(sys.argv[1])
        """,
        tmp_path / "x",
    )
    events = judge.events(tmp_path / "x")
    named = {event.value("Type"): event for event in events if event.kind == "TaskBegin"}
    background = str((1 << 64) - 1)
    expected = [named["request"].value("ID"), named["in asyncio"].value("ID")]
    begun = [event for event in events if event.kind == "TaskBegin" and "go task" in event.text]
    assert [event.value("Parent") for event in begun[:2]] == expected
    assert begun[2].value("Parent") in ("0", background)
    regions = [
        event.value("Task")
        for event in events
        if event.kind == "RegionBegin" and event.value("Type") == "annotate"
    ]
    assert regions == expected


def test_calls_of_exports_are_in_the_region(
    recorder: flightrec.FlightRecorder, judge: Judge
) -> None:
    """An exported function that Python calls in a region runs on the goroutine of the region."""
    runtime = recorder.runtime
    with runtime.task("t"), runtime.region("call"):
        handle = runtime.start("pingpong", pairs=1, duration=0.001)  # calls an export
    handle.result()
    snapshot = bytes(recorder.snapshot())
    judge.check(snapshot)
    events = list(flightrec.trace.read(snapshot))
    begin = next(e for e in events if isinstance(e, flightrec.trace.RegionBegin))
    end = next(e for e in events if isinstance(e, flightrec.trace.RegionEnd) and e.name == "call")
    created = next(
        event
        for event in events
        if isinstance(event, flightrec.trace.GoroutineTransition)
        and "startWorkload" in str(event.transition_stack)
        and event.from_state is flightrec.trace.GoState.NOT_EXIST
    )
    assert begin.name == "call"
    assert created.goroutine == begin.goroutine == end.goroutine
    assert begin.time < created.time < end.time


def test_opened_needs_no_lock(runtime: flightrec.GoRuntime) -> None:
    """What is open is listed also while the lock of Python's list of threads is taken."""
    taken, listed = threading.Event(), threading.Event()

    def list_them() -> object:
        taken.wait(DEADLINE)
        facts = runtime._annotations.opened.as_facts()
        listed.set()
        return [each["number"] for each in facts]

    thread = Thread(list_them)  # its begin and its end take the lock
    with threading._active_limbo_lock:  # type: ignore[attr-defined]
        taken.set()
        assert listed.wait(DEADLINE)
    facts = runtime._annotations.opened.as_facts()
    assert thread.result() == [each["number"] for each in facts]
