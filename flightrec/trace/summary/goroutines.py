"""What is known of goroutines, and of the functions they started with, while events go by."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final, TypeAlias

from flightrec.trace.program import is_runtime_goroutine
from flightrec.trace.stacks import NO_STACK
from flightrec.trace.states import GoState
from flightrec.trace.summary.blocking import Place
from flightrec.trace.summary.model import (
    NOTHING,
    ExecutionStats,
    FunctionSummary,
    GoroutineSummary,
    MostOfOne,
    RegionSummary,
)

__all__ = ["FunctionTotals", "Goroutine", "OpenRegion"]


#: A goroutine's stats at one moment, in the order of ExecutionStats. A plain tuple of numbers and
#: of dicts of numbers, which the garbage collector need not look through.
Snapshot: TypeAlias = tuple[int, int, dict[str, int], int, int, int, dict[str, int]]


def difference(now: Snapshot, before: Snapshot | None) -> Snapshot:
    """What came between two moments; from the start on if there is no first."""
    if before is None:
        return now
    return (
        now[0] - before[0],
        now[1] - before[1],
        _less(now[2], before[2]),
        now[3] - before[3],
        now[4] - before[4],
        now[5] - before[5],
        _less(now[6], before[6]),
    )


def _less(values: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    left = {name: value - before.get(name, 0) for name, value in values.items()}
    return {name: value for name, value in left.items() if value}


def stats_of(snapshot: Snapshot) -> ExecutionStats:
    """The stats of a snapshot."""
    execution, runnable, blocked, syscall, syscall_blocked, total, ranges = snapshot
    return ExecutionStats(
        execution,
        runnable,
        MappingProxyType(blocked) if blocked else NOTHING,
        syscall,
        syscall_blocked,
        total,
        MappingProxyType(ranges) if ranges else NOTHING,
    )


class OpenRegion:
    """A region. ``stats`` are its goroutine's when it began, and the difference once ``closed``."""

    __slots__ = ("begin", "closed", "end", "goroutine", "inherited", "name", "stats", "task")

    def __init__(
        self,
        name: str,
        task: int,
        goroutine: int | None,
        begin: int | None,
        stats: Snapshot | None,
        *,
        inherited: bool = False,
    ) -> None:
        self.name = name
        self.task = task
        self.goroutine = goroutine
        self.begin = begin
        self.end: int | None = None
        self.stats = stats
        self.closed = False
        self.inherited = inherited

    def close(self, now: Snapshot) -> None:
        """Work out its stats; ``end`` stays as it is."""
        self.stats = difference(now, self.stats)
        self.closed = True

    def build(self, now: Snapshot | None) -> RegionSummary:
        """Its summary; if it is open, as things stand ``now``."""
        stats = self.stats
        if not self.closed and now is not None:
            stats = difference(now, stats)
        return RegionSummary(
            self.name,
            self.task,
            self.goroutine,
            self.begin,
            self.end,
            ExecutionStats() if stats is None else stats_of(stats),
            self.inherited,
        )


_RUNNABLE: Final = GoState.RUNNABLE
_RUNNING: Final = GoState.RUNNING
_SYSCALL: Final = GoState.SYSCALL
_WAITING: Final = GoState.WAITING


