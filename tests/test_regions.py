"""Regions from Python: whatever order and thread they end in, Go reads the trace."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

import flightrec
from tests.conftest import MakeRecorder
from tests.helpers import Thread
from tests.helpers_annotate import shape, user_events
from tests.helpers_go import Judge


def enter(runtime: flightrec.GoRuntime, name: str) -> Callable[[], None]:
    """Enter a region from a plain function; return what leaves it."""
    region = runtime.region(name)
    region.__enter__()
    return lambda: region.__exit__(None, None, None)


# ---- on one thread


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
    """One region object may be entered again after it was left, and inside itself."""
    region = recorder.runtime.region("again")
    with region:
        pass
    with region, region:
        pass
    once = ["RegionBegin again", "RegionEnd again"]
    assert shape(user_events(judge, recorder)) == [*once, once[0], *once, once[1]]


@pytest.mark.matrix
def test_region_that_does_not_nest(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A region whose outer one ends before it goes on as a task; outer ones stay."""
    runtime = recorder.runtime
    with runtime.region("outermost"):
        leave_outer = enter(runtime, "outer")
        leave_inner = enter(runtime, "inner")
        leave_outer()
        with runtime.region("later"):
            leave_inner()
    assert shape(user_events(judge, recorder)) == [
        "RegionBegin outermost",
        "RegionBegin outer",
        "RegionBegin inner",
        "RegionEnd inner",
        "RegionEnd outer",
        "TaskBegin inner",
        "RegionBegin later",
        "TaskEnd inner",
        "RegionEnd later",
        "RegionEnd outermost",
    ]


def test_many_regions_that_do_not_nest_stay_cheap(
    recorder: flightrec.FlightRecorder, judge: Judge
) -> None:
    """Regions that end in the order of their beginnings make at most four events each."""
    leaves = [enter(recorder.runtime, "queued") for _ in range(200)]
    for leave in leaves:
        leave()
    assert len(user_events(judge, recorder)) <= 4 * len(leaves)


