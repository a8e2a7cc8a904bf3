"""The first pass over a trace: which tasks there are, and what is far longer than its kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from flightrec.threadnames import THREAD_CATEGORY
from flightrec.trace.events import (
    Event,
    GoroutineTransition,
    Log,
    RangeBegin,
    RangeEnd,
    ResourceKind,
    Sync,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.program import (
    is_recorder_goroutine,
    is_runtime_goroutine,
    program_frame,
)
from flightrec.trace.stacks import Stack
from flightrec.trace.states import GoState
from flightrec.trace.summary.distribution import DistributionBuilder
from flightrec.trace.why.wakers import NETWORK

__all__ = ["Kind", "Longest", "Survey", "Task"]

_STW: Final = "stop-the-world"

# Durations are counted in bulk, once so many wait.
_BULK: Final = 1 << 16


class Task:
    """A task; times are None where they are outside the window."""

    __slots__ = ("begin", "end", "goid", "id", "name", "parent")

    def __init__(self, number: int) -> None:
        self.id = number
        self.name = ""
        self.parent: int | None = None
        self.begin: int | None = None
        self.end: int | None = None
        #: The goroutine that ended it, else the one that did something in it last.
        self.goid: int | None = None


class Longest:
    """The longest of one kind of wait, delay or pause."""

    __slots__ = ("begin", "end", "goid", "ns", "stack")

    def __init__(self) -> None:
        self.begin = self.end = 0
        #: How long it was.
        self.ns = 0
        self.goid: int | None = None
        self.stack: Stack | None = None


class Kind:
    """Waits for one reason at one place; delays; pauses."""

    __slots__ = ("count", "longest", "reason", "stacks", "times")

    def __init__(self, reason: str) -> None:
        self.reason = reason
        #: Stacks of this generation that are told apart by identity.
        self.stacks: list[Stack] = []
        self.times = DistributionBuilder()
        #: Counts a duration that is not the longest; whoever does so folds ``times`` at times.
        self.count = self.times.pending.append
        self.longest = Longest()

    def add(self, begin: int, end: int, goid: int | None, stack: Stack | None) -> None:
        """Count one."""
        self.times.add(end - begin)
        longest = self.longest
        if end - begin > longest.ns:
            longest.begin, longest.end, longest.ns = begin, end, end - begin
            longest.goid, longest.stack = goid, stack


class Survey:
    """What a first pass notes. ``waits`` says whether it looks at goroutines as well.

    Goroutines' transitions may be plain tuples (``plain`` of :class:`~flightrec.trace.Reader`).
    """

    def __init__(
        self,
        *,
        waits: bool,
        wanted_log: str | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> None:
        self.begin = 0
        self.end = 0
        #: (offset of the generation's first batch, time of its begin)
        self.generations: list[tuple[int, int]] = []
        self.tasks: dict[int, Task] = {}
        #: The first log with the wanted text as its message, else the first that has it in that.
        self.log: Log | None = None
        self.kinds: dict[object, Kind] = {}
        self.delays = Kind("")
        self.pauses = Kind("")
        self._wanted_log = wanted_log
        self._waits = waits
        self._lower = since
        self._upper = until
        self._since: dict[int | None, tuple[Any, ...]] = {}
        self._names: dict[int | None, str] = {}
        self._stopped: dict[int | None, RangeBegin] = {}
        #: The kinds of this generation's waits, by the identity of their stack.
        self._by_stack: dict[int, Kind] = {}
        #: How many events there were.
        self.events = 0

    def add(self, events: Sequence[Event]) -> None:
        """Take in events, in order."""
        since, by_stack = self._since, self._by_stack
        waits, delays = self._waits, self.delays
        longest_delay, delayed, take = delays.longest, delays.count, since.pop
        not_exist, waiting = GoState.NOT_EXIST, GoState.WAITING
        runnable, running = GoState.RUNNABLE, GoState.RUNNING
        event: Any = None
        self.events += len(events)
        for event in events:
            kind = event.__class__
            if kind is not tuple and kind is not GoroutineTransition:
                other = _OTHERS.get(kind)
                if other is not None:
                    other(self, event)
                continue
            if not waits:
                continue
            before, after = event[7], event[8]
            if after is running:
                if before is runnable:
                    began = take(event[6], None)
                    if began is not None:
                        ns = event[0] - began[0]
                        if ns > longest_delay.ns:
                            self._delayed(began, event[0])
                        else:
                            delayed(ns)
            elif before is waiting:
                if after is waiting:
                    continue
                began = since.get(event[6])
                since[event[6]] = event
                if began is None or began[8] is not waiting or not began[10]:
                    continue
                found = by_stack.get(id(began[10]))
                ns = event[0] - began[0]
                if found is None or ns > found.longest.ns:
                    self._waited(began, event[0])
                else:
                    found.count(ns)
            elif (after is waiting or after is runnable) and before is not after:
                since[event[6]] = event
                if before is not_exist and event[10]:
                    self._names[event[6]] = event[10][-1].function
        if event is not None:
            self.end = event[0]
        if len(delays.times.pending) > _BULK:
            self._fold()

    def _fold(self) -> None:
        """Count what waits to be counted."""
        self.delays.times.fold()
        for kind in self.kinds.values():
            kind.times.fold()

    # Goroutines.

    def _concerns(self, begin: int | None, end: int | None) -> bool:
        """Whether some of a time is in the part of the window that was asked for."""
        if self._lower is not None and end is not None and end < self._lower:
            return False
        return self._upper is None or begin is None or begin <= self._upper

    def _waited(self, began: tuple[Any, ...], end: int) -> None:
        """Note a wait that is the longest of its kind so far, or the first at its stack."""
        begin, goid, reason, stack = began[0], began[6], began[9], began[10]
        key = (reason, stack.pcs)
        kind = self.kinds.get(key)
        if kind is None:
            kind = self.kinds[key] = Kind(reason)
        # A stack is one object in a generation, and kept alive by its kind meanwhile.
        self._by_stack[id(stack)] = kind
        kind.stacks.append(stack)
        if self._concerns(begin, end):
            kind.add(begin, end, goid, stack)

    def _delayed(self, began: tuple[Any, ...], end: int) -> None:
        """Note a delay that is the longest so far."""
        begin, goid = began[0], began[6]
        if self._concerns(begin, end) and not self._is_ours(goid):
            self.delays.add(begin, end, goid, None)

    def _is_ours(self, goid: int | None) -> bool:
        name = self._names.get(goid, "")
        return is_recorder_goroutine(name) or is_runtime_goroutine(name)

    # Everything else.

    def _sync(self, event: Sync) -> None:
        if not self.generations:
            self.begin = event.time
        elif self.generations[-1][0] == event.generation.offset:
            return
        self._by_stack.clear()
        for kind in self.kinds.values():
            kind.stacks.clear()
        self.generations.append((event.generation.offset, event.time))

    def _task(self, number: int, goid: int | None) -> Task:
        task = self.tasks.get(number)
        if task is None:
            task = self.tasks[number] = Task(number)
        if goid is not None and task.end is None:
            task.goid = goid
        return task

    def _task_begin(self, event: TaskBegin) -> None:
        task = self._task(event.task, event.goroutine)
        task.name, task.parent, task.begin = event.name, event.parent, event.time

    def _task_end(self, event: TaskEnd) -> None:
        task = self._task(event.task, event.goroutine)
        task.name = task.name or event.name
        task.end = event.time

    def _log(self, event: Log) -> None:
        if event.task:
            self._task(event.task, event.goroutine)
        wanted = self._wanted_log
        if wanted is not None and wanted in event.message and event.category != THREAD_CATEGORY:
            known = self.log
            if known is None or (known.message != wanted and event.message == wanted):
                self.log = event

    def _range_begin(self, event: RangeBegin) -> None:
        if event.name.startswith(_STW) and event.scope.kind is ResourceKind.GOROUTINE:
            self._stopped[event.scope.id] = event

    def _range_end(self, event: RangeEnd) -> None:
        if event.name.startswith(_STW):
            began = self._stopped.pop(event.scope.id, None)
            ours = began is None or "start trace" in began.name
            if began is not None and not ours and self._concerns(began.time, event.time):
                self.pauses.add(began.time, event.time, began.goroutine, began.stack)

    # Asking.

    @property
    def everything(self) -> bool:
        """Whether the whole window was asked for."""
        return self._lower is None and self._upper is None

    @property
    def is_outside(self) -> bool:
        """Whether the part of the window that was asked for is before it or after it."""
        if self._lower is not None and self._lower > self.end:
            return True
        return self._upper is not None and self._upper < self.begin

    def chosen_tasks(self) -> list[Task]:
        """The tasks that were going on in the part of the window that was asked for."""
        return [task for task in self.tasks.values() if self._concerns(task.begin, task.end)]

    def duration(self, task: Task) -> int:
        """How long a task took, as far as the window has it."""
        begin = self.begin if task.begin is None else task.begin
        return (self.end if task.end is None else task.end) - begin

    def network_waits(self) -> float:
        """How many waits for the network there were; infinity if they were not looked at."""
        if not self._waits:
            return math.inf
        kinds = (kind for kind in self.kinds.values() if kind.reason == NETWORK)
        return sum(kind.times.build().count for kind in kinds)

    def program_kinds(self) -> list[Kind]:
        """The kinds of waits that are at a place of the program's."""
        return [
            kind
            for kind in self.kinds.values()
            if kind.longest.stack is not None
            and program_frame(kind.longest.stack.frames) is not None
        ]


_OTHERS: Final[dict[type[Any], Callable[[Any, Any], None]]] = {
    Sync: Survey._sync,
    TaskBegin: Survey._task_begin,
    TaskEnd: Survey._task_end,
    Log: Survey._log,
    RangeBegin: Survey._range_begin,
    RangeEnd: Survey._range_end,
}