class Goroutine:
    """One goroutine: the time in each state so far, and its ``state`` ``since`` when."""

    __slots__ = (
        "blocked",
        "call",
        "closed",
        "created",
        "created_in_trace",
        "creation_stack",
        "ended",
        "execution",
        "fresh",
        "goid",
        "name",
        "parent",
        "proc",
        "proc_lost",
        "ranges",
        "ranges_open",
        "regions",
        "regions_open",
        "runnable",
        "scheduled",
        "since",
        "started",
        "state",
        "syscall",
        "syscall_blocked",
        "total",
        "wait",
    )

    def __init__(
        self, goid: int | None, created: int, state: GoState, scheduled: Callable[[int], None]
    ) -> None:
        self.goid = goid
        #: Takes how long it was ready before it ran.
        self.scheduled = scheduled
        self.name = ""
        self.created = self.since = created
        self.created_in_trace = False
        self.parent: int | None = None
        self.creation_stack = NO_STACK
        self.started: int | None = None
        #: Whether its name or its start is still to be found out.
        self.fresh = True
        self.ended: int | None = None
        self.state = state
        #: Whether it ended or blocked for ever; the stats are final then.
        self.closed = False
        self.execution = self.runnable = self.syscall = self.syscall_blocked = self.total = 0
        self.blocked: dict[str, int] | None = None
        self.ranges: dict[str, int] | None = None
        self.ranges_open: dict[str, int] | None = None
        #: Where it waits, and where it made its syscall.
        self.wait: Place | None = None
        self.call: Place | None = None
        #: The proc it went into its syscall with, and when it lost that.
        self.proc: int | None = None
        self.proc_lost: int | None = None
        self.regions: list[OpenRegion] | None = None
        self.regions_open: list[OpenRegion] | None = None

    def add_blocked(self, reason: str, ns: int) -> None:
        """Add time for which it was blocked."""
        blocked = self.blocked
        if blocked is None:
            self.blocked = {reason: ns}
        else:
            blocked[reason] = blocked.get(reason, 0) + ns

    def begin_range(self, name: str, time: int) -> None:
        """A range of the runtime's begins on it."""
        if self.ranges_open is None:
            self.ranges_open = {}
        self.ranges_open[name] = time

    def add_range(self, name: str, ns: int) -> None:
        """Add time that it spent in a range."""
        if self.ranges is None:
            self.ranges = {}
        self.ranges[name] = self.ranges.get(name, 0) + ns

    def end_range(self, name: str, time: int) -> int | None:
        """A range ends; how long it took, None if its begin was not seen."""
        begin = self.ranges_open.pop(name, None) if self.ranges_open else None
        if begin is None:
            return None
        self.add_range(name, time - begin)
        return time - begin

    def snapshot(self, now: int) -> Snapshot:
        """Its stats, what it is doing now included."""
        execution, runnable, syscall = self.execution, self.runnable, self.syscall
        syscall_blocked, total = self.syscall_blocked, self.total
        blocked = dict(self.blocked) if self.blocked else {}
        ranges = dict(self.ranges) if self.ranges else {}
        if not self.closed:
            total = now - self.created
            state, pending = self.state, now - self.since
            if state is _RUNNING:
                execution += pending
            elif state is _RUNNABLE:
                runnable += pending
            elif state is _WAITING and pending:
                reason = self.wait.reason if self.wait is not None else ""
                blocked[reason] = blocked.get(reason, 0) + pending
            elif state is _SYSCALL and self.proc_lost is None:
                syscall += pending
            elif state is _SYSCALL and self.proc_lost is not None:
                syscall += self.proc_lost - self.since
                syscall_blocked += now - self.proc_lost
            for name, begin in (self.ranges_open or {}).items():
                ranges[name] = ranges.get(name, 0) + now - begin
        return execution, runnable, blocked, syscall, syscall_blocked, total, ranges

    def close(self, now: int) -> None:
        """It ended, or blocked for ever: its stats are final, and so are its regions'.

        What it did until ``now`` has been added up already, its ranges excepted.
        """
        for name, begin in (self.ranges_open or {}).items():
            self.add_range(name, now - begin)
        self.ranges_open = None
        self.total = now - self.created
        self.ended = now
        self.closed = True
        if self.regions_open:
            final = self.snapshot(now)
            for region in self.regions_open:
                region.close(final)
            for region in self._own_open_regions():
                self.keep_region(region)
            self.regions_open = None

    def _own_open_regions(self) -> list[OpenRegion]:
        """The regions that are open, without what only looks like one.

        The runtime's goroutines inherit a task when the first GC happens to begin in a region.
        """
        found = self.regions_open or []
        if is_runtime_goroutine(self.name):
            return [region for region in found if not region.inherited]
        return found

    def keep_region(self, region: OpenRegion) -> None:
        """Keep a region that has ended."""
        if self.regions is None:
            self.regions = []
        self.regions.append(region)

    def build(
        self, now: int, region_summary: Callable[[OpenRegion], RegionSummary]
    ) -> GoroutineSummary:
        """Its summary; ``region_summary`` makes those of its regions."""
        mine = [*(self.regions or ()), *self._own_open_regions()]
        mine.sort(key=lambda region: -1 if region.begin is None else region.begin)
        return GoroutineSummary(
            self.goid,
            self.name,
            self.created,
            self.created_in_trace,
            self.parent,
            self.creation_stack,
            self.started,
            self.ended,
            self.state,
            stats_of(self.snapshot(now)),
            tuple(region_summary(region) for region in mine),
        )


class FunctionTotals:
    """All goroutines that started with one function."""

    __slots__ = ("_ended", "_goroutines", "_most", "_sums")

    def __init__(self) -> None:
        self._goroutines = self._ended = 0
        self._sums: Snapshot = (0, 0, {}, 0, 0, 0, {})
        self._most = MostOfOne()

    def copy(self) -> FunctionTotals:
        """An independent copy."""
        new = FunctionTotals()
        new._goroutines, new._ended = self._goroutines, self._ended
        sums = self._sums
        new._sums = (*sums[:2], dict(sums[2]), *sums[3:6], dict(sums[6]))
        new._most = self._most
        return new

    def add(self, goroutine: Goroutine, now: int) -> None:
        """Count a goroutine in."""
        stats, sums = goroutine.snapshot(now), self._sums
        self._goroutines += 1
        self._ended += goroutine.ended is not None
        for i in (2, 6):
            totals, values = sums[i], stats[i]
            assert isinstance(totals, dict)
            assert isinstance(values, dict)
            for name, ns in values.items():
                totals[name] = totals.get(name, 0) + ns
        self._sums = (
            sums[0] + stats[0],
            sums[1] + stats[1],
            sums[2],
            sums[3] + stats[3],
            sums[4] + stats[4],
            sums[5] + stats[5],
            sums[6],
        )
        most, blocked, syscall = self._most, sum(stats[2].values()), stats[3] + stats[4]
        if (
            stats[0] > most.execution_ns
            or stats[1] > most.runnable_ns
            or blocked > most.blocked_ns
            or syscall > most.syscall_ns
        ):
            self._most = MostOfOne(
                max(most.execution_ns, stats[0]),
                max(most.runnable_ns, stats[1]),
                max(most.blocked_ns, blocked),
                max(most.syscall_ns, syscall),
            )

    def build(self, name: str) -> FunctionSummary:
        """The summary of the function with that name."""
        return FunctionSummary(
            name, self._goroutines, self._ended, stats_of(self._sums), self._most
        )
