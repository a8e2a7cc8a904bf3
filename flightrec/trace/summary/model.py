"""What a summary consists of. Times and durations are ns, times on the trace clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from flightrec.trace.program import is_system_goroutine
from flightrec.trace.stacks import Stack
from flightrec.trace.states import GoState
from flightrec.trace.summary.distribution import Distribution
from flightrec.trace.summary.series import Series

__all__ = [
    "GC_ASSIST",
    "GC_MARK",
    "GOAL_METRIC",
    "HEAP_METRIC",
    "NOTHING",
    "PROCS_METRIC",
    "BlockingStack",
    "ExecutionStats",
    "FunctionSummary",
    "GCCycle",
    "GenerationSummary",
    "GoroutineCount",
    "GoroutineSummary",
    "LoggedMessage",
    "Longest",
    "MostOfOne",
    "Pause",
    "RegionSummary",
    "SampledStack",
    "SchedulingDelay",
    "Summary",
    "TaskSummary",
]

GC_MARK: Final = "GC concurrent mark phase"
GC_ASSIST: Final = "GC mark assist"
HEAP_METRIC: Final = "/memory/classes/heap/objects:bytes"
GOAL_METRIC: Final = "/gc/heap/goal:bytes"
PROCS_METRIC: Final = "/sched/gomaxprocs:threads"

#: An empty mapping for all who need one.
NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


def _nothing() -> Mapping[str, int]:
    return NOTHING


@dataclass(frozen=True, slots=True)
class ExecutionStats:
    """Where a goroutine's time went, in ns. Mirrors ``GoroutineExecStats`` of Go 1.26.

    ``execution_ns``
        Running.
    ``runnable_ns``
        Ready to run and waiting for a proc.
    ``blocked_ns``
        Waiting, by the runtime's reason (``""`` if the trace does not say, as for what began
        before it).
    ``syscall_ns``, ``syscall_blocked_ns``
        In a syscall with a proc, and after the proc was taken away because the syscall took long.
    ``total_ns``
        From its first appearance to its end, or the trace's.
    ``range_ns``
        In the runtime's own ranges, by name (``GC mark assist``, ``GC incremental sweep``,
        ``stop-the-world (…)``). They overlap the others and one another.

    All except ``total_ns`` and ``range_ns`` do not overlap. There is one difference from Go: if a
    goroutine lost its proc in a syscall that outlasts the trace, Go counts the rest twice, as
    syscall time and as scheduling wait. Here it is counted once, as ``syscall_blocked_ns``.
    """

    execution_ns: int = 0
    runnable_ns: int = 0
    blocked_ns: Mapping[str, int] = field(default_factory=_nothing)
    syscall_ns: int = 0
    syscall_blocked_ns: int = 0
    total_ns: int = 0
    range_ns: Mapping[str, int] = field(default_factory=_nothing)

    @property
    def blocked_total_ns(self) -> int:
        """Waiting, for whatever reason."""
        return sum(self.blocked_ns.values())

    @property
    def gc_assist_ns(self) -> int:
        """Helping the collector mark, as a goroutine that allocates fast has to."""
        return self.range_ns.get(GC_ASSIST, 0)

    @property
    def unknown_ns(self) -> int:
        """The part of ``total_ns`` that no other field accounts for."""
        return max(0, self.total_ns - self._known)

    @property
    def _known(self) -> int:
        return (
            self.execution_ns
            + self.runnable_ns
            + self.blocked_total_ns
            + self.syscall_ns
            + self.syscall_blocked_ns
        )


@dataclass(frozen=True, slots=True)
class RegionSummary:
    """A region of ``runtime/trace``, and where the goroutine's time went meanwhile.

    ``begin_ns`` is None where it began before the trace, ``end_ns`` where the goroutine did not
    end it. ``task`` is 0 for the background task. An *inherited* one is not in the program: it
    stands for the task that a goroutine got by being started in a region, and has no name.
    """

    name: str
    task: int
    goroutine: int | None
    begin_ns: int | None
    end_ns: int | None
    stats: ExecutionStats
    inherited: bool = False

    @property
    def duration_ns(self) -> int | None:
        """How long it took; None unless both ends are in the trace."""
        if self.begin_ns is None or self.end_ns is None:
            return None
        return self.end_ns - self.begin_ns


@dataclass(frozen=True, slots=True)
class GoroutineSummary:
    """One goroutine; of an id that was used several times, one life.

    ``name`` is its start function's, empty if the trace has no stack of it. ``created_ns`` is
    when it was created, or where the trace found it if ``created_in_trace`` is false. ``parent``
    is the goroutine that created it, ``creation_stack`` where; None and empty if that is not in
    the trace. ``started_ns`` is when it first ran and ``ended_ns`` when it ended or blocked for
    ever, None if it did not. ``state`` is its last. ``regions`` are sorted by their begin.
    """

    goid: int | None
    name: str
    created_ns: int
    created_in_trace: bool
    parent: int | None
    creation_stack: Stack
    started_ns: int | None
    ended_ns: int | None
    state: GoState
    stats: ExecutionStats
    regions: tuple[RegionSummary, ...] = ()

    @property
    def system(self) -> bool:
        """Whether it is one of the runtime's own, or only serves the recording."""
        return is_system_goroutine(self.name)


