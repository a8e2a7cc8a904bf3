"""Events as values: equality, pickles, and what a transition means."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flightrec.trace import Event, GoroutineTransition, GoState, ProcTransition, Sync, read
from tests.trace.toolchains import toolchains
from tests.trace.tracebuilder import (
    NONE,
    batch,
    event,
    experimental,
    header,
    running,
    stacks,
    strings,
    sync,
)
from tests.trace.tracemaker import TraceMaker

needs_go = pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")


@pytest.fixture(scope="module")
def trace(maker: TraceMaker) -> Path:
    """A real trace with events of nearly every type."""
    return maker.trace(toolchains()[-1], "annotations")


@needs_go
def test_two_readings_are_equal(trace: Path) -> None:
    """Two readings of a trace give equal events with equal hashes."""
    one, other = list(read(trace)), list(read(trace))
    assert one == other
    assert list(map(hash, one)) == list(map(hash, other))


def _pickled(found: list[Event]) -> list[Event]:
    loaded: list[Event] = pickle.loads(pickle.dumps(found))
    return loaded


@needs_go
@pytest.mark.parametrize("duplicate", [_pickled, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_copies_are_equal(duplicate: Callable[[list[Event]], list[Event]], trace: Path) -> None:
    """Events equal what comes out of a pickle or a deep copy of them, stacks included."""
    events = list(read(trace))
    assert duplicate(events) == events


def test_experimental_data_survives_a_pickle() -> None:
    """A sync event's experimental batches survive a pickle, and cannot be changed after."""
    trace = header(26) + experimental(1, 7, 5, b"data") + batch(1, 7, 5, *running(1, 7))
    found = next(read(trace + sync(26, 1, 5)))
    assert isinstance(found, Sync)
    loaded = pickle.loads(pickle.dumps(found))
    assert loaded == found
    assert hash(loaded) == hash(found)
    assert loaded.experimental_batches["AllocFree"][0].data == b"data"
    with pytest.raises(TypeError):
        loaded.experimental_batches["AllocFree"] = ()


def test_generations_differ() -> None:
    """Events that differ in nothing but their generation are not equal."""
    trace = header(26)
    for number, start in ((1, 5), (2, 9)):
        trace += batch(number, 7, start, *running(1, 7)) + sync(26, number, start)
    first, second = (found for found in read(trace) if isinstance(found, ProcTransition))
    assert first != second._replace(time=first.time)
    assert first.generation != second.generation


def test_a_stack_is_pickled_alone() -> None:
    """A pickled event does not drag along the tables of its generation."""
    texts = dict.fromkeys(range(1, 200), b"x" * 300)
    frames = {number: [(number * 16, number, number, 1)] for number in range(1, 200)}
    trace = (
        header(26)
        + strings(1, texts)
        + stacks(1, frames)
        + batch(1, 7, 1000, *running(1, 7), event("UserTaskBegin", 1, 5, 0, 1, 1))
        + sync(26, 1, 1000)
    )
    task = next(found for found in read(trace) if found.stack)
    assert len(pickle.dumps(task)) < 2000
    assert pickle.loads(pickle.dumps(task)).stack == task.stack


def _waits(events: list[Event]) -> int:
    return sum(
        isinstance(found, GoroutineTransition)
        and found.to_state is GoState.WAITING
        and not found.is_restatement
        for found in events
    )


def test_restatements() -> None:
    """One wait over three generations is one wait: where a state is only told, nothing changes."""
    trace = header(26)
    for number, start in ((1, 100), (2, 200), (3, 300)):
        events = running(1, 7)
        if number == 1:
            # Goroutine 2 was created before, runs once and blocks for good.
            events += [event("GoStatus", 1, 2, NONE, 1), event("GoBlock", 1, 0, 0)]
            events += [event("GoStart", 1, 2, 1), event("GoBlock", 1, 0, 0)]
        elif number == 2:
            events = [event("ProcStatus", 1, 0, 1)]
        else:
            events = [event("ProcStatus", 1, 0, 1)]
        idle = [event("GoStatus", 1, 1, NONE, 4), event("GoStatus", 1, 2, NONE, 4)]
        if number > 1:
            trace += batch(number, NONE, start, *idle)
        trace += batch(number, 7, start, *events) + sync(26, number, start)
    events_read = list(read(trace))
    states = Counter(
        found.to_state for found in events_read if isinstance(found, GoroutineTransition)
    )
    assert states[GoState.WAITING] > 2
    assert _waits(events_read) == 2


@needs_go
def test_restatements_change_nothing(maker: TraceMaker) -> None:
    """In a real trace each wait that is no restatement begins where the goroutine did not wait."""
    state: dict[int | None, GoState] = {}
    counted = restated = 0
    for found in read(maker.trace(toolchains()[-1], "generations")):
        if not isinstance(found, GoroutineTransition):
            continue
        before = state.get(found.goid)
        if found.is_restatement:
            restated += 1
            assert before in (None, found.to_state)
        else:
            counted += 1
            assert before is not found.to_state
        state[found.goid] = found.to_state
    assert counted > 1000
    assert restated > 10
