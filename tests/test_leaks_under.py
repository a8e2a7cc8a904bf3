"""``assert_no_goroutine_leak(under=…)``: only what was created under something counts."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

import flightrec
from flightrec.testing import Window, WindowAssertionError
from flightrec.trace import GoroutineTransition, GoState, RegionBegin, TaskBegin
from tests.helpers import until

_IDLE = "flightrec/gobridge/workloads.idle.func1"

#: How many goroutines were left behind under what.
TASK, SUBTASK, REGION, LOG, OUTSIDE = 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def window(runtime: flightrec.GoRuntime) -> Window:
    """A window at whose end goroutines are left behind in several places, and others have ended."""
    handles = []

    def leave(count: int) -> None:
        handles.append(runtime.start("idle", goroutines=count, duration=600))

    def on_another_thread() -> None:
        runtime.log("stage", "the log")
        leave(LOG)

    with flightrec.FlightRecorder(runtime, max_bytes=8 << 20) as recorder:
        leave(OUTSIDE)
        with runtime.task("the task"):
            leave(TASK)
            runtime.run("idle", goroutines=7, duration=0.001)
            with runtime.task("the subtask"):
                leave(SUBTASK)
        with runtime.region("the region"):
            leave(REGION)
        with runtime.task("a clean task"):
            runtime.run("idle", goroutines=7, duration=0.001)
        thread = threading.Thread(target=on_another_thread)
        thread.start()
        thread.join()
        total = TASK + SUBTASK + REGION + LOG + OUTSIDE
        until(lambda: len(left(Window(recorder.snapshot()))) == total, "all are there")
        snapshot = recorder.snapshot()
    for handle in handles:
        handle.cancel()
        handle.wait(30)
    return Window(snapshot)


def left(window: Window) -> list[int]:
    """Return the goroutines of the workload that wait at the window's end."""
    return [
        one.goid
        for one in window.live().values()
        if one.name == _IDLE and one.state is GoState.WAITING
    ]


def workload(window: Window) -> Any:
    """Return the goroutine that has left those of the region: it was created by the thread."""
    begin = next(e for e in window.events if isinstance(e, RegionBegin) and e.name == "the region")
    created = next(
        event
        for event in window.events
        if isinstance(event, GoroutineTransition)
        and event.from_state is GoState.NOT_EXIST
        and event.goroutine == begin.goroutine
        and event.time > begin.time
    )
    assert created.goid is not None
    return window.live()[created.goid]


ROOTS: dict[str, tuple[Callable[[Window], Any], int]] = {
    "task by name": (lambda window: "the task", TASK + SUBTASK),
    "subtask by pattern": (lambda window: re.compile("sub"), SUBTASK),
    "task's event": (
        lambda window: next(
            e for e in window.events if isinstance(e, TaskBegin) and e.name == "the task"
        ),
        TASK + SUBTASK,
    ),
    "task's summary": (
        lambda window: next(t for t in window.summary.tasks.values() if t.name == "the subtask"),
        SUBTASK,
    ),
    "region by name": (lambda window: "the region", REGION),
    "region's event": (
        lambda window: next(
            e for e in window.events if isinstance(e, RegionBegin) and e.name == "the region"
        ),
        REGION,
    ),
    "region's summary": (
        lambda window: next(
            region
            for task in window.summary.tasks.values()
            for region in task.regions
            if region.name == "the region" and not region.inherited
        ),
        REGION,
    ),
    "log by message": (lambda window: "the log", LOG),
    "log's event": (lambda window: window.logs("the log")[0], LOG),
    "goroutine": (workload, REGION),
    "goroutine's id": (lambda window: workload(window).goid, REGION),
}


@pytest.mark.parametrize("root", ROOTS)
def test_root(window: Window, root: str) -> None:
    """What was created under it, at whatever distance, is the leak, and nothing else is."""
    under, count = ROOTS[root]
    with pytest.raises(WindowAssertionError) as error:
        window.assert_no_goroutine_leak(under=under(window))
    numbers = re.findall(rf"^ *- (\d+) goroutines \({_IDLE}", str(error.value), re.M)
    assert sum(map(int, numbers)) == count, str(error.value)


def test_clean_root(window: Window) -> None:
    """What has left nothing behind is no leak, whatever others have."""
    window.assert_no_goroutine_leak(under="a clean task")


def test_no_root(window: Window) -> None:
    """A name that nothing in the window has is an error, and not a pass."""
    with pytest.raises(WindowAssertionError, match="nothing in the window is named 'nothing'"):
        window.assert_no_goroutine_leak(under="nothing")