@dataclass(frozen=True, slots=True)
class MostOfOne:
    """The most that any goroutine spent in each state, in ns. Each may be another goroutine's."""

    execution_ns: int = 0
    runnable_ns: int = 0
    blocked_ns: int = 0
    syscall_ns: int = 0


@dataclass(frozen=True, slots=True)
class FunctionSummary:
    """All goroutines that started with one function: how many, and their stats added up."""

    name: str
    goroutines: int
    ended: int
    stats: ExecutionStats
    most: MostOfOne = MostOfOne()

    @property
    def system(self) -> bool:
        """Whether they are the runtime's own, or only serve the recording."""
        return is_system_goroutine(self.name)


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """What was logged to a task, with ``runtime/trace.Log``."""

    time_ns: int
    goroutine: int | None
    category: str
    message: str
    stack: Stack


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """A task of ``runtime/trace``.

    ``begin_ns`` and ``end_ns`` are None where they are not in the trace. ``goroutines`` are those
    that began, ended or logged to it or had a region in it, sorted; ``children`` the ids of its
    subtasks. Task 0 is the background task.
    """

    id: int
    name: str
    parent: int | None
    children: tuple[int, ...]
    begin_ns: int | None
    end_ns: int | None
    goroutines: tuple[int, ...]
    regions: tuple[RegionSummary, ...]
    logs: tuple[LoggedMessage, ...]

    @property
    def complete(self) -> bool:
        """Whether both its ends are in the trace."""
        return self.begin_ns is not None and self.end_ns is not None

    @property
    def duration_ns(self) -> int | None:
        """How long it took; None unless it is complete."""
        if self.begin_ns is None or self.end_ns is None:
            return None
        return self.end_ns - self.begin_ns


@dataclass(frozen=True, slots=True)
class Pause:
    """A stop-the-world: ``reason`` is the runtime's word for it, ``goroutine`` who stopped it."""

    reason: str
    begin_ns: int
    end_ns: int
    goroutine: int | None
    stack: Stack

    @property
    def duration_ns(self) -> int:
        """How long it took, the time to stop everything included."""
        return self.end_ns - self.begin_ns

    @property
    def gc(self) -> bool:
        """Whether it is part of a GC cycle."""
        return self.reason.startswith("GC ")


@dataclass(frozen=True, slots=True)
class GCCycle:
    """A concurrent mark phase. The times are None where they are not in the trace.

    ``heap_begin_bytes``, ``heap_end_bytes`` and ``goal_bytes`` are the last values seen by then,
    None if there was none.
    """

    begin_ns: int | None
    end_ns: int | None
    heap_begin_bytes: int | None
    heap_end_bytes: int | None
    goal_bytes: int | None

    @property
    def duration_ns(self) -> int | None:
        """How long it marked; None unless both ends are in the trace."""
        if self.begin_ns is None or self.end_ns is None:
            return None
        return self.end_ns - self.begin_ns


