"""Summaries: what they count, how they can be made, and that they hold together."""

from __future__ import annotations

import dataclasses
import gc
import threading
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import flightrec
from flightrec.errors import TraceFormatError
from flightrec.testing import Window
from flightrec.trace import (
    Event,
    GoroutineTransition,
    GoState,
    Log,
    RangeBegin,
    StackSample,
    Summarizer,
    Summary,
    TaskBegin,
    read,
    summarize,
)
from tests.helpers_go import Judge
from tests.trace import tracebuilder as build
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import Scenario, TraceMaker

pytestmark = pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")

Traces = Callable[[str], Path]


@pytest.fixture(scope="module")
def traces(maker: TraceMaker) -> Traces:
    """Traces of the newest Go, by scenario."""
    return lambda scenario: maker.trace(toolchains()[-1], scenario)


def without_version(summary: Summary) -> Summary:
    """The summary, as if it were of events alone."""
    return dataclasses.replace(summary, version=None)


# How one is made.


@pytest.mark.parametrize("scenario", ["generations", "annotations", "profile"])
def test_sources(scenario: str, traces: Traces) -> None:
    """A path, a reader, bytes and events give the same summary."""
    file = traces(scenario)
    expected = summarize(file)
    assert summarize(read(file)) == expected
    assert summarize(file.read_bytes()) == expected
    assert summarize(iter(list(read(file)))) == without_version(expected)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_bit_by_bit(size: int, traces: Traces) -> None:
    """Events may come in pieces of any size."""
    events = list(read(traces("generations")))
    summarizer = Summarizer()
    for start in range(0, len(events), size):
        summarizer.add(events[start : start + size])
    assert summarizer.summary() == summarize(events)


