"""Tasks, regions and logs from Python: where they are in the trace, and when they cost nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import annotate
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread, together
from tests.helpers_go import Event, Judge


@pytest.fixture
def recorder(make_recorder: MakeRecorder) -> Iterator[flightrec.FlightRecorder]:
    """Return a recorder that is started."""
    recorder = make_recorder(max_bytes=4 << 20, min_age=1000)
    recorder.start()
    yield recorder
    if recorder.enabled:
        recorder.stop()


def user_events(judge: Judge, recorder: flightrec.FlightRecorder) -> list[Event]:
    """Take a snapshot and return the tasks', regions' and logs' events in it."""
    kinds = {"TaskBegin", "TaskEnd", "RegionBegin", "RegionEnd", "Log"}
    return [event for event in judge.events(recorder.snapshot()) if event.kind in kinds]


def shape(events: list[Event]) -> list[str]:
    """Say what the events are, in a few words each."""
    out = []
    for event in events:
        name = event.value("Message" if event.kind == "Log" else "Type")
        out.append(f"{event.kind} {name}")
    return out


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
    annotate._current_task.set(None)
    assert shape(user_events(judge, recorder)) == ["TaskBegin current", "TaskEnd current"]


@pytest.mark.matrix
def test_region_left_on_another_thread(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A region that is left on another thread has no end in the trace, and the trace is valid."""
    region = recorder.runtime.region("astray")
    region.__enter__()
    Thread(region.__exit__, None, None, None).result()
    with recorder.runtime.region("fine"):
        pass
    events = shape(user_events(judge, recorder))
    assert events == ["RegionBegin astray", "RegionBegin fine", "RegionEnd fine"]


def test_region_is_left_by_an_exception(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """An exception ends region and task, and goes on."""
    runtime = recorder.runtime
    with pytest.raises(ZeroDivisionError), runtime.task("t"), runtime.region("r"):
        raise ZeroDivisionError
    assert shape(user_events(judge, recorder)) == [
        "TaskBegin t",
        "RegionBegin r",
        "RegionEnd r",
        "TaskEnd t",
    ]


def test_region_can_be_used_again(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """One region object may be entered again after it was left."""
    region = recorder.runtime.region("again")
    for _ in range(2):
        with region:
            pass
    assert shape(user_events(judge, recorder)) == ["RegionBegin again", "RegionEnd again"] * 2


def test_texts(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Any text goes through: other scripts, quotes, nothing at all, more than a batch's rest."""
    runtime = recorder.runtime
    for text in ("grüße \U0001f600", 'say "no"', "", "x" * 900):
        runtime.log(text, text)
    logs = [
        (event.category, event.message)
        for event in flightrec.trace.read(bytes(recorder.snapshot()))
        if isinstance(event, flightrec.trace.Log)
    ]
    assert logs == [(t, t) for t in ("grüße \U0001f600", 'say "no"', "", "x" * 900)]


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


# ---- traced


@flightrec.traced
def plain_function(a: int, *, b: int = 1) -> int:
    """Add."""
    return a + b


class Thing:
    """Something with methods."""

    @flightrec.traced
    def method(self) -> str:
        """Say so."""
        return "method"

    @flightrec.traced(name="static thing")
    def named(self) -> str:
        """Say so."""
        return "named"


def test_traced(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A traced function runs as before, and each call is a region of its name."""
    assert plain_function(1, b=2) == 3
    assert Thing().method() == "method"
    assert Thing().named() == "named"
    assert shape(user_events(judge, recorder)) == [
        "RegionBegin plain_function",
        "RegionEnd plain_function",
        "RegionBegin Thing.method",
        "RegionEnd Thing.method",
        "RegionBegin static thing",
        "RegionEnd static thing",
    ]
    assert plain_function.__name__ == "plain_function"
    assert plain_function.__doc__ == "Add."


def test_traced_function_that_raises(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """What a traced function raises goes on, and its region ends."""

    @flightrec.traced(name="fails")
    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert shape(user_events(judge, recorder)) == ["RegionBegin fails", "RegionEnd fails"]


def test_traced_before_loading(child: Child) -> None:
    """A traced function works before, and without, any library."""
    child.run(
        """
        @flightrec.traced
        def f(x):
            return x + 1
        assert f(1) == 2
        runtime = flightrec.load()
        assert f(1) == 2
        with flightrec.FlightRecorder(runtime) as recorder:
            assert f(1) == 2
            regions = [event for event in flightrec.trace.read(bytes(recorder.snapshot()))
                       if type(event).__name__ == "RegionBegin"]
            assert len(regions) == 1, regions
        """
    )


# ---- when nothing records


def test_nothing_records(runtime: flightrec.GoRuntime, calls: list[str]) -> None:
    """While nothing records no annotation calls into Go."""
    with runtime.task("t") as task, runtime.region("r"), task.region("s"):
        runtime.log("a", "b")
        task.log("a", "b")
        plain_function(1)
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
