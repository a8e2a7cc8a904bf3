"""What stands out in a trace, on traces made by hand and on a real one."""

from __future__ import annotations

import pytest

import flightrec
from flightrec.trace import Outlier, outliers, summarize
from flightrec.trace.summary.distribution import DistributionBuilder
from flightrec.trace.why import SubjectKind, explain
from tests.trace.tracebuilder import batch, event, header, running, stacks, strings, sync

_UNIT_NS = 64
_STRINGS = {
    1: b"sync.(*Mutex).Lock",
    2: b"sync/mutex.go",
    3: b"shop/pricing.(*cache).get",
    4: b"shop/pricing/cache.go",
    5: b"main.worker",
    6: b"main.go",
    7: b"sync",
    8: b"runtime.bgsweep",
    9: b"request",
}
_PLACES = {
    1: [(100, 1, 2, 80), (200, 3, 4, 34), (300, 5, 6, 9)],
    2: [(400, 8, 6, 1)],
}


def waits(*durations_ns: int, place: int = 1, tasks: bool = False) -> bytes:
    """A trace in which goroutine 1 waits in one place, so long each time."""
    events = running(1, 7)
    for number, ns in enumerate(durations_ns, 1):
        if tasks:
            events.append(event("UserTaskBegin", 1, number, 0, 9, 0))
        events += [
            event("GoBlock", 10, 7, place),
            event("GoUnblock", max(1, ns // _UNIT_NS), 1, 2 * number - 1, 0),
            event("GoStart", 1, 1, 2 * number),
        ]
        if tasks:
            events.append(event("UserTaskEnd", 1, number, 0))
    return events_trace(events)


def events_trace(events: list[bytes]) -> bytes:
    """A trace of these events on M 7."""
    return (
        header(26)
        + strings(1, _STRINGS)
        + stacks(1, _PLACES)
        + batch(1, 7, 1000, *events)
        + sync(26, 1, 1000)
    )


def found(trace: bytes) -> list[Outlier]:
    """What stands out among waits."""
    return [one for one in outliers(summarize(trace, details=False)) if one.kind == "wait"]


def test_one_long_wait_among_many() -> None:
    """One wait of 1.5 s among 100 of 2 ms stands out, with its kind, median and place."""
    (one,) = found(waits(*[2_000_000] * 60, 1_500_000_000, *[2_000_000] * 40))
    assert (one.what, one.count, one.long) == ("sync", 101, 1)
    assert one.longest.duration_ns == pytest.approx(1_500_000_000, rel=0.01)
    assert one.median_ns == pytest.approx(2_000_000, rel=0.05)
    assert one.longest.goroutine == 1
    assert one.stack[1].function == "shop/pricing.(*cache).get"


@pytest.mark.parametrize(
    ("durations", "why"),
    [
        ([2_000_000] * 50 + [9_000_000], "not far beyond"),
        ([2_000_000, 9_000_000], "too few to have a usual duration"),
        ([2_000_000] * 50 + [1_500_000_000] * 20, "two usual durations"),
        ([1_000] * 50 + [500_000], "too short to matter"),
    ],
)
def test_what_is_not_odd(durations: list[int], why: str) -> None:
    """Nothing stands out where the longest is near the usual, or there is no usual duration."""
    assert found(waits(*durations)) == [], why


def test_a_lock_that_is_seldom_waited_for() -> None:
    """A long wait for a lock stands out though there are no others to compare it with."""
    (one,) = found(waits(1_500_000_000))
    assert (one.count, one.longest.goroutine) == (1, 1)
    assert one.excess_ns == one.longest.duration_ns == pytest.approx(1_500_000_000, rel=0.01)
    (other,) = found(waits(2_000_000, 1_500_000_000))
    assert (other.count, other.excess_ns) == (2, other.longest.duration_ns)


def test_the_runtime_does_not_stand_out() -> None:
    """A long wait of the runtime's own goroutines is nothing odd."""
    assert found(waits(*[2_000_000] * 50, 1_500_000_000, place=2)) == []


def test_a_slow_task() -> None:
    """The task that took far longer than its like stands out with its id."""
    trace = waits(*[2_000_000] * 30, 1_500_000_000, tasks=True)
    task = next(one for one in outliers(summarize(trace)) if one.kind == "task")
    assert (task.what, task.count, task.longest.task) == ("request", 31, 31)
    assert task.longest.ended


@pytest.mark.parametrize(
    ("durations", "odd"),
    [
        ([2_000_000] * 8 + [9_000_000], True),
        ([2_000_000] * 8 + [9_000_000] * 2, False),
        ([2_000_000] * 80 + [9_000_000] * 4, True),
        ([2_000_000] * 8 + [5_000_000], False),
        ([2_000_000] * 3 + [900_000_000], False),
    ],
)
def test_info_and_why_judge_tasks_alike(durations: list[int], odd: bool) -> None:
    """The slowest task stands out in the summary if and only if it is what is explained."""
    trace = waits(*durations, tasks=True)
    assert any(one.kind == "task" for one in outliers(summarize(trace))) is odd
    assert (explain(trace).subject.kind is SubjectKind.TASK) is odd


def test_others_of_a_distribution() -> None:
    """Without the longest, a distribution is the one of the others, to the buckets' width."""
    for durations in ([], [7], [7, 7], [5, 7, 9], [100_000, 200_000, 100_001, 300_000]):
        builder, others = DistributionBuilder(), DistributionBuilder()
        for ns in durations:
            builder.add(ns)
        for ns in sorted(durations)[:-1]:
            others.add(ns)
        found, expected = builder.build().without_longest(), others.build()
        assert (found.count, found.total_ns) == (expected.count, expected.total_ns)
        assert found.buckets == expected.buckets
        assert found.max_ns == pytest.approx(expected.max_ns, rel=1 / 32)


def test_the_same_without_details(runtime: flightrec.GoRuntime) -> None:
    """Outliers of a real trace are the same with and without details."""
    with flightrec.FlightRecorder(runtime, max_bytes=2 << 20) as recorder:
        runtime.run("http_server", duration=0.05)
        snapshot = recorder.snapshot()
    assert outliers(summarize(snapshot)) == outliers(summarize(snapshot, details=False))


def test_longest_agrees_with_the_distribution(runtime: flightrec.GoRuntime) -> None:
    """The longest of each place and task is the maximum of those that ended, or goes on."""
    with flightrec.FlightRecorder(runtime, max_bytes=2 << 20) as recorder:
        runtime.run("http_server", duration=0.05)
        summary = summarize(recorder.snapshot())
    places = (*summary.blocking, *summary.syscalls)
    assert len(places) > 5
    for place in places:
        assert place.longest.duration_ns == place.max_ns
        if place.longest.ended:
            assert place.max_ns == place.durations.max_ns
        assert place.count >= place.durations.count
    for name, durations in summary.task_durations.items():
        assert summary.longest_tasks[name].duration_ns >= durations.max_ns
    longest = max(summary.program_delays, key=lambda delay: delay.duration_ns)
    assert longest.duration_ns == summary.program_scheduling.max_ns
    assert summary.program_scheduling.count < summary.scheduling.count