def test_region_that_is_thrown_away_ends(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A region that was entered, and to which nothing refers any more, ends."""
    recorder.runtime.region("lost").__enter__()
    gc.collect()
    with recorder.runtime.region("next"):
        pass
    assert shape(user_events(judge, recorder)) == [
        "RegionBegin lost",
        "RegionEnd lost",
        "RegionBegin next",
        "RegionEnd next",
    ]


def test_region_in_an_exit_stack(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Regions entered by an ExitStack or a @contextmanager of a plain function are regions."""
    runtime = recorder.runtime

    @contextlib.contextmanager
    def timed(name: str) -> Iterator[None]:
        with runtime.region(name):
            yield

    with contextlib.ExitStack() as stack, timed("managed"):
        stack.enter_context(runtime.region("stacked"))
    assert sorted(shape(user_events(judge, recorder))) == [
        "RegionBegin managed",
        "RegionBegin stacked",
        "RegionEnd managed",
        "RegionEnd stacked",
        "TaskBegin stacked",
        "TaskEnd stacked",
    ]


# ---- generators and coroutines


@pytest.mark.matrix
def test_interleaved_generators(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Regions of generators that take turns stand in the trace whole, as tasks."""
    runtime = recorder.runtime

    def steps(name: str) -> Generator[None, None, None]:
        with runtime.region(name):
            yield

    first, second = steps("first"), steps("second")
    with runtime.region("around"):
        next(first)
        next(second)
        assert next(first, "end") == "end"
    assert next(second, "end") == "end"
    assert shape(user_events(judge, recorder)) == [
        "RegionBegin around",
        "TaskBegin first",
        "TaskBegin second",
        "TaskEnd first",
        "RegionEnd around",
        "TaskEnd second",
    ]


def test_generator_that_is_thrown_away(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """The region of a generator that is collected before its end ends with it."""
    runtime = recorder.runtime

    def steps() -> Generator[None, None, None]:
        with runtime.region("left"):
            yield

    next(steps())
    gc.collect()
    assert shape(user_events(judge, recorder)) == ["TaskBegin left", "TaskEnd left"]


@pytest.mark.matrix
def test_asyncio_regions(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Regions of concurrent coroutines cross an await, and belong to the task of each."""
    runtime = recorder.runtime

    async def handler(number: int, mine: asyncio.Event, other: asyncio.Event) -> None:
        with runtime.task(f"request {number}"), runtime.region(f"work {number}"):
            mine.set()
            await other.wait()

    async def main() -> None:
        a, b = asyncio.Event(), asyncio.Event()
        await asyncio.gather(handler(0, a, b), handler(1, b, a))

    asyncio.run(main())
    found = user_events(judge, recorder)
    events = dict(zip(shape(found), found, strict=True))
    for number in range(2):
        request = events[f"TaskBegin request {number}"].value("ID")
        assert events[f"TaskBegin work {number}"].value("Parent") == request
        assert f"TaskEnd work {number}" in events


def test_asyncio_region_of_a_helper(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """In an event loop a region that a plain function enters and keeps may cross an await."""
    runtime = recorder.runtime

    async def handler(number: int) -> None:
        leave = enter(runtime, f"kept {number}")
        await asyncio.sleep(0)
        leave()

    async def main() -> None:
        await asyncio.gather(*map(handler, range(3)))

    asyncio.run(main())
    events = shape(user_events(judge, recorder))
    assert events == [f"TaskBegin kept {n}" for n in range(3)] + [
        f"TaskEnd kept {n}" for n in range(3)
    ]


class _Loop:
    """An event loop that asyncio knows nothing of, as trio's."""

    class Turn:
        """To be awaited: lets the others go on."""

        def __await__(self) -> Generator[None, None, None]:
            yield

    @staticmethod
    def run(*coroutines: Any) -> None:
        """Run coroutines in turns to their ends."""
        waiting = list(coroutines)
        while waiting:
            for coroutine in list(waiting):
                try:
                    coroutine.send(None)
                except StopIteration:
                    waiting.remove(coroutine)


@pytest.mark.matrix
def test_loop_without_asyncio(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Regions of coroutines of another loop cross an await, entered directly or by a helper."""
    runtime = recorder.runtime

    async def direct(turns: int) -> None:
        with runtime.region(f"direct {turns}"):
            for _ in range(turns):
                await _Loop.Turn()

    async def helped(turns: int) -> None:
        leave = enter(runtime, f"helped {turns}")
        for _ in range(turns):
            await _Loop.Turn()
        leave()

    async def managed(turns: int) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(runtime.region(f"managed {turns}"))
            await stack.enter_async_context(entered(f"entered {turns}"))
            for _ in range(turns):
                await _Loop.Turn()

    @contextlib.asynccontextmanager
    async def entered(name: str) -> AsyncIterator[None]:
        with runtime.region(name):
            yield

    _Loop.run(*(kind(turns) for turns in (1, 3, 2) for kind in (direct, helped, managed)))
    events = shape(user_events(judge, recorder))
    begun = [text for text in events if text.startswith(("RegionBegin", "TaskBegin"))]
    ended = [text for text in events if text.startswith(("RegionEnd", "TaskEnd"))]
    assert len(begun) == len(ended)
    for kind in ("direct", "helped", "managed", "entered"):
        for turns in (1, 3, 2):
            assert any(text.endswith(f"{kind} {turns}") for text in begun)


@pytest.mark.matrix
def test_two_event_loops(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Event loops on two threads each have their regions."""
    runtime = recorder.runtime

    async def work(name: str) -> None:
        with runtime.region(name):
            await asyncio.sleep(0)

    async def main(number: int) -> None:
        await asyncio.gather(*(work(f"{number} {i}") for i in range(5)))

    threads = [Thread(asyncio.run, main(number)) for number in range(2)]
    for thread in threads:
        thread.result()
    events = shape(user_events(judge, recorder))
    assert sorted(events) == sorted(
        f"{what} {number} {i}"
        for what in ("TaskBegin", "TaskEnd")
        for number in range(2)
        for i in range(5)
    )


def test_greenlets(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Regions of greenlets that switch inside them stand in the trace whole, as tasks."""
    greenlet = pytest.importorskip("greenlet")
    runtime = recorder.runtime

    @flightrec.traced(name="traced")
    def traced() -> None:
        greenlet.getcurrent().parent.switch()

    def work(name: str) -> None:
        with runtime.region(name):
            greenlet.getcurrent().parent.switch()
            traced()

    lets = [greenlet.greenlet(work) for _ in range(2)]
    for let, name in zip(lets, ("a", "b"), strict=True):
        let.switch(name)
    for _ in range(2):
        for let in lets:
            let.switch()
    assert sorted(shape(user_events(judge, recorder))) == sorted(
        f"{what} {name}"
        for what in ("TaskBegin", "TaskEnd")
        for name in ("a", "b", "traced", "traced")
    )


# ---- threads


@pytest.mark.matrix
def test_region_left_on_another_thread(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A region that is left on another thread ends when its own next begins or ends one."""
    runtime = recorder.runtime
    with runtime.region("outer"):
        Thread(enter(runtime, "astray")).result()
        with runtime.region("fine"):
            Thread(enter(runtime, "astray too")).result()
    assert shape(user_events(judge, recorder)) == [
        "RegionBegin outer",
        "RegionBegin astray",
        "RegionEnd astray",
        "RegionBegin fine",
        "RegionBegin astray too",
        "RegionEnd astray too",
        "RegionEnd fine",
        "RegionEnd outer",
    ]


@pytest.mark.matrix
def test_region_of_a_thread_that_has_ended(
    recorder: flightrec.FlightRecorder, judge: Judge
) -> None:
    """A region may be left after its thread has ended; other threads' regions are untouched."""
    runtime = recorder.runtime
    leave = Thread(enter, runtime, "orphan").result()
    with runtime.region("mine"):
        leave()
    assert shape(user_events(judge, recorder)) == [
        "RegionBegin orphan",
        "RegionBegin mine",
        "RegionEnd mine",
    ]


def test_one_region_object_of_many_threads(
    recorder: flightrec.FlightRecorder, judge: Judge
) -> None:
    """Threads that share one region object cannot make the trace unreadable."""
    region = recorder.runtime.region("shared")

    def work() -> None:
        for _ in range(100):
            with region:
                pass

    for thread in [Thread(work) for _ in range(4)]:
        thread.result()
    events = user_events(judge, recorder)
    assert sum(event.kind in {"RegionBegin", "TaskBegin"} for event in events) >= 400


# ---- recordings


@pytest.mark.matrix
def test_recordings_begin_and_end_inside(make_recorder: MakeRecorder, judge: Judge) -> None:
    """Regions that recordings begin, end or end again inside make no trace unreadable."""
    recorder = make_recorder()
    runtime = recorder.runtime
    leave_idle = enter(runtime, "before")
    recorder.start()
    leave_first, leave_second = enter(runtime, "first"), enter(runtime, "second")
    judge.check(recorder.snapshot())
    recorder.stop()
    leave_third = enter(runtime, "between")
    recorder.start()
    leave_fourth = enter(runtime, "fourth")
    leave_first()
    leave_idle()
    leave_third()
    leave_second()
    leave_fourth()
    events = shape(user_events(judge, recorder))
    assert events[0] == "RegionBegin fourth"
    assert "TaskEnd fourth" in events


@pytest.mark.matrix
def test_summary_shows_regions_of_coroutines(recorder: flightrec.FlightRecorder) -> None:
    """A summary shows the region of a coroutine as a region of its task, not as a task."""
    runtime = recorder.runtime

    async def handler() -> None:
        with runtime.task("request"), runtime.region("work"):
            await asyncio.sleep(0.001)

    async def main() -> None:
        await asyncio.gather(handler(), handler())

    asyncio.run(main())
    summary = flightrec.trace.summarize(bytes(recorder.snapshot()))
    assert summary.region_durations["work"].count == 2
    assert set(summary.task_durations) == {"request"}
    requests = [task for task in summary.tasks.values() if task.name == "request"]
    assert len(requests) == 2
    for request in requests:
        (region,) = request.regions
        assert (region.name, region.task) == ("work", request.id)
        assert region.duration_ns is not None
        assert region.duration_ns >= 1_000_000
        assert request.children == ()
