"""``@flightrec.traced``: each call of a function is a region, whatever kind of function it is."""

from __future__ import annotations

import pytest

import flightrec
from tests.helpers import Child
from tests.helpers_annotate import shape, user_events
from tests.helpers_go import Judge


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