@dataclass(frozen=True, slots=True)
class SchedulingDelay:
    """A goroutine was ready to run from ``begin_ns`` and did so ``duration_ns`` later."""

    goroutine: int | None
    name: str
    begin_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest of several things of one kind: when it began, and on which goroutine.

    ``name`` is the goroutine's start function. ``ended`` is false for what went on at the trace's
    end; its duration is up to there. ``task`` is the task's id where it is one.
    """

    goroutine: int | None
    name: str
    begin_ns: int
    duration_ns: int
    ended: bool = True
    task: int | None = None


@dataclass(frozen=True, slots=True)
class BlockingStack:
    """Where goroutines blocked, why, how often and how long, including waits that go on.

    The ``reason`` of syscalls is ``"syscall"``. ``durations`` has those that ended; ``longest`` is
    the longest of all.
    """

    reason: str
    stack: Stack
    count: int
    total_ns: int
    max_ns: int
    durations: Distribution
    longest: Longest


@dataclass(frozen=True, slots=True)
class SampledStack:
    """A stack of the CPU profile and how many samples it has."""

    stack: Stack
    count: int


@dataclass(frozen=True, slots=True)
class GoroutineCount:
    """How many goroutines there were, and in which state. ``total`` is all states together."""

    time_ns: int
    total: int
    running: int
    runnable: int
    waiting: int
    syscall: int


@dataclass(frozen=True, slots=True)
class GenerationSummary:
    """One generation of the trace; ``wall_begin_ns`` is None before Go 1.25."""

    number: int
    begin_ns: int
    end_ns: int
    events: int
    wall_begin_ns: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a trace. Immutable, and so safe to use from any thread.

    ``begin_ns`` and ``end_ns`` are the first and the last event's time (0 if there is none);
    ``version`` the minor Go version in the trace's header, None for events from elsewhere.
    ``events`` counts them by type. ``goroutines`` and ``tasks`` are by id. Go gives a C thread (a
    Python thread) that calls it the goroutine id of one that has left, so an id may have several
    lives: ``goroutines`` has the last one, and ``earlier_lives`` those before it, oldest first.
    ``region_durations`` and ``task_durations`` are by name, of those whose ends are both in the
    trace; ``longest_regions`` and ``longest_tasks``, by name too, count what has not ended.
    ``functions`` are sorted by execution time, ``blocking`` and ``syscalls`` by time, ``samples``
    by count and ``delays`` by duration, the greatest first; only ``delays`` is cut off.
    ``scheduling`` is how long goroutines were ready before they ran; one that was so before the
    trace counts from its begin. ``program_scheduling`` and ``program_delays`` leave out the
    goroutines of the runtime and the recorder. ``ranges`` are how long the runtime's own took (the
    mark phase, sweeps, mark assists, stop-the-worlds), by name, of those whose ends are both in
    the trace. ``metrics`` are the runtime's, by name.

    Without details ``goroutines`` and ``tasks`` are empty, and so are the regions.
    """

    begin_ns: int
    end_ns: int
    version: int | None
    generations: tuple[GenerationSummary, ...]
    events: Mapping[str, int]
    goroutines: Mapping[int | None, GoroutineSummary]
    earlier_lives: Mapping[int | None, tuple[GoroutineSummary, ...]]
    functions: tuple[FunctionSummary, ...]
    goroutine_counts: tuple[GoroutineCount, ...]
    scheduling: Distribution
    delays: tuple[SchedulingDelay, ...]
    program_scheduling: Distribution
    program_delays: tuple[SchedulingDelay, ...]
    blocking: tuple[BlockingStack, ...]
    syscalls: tuple[BlockingStack, ...]
    pauses: tuple[Pause, ...]
    gc_cycles: tuple[GCCycle, ...]
    ranges: Mapping[str, Distribution]
    metrics: Mapping[str, Series]
    tasks: Mapping[int, TaskSummary]
    task_durations: Mapping[str, Distribution]
    region_durations: Mapping[str, Distribution]
    longest_tasks: Mapping[str, Longest]
    longest_regions: Mapping[str, Longest]
    samples: tuple[SampledStack, ...]

    @property
    def duration_ns(self) -> int:
        """From the first event to the last."""
        return self.end_ns - self.begin_ns

    @property
    def event_count(self) -> int:
        """How many events there are."""
        return sum(self.events.values())

    @property
    def heap(self) -> Series:
        """Bytes of live and unswept objects, over time."""
        return self.metrics.get(HEAP_METRIC, Series())

    @property
    def heap_goal(self) -> Series:
        """The heap size that the next GC cycle aims at, over time."""
        return self.metrics.get(GOAL_METRIC, Series())

    @property
    def longest_pause(self) -> Pause | None:
        """The longest stop-the-world; None if there is none."""
        return max(self.pauses, key=lambda pause: pause.duration_ns, default=None)

    def descendants(self, task: int) -> Iterator[TaskSummary]:
        """The task itself, then its subtasks and theirs. Raises KeyError if it is not there."""
        waiting = [task]
        seen = set()
        while waiting:
            found = self.tasks[waiting.pop()]
            if found.id in seen:
                continue
            seen.add(found.id)
            yield found
            waiting += reversed(found.children)

    def critical_regions(self, task: int) -> tuple[RegionSummary, ...]:
        """The regions that a task's end waited for, in order.

        That is: of the task's and its subtasks' regions the one that ended last before the task
        did, the one that ended last before that one began, and so on; of several that end
        together the longest. None of them overlap, so work that went on beside a longer region is
        not there. Only whole regions count. Raises KeyError if the task is not there.
        """
        end = self.tasks[task].end_ns
        regions = sorted(
            (
                (region.end_ns, -region.begin_ns, region)
                for found in self.descendants(task)
                for region in found.regions
                if region.begin_ns is not None and region.end_ns is not None
            ),
            key=lambda entry: entry[:2],
        )
        path: list[RegionSummary] = []
        while regions:
            ended, minus_began, region = regions.pop()
            if end is None or ended <= end:
                path.append(region)
                end = -minus_began
        return tuple(reversed(path))