def test_so_far(traces: Traces) -> None:
    """A summary may be asked for on the way, which changes nothing of the later ones."""
    events = list(read(traces("generations")))
    summarizer = Summarizer()
    summarizer.add(events[: len(events) // 2])
    half = summarizer.summary()
    assert half == summarize(events[: len(events) // 2])
    summarizer.add(events[len(events) // 2 :])
    assert summarizer.summary() == summarize(events)


def test_empty() -> None:
    """No events make a summary with nothing in it."""
    summary = summarize([])
    assert summary.event_count == 0
    assert summary.duration_ns == 0
    assert summary.longest_pause is None
    assert summary.heap.last is None


def test_from_the_middle(traces: Traces) -> None:
    """Events that begin in the middle of a trace can be summarised, each state from there on."""
    events = list(read(traces("generations")))
    half = events[len(events) // 2 :]
    for goroutine in summarize(half).goroutines.values():
        assert goroutine.created_ns >= half[0].time
        assert goroutine.stats.unknown_ns == 0


def test_broken(traces: Traces) -> None:
    """Where a trace is broken, what came before is in the summary so far."""
    trace = traces("generations").read_bytes()[:-5]
    summarizer = Summarizer()
    with pytest.raises(TraceFormatError):
        summarizer.add(read(trace))
    events: list[Event] = []
    with pytest.raises(TraceFormatError):
        events.extend(read(trace))
    assert summarizer.summary().event_count == len(events)
    assert without_version(summarizer.summary()) == summarize(events)


def test_iterable_that_raises(traces: Traces) -> None:
    """What an iterable of events gave before it raised is in the summary so far."""

    def events() -> object:
        yield from list(read(traces("gc")))[:1000]
        raise OSError("gone")

    summarizer = Summarizer()
    with pytest.raises(OSError, match="gone"):
        summarizer.add(events())  # type: ignore[arg-type]
    assert summarizer.summary().event_count == 1000


# What it says.


def test_counts_events(traces: Traces) -> None:
    """Events are counted by type, and by generation."""
    events = list(read(traces("generations")))
    summary = summarize(events)
    assert summary.events == Counter(type(event).__name__ for event in events)
    numbers = Counter(event.generation.number for event in events)
    assert {found.number: found.events for found in summary.generations} == numbers


def test_states_make_up_the_total(traces: Traces) -> None:
    """A goroutine's times in the states add up to the time it was there."""
    for scenario in ("generations", "syscalls", "http", "coroutines"):
        for goroutine in summarize(traces(scenario)).goroutines.values():
            stats = goroutine.stats
            parts = (
                stats.execution_ns,
                stats.runnable_ns,
                stats.blocked_total_ns,
                stats.syscall_ns,
                stats.syscall_blocked_ns,
            )
            assert sum(parts) == stats.total_ns, goroutine
            assert min(parts) >= 0


def test_creation(traces: Traces) -> None:
    """A goroutine's parent and creation are those of the event that creates it."""
    events = list(read(traces("http")))
    summary = summarize(events)
    created = [
        event
        for event in events
        if isinstance(event, GoroutineTransition) and event.from_state is GoState.NOT_EXIST
    ]
    assert created
    for event in created:
        goroutine = summary.goroutines[event.goid]
        assert goroutine.created_in_trace
        assert goroutine.parent == event.goroutine
        assert goroutine.created_ns == event.time
        assert goroutine.creation_stack == event.stack


def test_functions_add_up(traces: Traces) -> None:
    """The start functions' stats are the sums of their goroutines'."""
    summary = summarize(traces("generations"))
    for function in summary.functions:
        mine = [found for found in summary.goroutines.values() if found.name == function.name]
        assert function.goroutines == len(mine)
        assert function.stats.execution_ns == sum(found.stats.execution_ns for found in mine)
        assert function.stats.blocked_total_ns == sum(
            found.stats.blocked_total_ns for found in mine
        )
        assert function.stats.gc_assist_ns == sum(found.stats.gc_assist_ns for found in mine)


def test_blocking_adds_up(traces: Traces) -> None:
    """The places where goroutines blocked have all their blocked time, by reason."""
    summary = summarize(traces("generations"))
    by_place: Counter[str] = Counter()
    for place in summary.blocking:
        by_place[place.reason] += place.total_ns
        assert place.max_ns <= place.total_ns
    by_goroutine: Counter[str] = Counter()
    for goroutine in summary.goroutines.values():
        by_goroutine.update(goroutine.stats.blocked_ns)
    assert +by_place == +by_goroutine
    assert [place.total_ns for place in summary.blocking] == sorted(
        (place.total_ns for place in summary.blocking), reverse=True
    )


def test_scheduling(traces: Traces) -> None:
    """The scheduling distribution is of every wait from ready to running."""
    events = list(read(traces("generations")))
    summary = summarize(events)
    begin = events[0].time
    ready: dict[int | None, int] = {}
    waits = []
    for event in events:
        if not isinstance(event, GoroutineTransition) or event.from_state is event.to_state:
            continue
        if event.from_state is GoState.RUNNABLE and event.to_state is GoState.RUNNING:
            waits.append(event.time - ready.pop(event.goid))
        elif event.to_state is GoState.RUNNABLE:
            was_there = event.from_state is GoState.UNDETERMINED
            ready[event.goid] = begin if was_there else event.time
    found = summary.scheduling
    assert (found.count, found.total_ns) == (len(waits), sum(waits))
    assert (found.min_ns, found.max_ns) == (min(waits), max(waits))
    assert [delay.duration_ns for delay in summary.delays] == sorted(waits, reverse=True)[:20]
    exact = sorted(waits)[len(waits) // 2]
    assert found.quantile(0.5) == pytest.approx(exact, rel=1 / 16)


def test_pauses(traces: Traces) -> None:
    """Every stop-the-world is there, with its reason and its goroutine."""
    events = list(read(traces("gc")))
    begins = [
        event
        for event in events
        if isinstance(event, RangeBegin) and event.name.startswith("stop-the-world")
    ]
    pauses = summarize(events).pauses
    assert {pause.begin_ns for pause in pauses} <= {event.time for event in begins}
    assert len(begins) - 1 <= len(pauses) <= len(begins)
    for pause in pauses:
        (begin,) = [event for event in begins if event.time == pause.begin_ns]
        assert f"stop-the-world ({pause.reason})" == begin.name
        assert pause.goroutine == begin.goroutine
        assert pause.stack == begin.stack
        assert pause.duration_ns > 0
    assert any(pause.gc for pause in pauses)


def test_collector(traces: Traces) -> None:
    """GC cycles follow one another, and the mark phases' durations are told by range too."""
    summary = summarize(traces("gc"))
    cycles = [cycle for cycle in summary.gc_cycles if cycle.duration_ns is not None]
    assert cycles
    for before, after in pairwise(cycles):
        assert (before.end_ns or 0) < (after.begin_ns or 0)
    marks = summary.ranges["GC concurrent mark phase"]
    assert marks.count == len(cycles)
    assert marks.total_ns == sum(cycle.duration_ns or 0 for cycle in cycles)
    assert all(cycle.heap_end_bytes for cycle in cycles)


def test_heap(traces: Traces) -> None:
    """The heap's series has the extremes and the last of the values."""
    events = list(read(traces("gc")))
    name = "/memory/classes/heap/objects:bytes"
    values = [event.value for event in events if getattr(event, "name", None) == name]  # type: ignore[union-attr]
    heap = summarize(events).heap
    assert (heap.low, heap.high, heap.last) == (min(values), max(values), values[-1])
    assert heap.count == len(values)
    assert len(heap.points) <= 2001


def test_goroutine_counts(traces: Traces) -> None:
    """The counts over time are right at each of their times, and never negative."""
    summary = summarize(traces("generations"))
    goroutines = summary.goroutines.values()
    counts = summary.goroutine_counts
    assert [found.time_ns for found in counts] == sorted(found.time_ns for found in counts)
    for found in counts:
        assert min(dataclasses.astuple(found)) >= 0
        assert found.running + found.runnable + found.waiting + found.syscall == found.total
    for found in counts[1 :: max(1, len(counts) // 50)]:
        there = sum(
            one.created_ns <= found.time_ns
            and (one.state is not GoState.NOT_EXIST or (one.ended_ns or 0) > found.time_ns)
            for one in goroutines
        )
        assert found.total == there


def test_tasks(traces: Traces) -> None:
    """Tasks have their subtasks, logs and durations."""
    events = list(read(traces("annotations")))
    summary = summarize(events)
    begun = [event for event in events if isinstance(event, TaskBegin)]
    assert begun
    for event in begun:
        task = summary.tasks[event.task]
        assert (task.name, task.parent, task.begin_ns) == (event.name, event.parent, event.time)
        if event.parent is not None:
            assert event.task in summary.tasks[event.parent].children
    logs = Counter(event.task for event in events if isinstance(event, Log))
    assert {task.id: len(task.logs) for task in summary.tasks.values() if task.logs} == logs
    for name, durations in summary.task_durations.items():
        mine = [task.duration_ns for task in summary.tasks.values() if task.name == name]
        assert durations.count == sum(duration is not None for duration in mine)
        assert durations.total_ns == sum(duration or 0 for duration in mine)


def test_critical_regions(traces: Traces) -> None:
    """A task's critical regions follow one another and end before it does."""
    summary = summarize(traces("annotations"))
    whole = [task for task in summary.tasks.values() if task.complete and task.children]
    assert whole
    for task in whole:
        path = summary.critical_regions(task.id)
        assert path
        ends = [*((region.begin_ns, region.end_ns) for region in path), (task.end_ns, None)]
        for (_, end), (begin, _) in pairwise(ends):
            assert (end or 0) <= (begin or 0)
        last = max(
            region.end_ns
            for found in summary.descendants(task.id)
            for region in found.regions
            if region.begin_ns is not None and (region.end_ns or 0) <= (task.end_ns or 0)
            if region.end_ns is not None
        )
        assert path[-1].end_ns == last


def test_samples(traces: Traces) -> None:
    """Every CPU sample is counted under its stack."""
    events = list(read(traces("profile")))
    samples = Counter(event.stack for event in events if isinstance(event, StackSample))
    assert samples
    assert {found.stack: found.count for found in summarize(events).samples} == samples


# Without details.


@pytest.mark.parametrize("scenario", ["generations", "annotations", "http", "profile"])
def test_without_details(scenario: str, traces: Traces) -> None:
    """Without details all but goroutines and tasks is the same."""
    full = summarize(traces(scenario))
    lean = summarize(traces(scenario), details=False)
    assert not lean.goroutines
    assert not lean.tasks
    assert {found.name: found for found in lean.functions} == {
        found.name: found for found in full.functions
    }
    same = {"goroutines": full.goroutines, "tasks": full.tasks, "functions": full.functions}
    assert dataclasses.replace(lean, **same) == full  # type: ignore[arg-type]


def test_memory_without_details(maker: TraceMaker) -> None:
    """Without details goroutines and tasks that are gone leave nothing behind."""
    toolchain = toolchains()[-1]
    left, seen = [], []
    for kilobytes in (300, 3000):
        file = maker.folder / f"summary-{kilobytes}.trace"
        maker.record(toolchain, Scenario("annotations,http", 10_000, kilobytes * 1000), file)
        summarizer = Summarizer(details=False)
        with read(file) as reader:
            summarizer.add(reader)
        left.append(_objects(summarizer))
        seen.append(sum(function.goroutines for function in summarizer.summary().functions))
    assert left[1] - left[0] < (seen[1] - seen[0]) / 2


def _objects(root: object) -> int:
    """How many objects that can hold others are reached from one, its code aside."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in found or not gc.is_tracked(one) or isinstance(one, _CODE):
            continue
        found[id(one)] = one
        waiting += gc.get_referents(one)
    return len(found)


_CODE = (type, ModuleType, FunctionType)


# Goroutine ids that are used again.


def test_an_id_with_several_lives(runtime: flightrec.GoRuntime, judge: Judge) -> None:
    """Python threads one after the other share a goroutine id; each life is one goroutine."""
    with flightrec.FlightRecorder(runtime, max_bytes=4 << 20) as recorder:
        for number in range(10):
            thread = threading.Thread(target=runtime.log, args=("life", str(number)))
            thread.start()
            thread.join()
        snapshot = recorder.snapshot()
    judge.check(snapshot)
    born = Counter(
        found.goid
        for found in read(snapshot)
        if isinstance(found, GoroutineTransition) and found.from_state is GoState.NOT_EXIST
    )
    (again, lives), *_ = born.most_common(1)
    assert lives > 1
    summary = summarize(snapshot)
    told = (*summary.earlier_lives[again], summary.goroutines[again])
    assert len(told) >= lives
    assert all(life.ended_ns is not None for life in told[:-1])
    assert all(life.stats.unknown_ns == 0 for life in told)
    assert all(one.created_ns < other.created_ns for one, other in pairwise(told))
    assert min(count.total for count in summary.goroutine_counts) > 0
    without = summarize(snapshot, details=False)
    assert without.functions == summary.functions
    assert without.goroutine_counts == summary.goroutine_counts
    assert summary.goroutine_counts[-1].total == len(Window(snapshot).live())


def test_an_open_region_of_a_thread(runtime: flightrec.GoRuntime) -> None:
    """A region that a Python thread is in is among the regions of its goroutine, open."""
    with flightrec.FlightRecorder(runtime) as recorder, runtime.region("stuck here"):
        summary = summarize(recorder.snapshot())
    region = next(region for region in summary.tasks[0].regions if region.name == "stuck here")
    goroutine = summary.goroutines[region.goroutine]
    assert goroutine.ended_ns is None
    assert [region.name for region in goroutine.regions] == ["stuck here"]
    assert goroutine.regions[0].end_ns is None
    assert summary.longest_regions["stuck here"].ended is False


@pytest.mark.parametrize("details", [True, False])
def test_a_last_life_that_goes_on(details: bool) -> None:
    """A thread that is alive is so in the summary, although its id belonged to others before."""
    born, gone = build.event("GoCreateSyscall", 2, 9), build.event("GoDestroySyscall", 5)
    lives = build.batch(1, 7, 1000, born, gone, born, gone, born)
    trace = build.header(26) + lives + build.sync(26, 1, 1000)
    summary = summarize(trace, details=details)
    assert summary.goroutine_counts[-1].total == 1
    assert summary.functions[0].goroutines == 3
    assert summary.functions[0].ended == 2
    if details:
        assert summary.goroutines[9].ended_ns is None
        assert [life.ended_ns is None for life in summary.earlier_lives[9]] == [False, False]


def test_the_generations_have_all_events(traces: Traces) -> None:
    """Each event is in one generation's count, the last sync event in the last one's."""
    summary = summarize(traces("generations"))
    assert sum(found.events for found in summary.generations) == summary.event_count
