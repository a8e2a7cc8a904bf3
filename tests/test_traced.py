"""``@flightrec.traced``: each call of a function is a region, whatever kind of function it is."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import types
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

import flightrec
from flightrec.trace import summarize
from tests.conftest import MakeRecorder
from tests.helpers import Child
from tests.helpers_annotate import shape, user_events
from tests.helpers_go import Event, Judge


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


# ---- the other kinds of functions


class Kinds:
    """A method of every kind."""

    @flightrec.traced
    async def coroutine(self, turns: int) -> int:
        """Wait so often, and return how often."""
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    @flightrec.traced
    def generator(self, start: int) -> Generator[int, int, str]:
        """Yield what is sent; end at a negative number."""
        value = start
        while value >= 0:
            value = yield value
        return "the end"

    @flightrec.traced
    async def async_generator(self, start: int) -> AsyncGenerator[int, int]:
        """Yield what is sent; end at a negative number."""
        value = start
        try:
            while value >= 0:
                value = yield value
                await asyncio.sleep(0)
        except KeyError:
            yield -1

    @flightrec.traced
    @classmethod
    def outer_classmethod(cls) -> str:
        """Return the class's name."""
        return cls.__name__

    @classmethod
    @flightrec.traced
    def inner_classmethod(cls) -> str:
        """Return the class's name."""
        return cls.__name__

    @flightrec.traced(name="static")
    @staticmethod
    def static(text: str) -> str:
        """Return the text."""
        return text


def tasks_of(events: list[Event]) -> list[str]:
    """Return the events' shapes, each region's names in front of what it is made of."""
    return [text.removeprefix("Task").removeprefix("Region") for text in shape(events)]


@pytest.mark.parametrize("recording", [False, True], ids=["idle", "recording"])
def test_every_kind_of_function_stays_what_it_is(
    make_recorder: MakeRecorder, recording: bool
) -> None:
    """A traced function of any kind takes, gives and is what it did and was."""
    if recording:
        make_recorder().start()
    kinds = Kinds()
    assert inspect.iscoroutinefunction(kinds.coroutine)
    assert inspect.isgeneratorfunction(kinds.generator)
    assert inspect.isasyncgenfunction(kinds.async_generator)
    assert kinds.coroutine.__name__ == "coroutine"

    assert asyncio.run(kinds.coroutine(3)) == 3
    generator = kinds.generator(1)
    assert next(generator) == 1
    assert generator.send(2) == 2
    with pytest.raises(StopIteration) as stopped:
        generator.send(-1)
    assert stopped.value.value == "the end"

    async def main() -> None:
        steps = kinds.async_generator(1)
        assert await steps.__anext__() == 1
        assert await steps.asend(2) == 2
        assert await steps.athrow(KeyError()) == -1
        assert [value async for value in steps] == []
        assert [value async for value in kinds.async_generator(-1)] == []
        thrown = kinds.async_generator(5)
        await thrown.__anext__()
        with pytest.raises(ValueError, match="mine"):
            await thrown.athrow(ValueError("mine"))
        closed = kinds.async_generator(5)
        await closed.__anext__()
        await closed.aclose()

    asyncio.run(main())
    assert Kinds.outer_classmethod() == kinds.inner_classmethod() == "Kinds"
    assert Kinds.static("text") == "text"


@pytest.mark.matrix
def test_coroutine_is_one_region(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A traced coroutine is one region from its beginning to its end, beside others like it."""

    async def main() -> None:
        await asyncio.gather(Kinds().coroutine(1), Kinds().coroutine(3))

    asyncio.run(main())
    events = user_events(judge, recorder)
    assert tasks_of(events) == ["Begin Kinds.coroutine"] * 2 + ["End Kinds.coroutine"] * 2
    durations = summarize(bytes(recorder.snapshot())).region_durations
    assert durations["Kinds.coroutine"].count == 2


def test_coroutine_that_is_cancelled(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """The region of a traced coroutine ends when it is cancelled."""

    @flightrec.traced(name="endless")
    async def endless() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert tasks_of(user_events(judge, recorder)) == ["Begin endless", "End endless"]


def test_generators_are_regions(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A traced generator is a region from its first step to its last; one not begun is none."""
    kinds = Kinds()
    kinds.generator(1)
    generator = kinds.generator(1)
    with recorder.runtime.region("step"):
        next(generator)
    generator.close()

    async def main() -> None:
        async for _ in kinds.async_generator(1):
            break
        async with contextlib.aclosing(kinds.async_generator(1)) as steps:
            async for _ in steps:
                break

    asyncio.run(main())
    events = tasks_of(user_events(judge, recorder))
    assert events[:4] == [
        "Begin step",
        "Begin Kinds.generator",
        "End step",
        "End Kinds.generator",
    ]
    # The event loop closes the first of them some time after it was left.
    both = ["Begin Kinds.async_generator", "End Kinds.async_generator"] * 2
    assert sorted(events[4:]) == sorted(both)


def test_plain_function_in_an_event_loop(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A plain function cannot be suspended: its region is the thread's, in an event loop too."""

    @flightrec.traced(name="plain")
    def plain() -> None:
        recorder.runtime.cdll.flightrec_session_count()

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(plain) for _ in range(2)))
        plain()

    asyncio.run(main())
    assert {event.kind for event in user_events(judge, recorder)} == {"RegionBegin", "RegionEnd"}


def test_awaitable_generator(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A function of ``types.coroutine`` can be awaited when it is traced."""

    @flightrec.traced(name="old")
    @types.coroutine
    def old() -> Generator[None, None, int]:
        yield
        return 5

    async def main() -> int:
        return await old()

    assert asyncio.run(main()) == 5
    assert tasks_of(user_events(judge, recorder)) == ["Begin old", "End old"]


@pytest.mark.parametrize("value", [int, 5, Kinds], ids=repr)
def test_what_is_no_function_is_refused(value: Any) -> None:
    """A class, or what cannot be called, is a TypeError at the decoration."""
    with pytest.raises(TypeError, match="@traced is for functions"):
        flightrec.traced(value)


def test_partial(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """What has no name of its own is named by its type."""
    assert flightrec.traced(functools.partial(plain_function, 1))() == 2
    assert shape(user_events(judge, recorder))[0] == "RegionBegin partial"
