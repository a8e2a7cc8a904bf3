"""What goroutines did in a stretch of a trace: columns of numbers, one row a transition.

An event object takes hundreds of bytes, a row here some forty. Rows are in the order of time, so
a moment becomes a row by bisection.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from flightrec.trace.events import (
    Event,
    GoroutineTransition,
    Log,
    ProcTransition,
    RangeActive,
    RangeBegin,
    RangeEnd,
    RegionBegin,
    RegionEnd,
    ResourceKind,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.program import is_bridge, start_name
from flightrec.trace.python import is_region
from flightrec.trace.stacks import NO_STACK, Stack
from flightrec.trace.states import GoState

__all__ = ["Birth", "Lives", "Range", "State", "TaskMoments"]

_STW: Final = "stop-the-world"
_ASSIST: Final = "GC mark assist"
_MARK: Final = "GC concurrent mark phase"


class State:
    """A goroutine's state, as a row has it. MARK and NOTE are no transitions.

    MARK is an event with a stack, NOTE one that only notes something: of a task, a region, a log.
    """

    UNKNOWN: Final = 0
    NOT_EXIST: Final = 1
    RUNNABLE: Final = 2
    RUNNING: Final = 3
    WAITING: Final = 4
    SYSCALL: Final = 5
    NOTE: Final = 6
    MARK: Final = 7


_STATES: Final = {
    GoState.UNDETERMINED: State.UNKNOWN,
    GoState.NOT_EXIST: State.NOT_EXIST,
    GoState.RUNNABLE: State.RUNNABLE,
    GoState.RUNNING: State.RUNNING,
    GoState.WAITING: State.WAITING,
    GoState.SYSCALL: State.SYSCALL,
}
_MARK_CODE: Final = State.MARK * 8 + State.MARK
_NOTE_CODE: Final = State.NOTE * 8 + State.NOTE
_NOTES: Final = frozenset({TaskBegin, TaskEnd, RegionBegin, RegionEnd, Log})
_NONE: Final = -1


class Range(NamedTuple):
    """A range of the runtime's on a goroutine."""

    begin: int
    end: int
    goid: int
    name: str
    stack: Stack


class Birth(NamedTuple):
    """A goroutine's creation: when, by which goroutine, and where it starts."""

    time: int
    creator: int | None
    stack: Stack


class TaskMoments:
    """On which goroutines a task began and ended, and its regions' goroutines with their times."""

    __slots__ = ("begin", "begin_goid", "end", "end_goid", "touched")

    def __init__(self) -> None:
        self.begin: int | None = None
        self.end: int | None = None
        self.begin_goid: int | None = None
        self.end_goid: int | None = None
        #: The goroutine that did something in it last.
        self.touched: int | None = None


class Lives:
    """Goroutines' transitions, added in order with :meth:`add`.

    They may be plain tuples (``plain`` of :class:`~flightrec.trace.Reader`).
    """

    def __init__(self, keep_from: int = 0) -> None:
        self._keep_from = keep_from
        #: What is kept in rows begins and ends here.
        self.begin = 0
        self.end = 0
        self.times = array("q")
        self.goids = array("q")
        self.actors = array("q")
        self.codes = array("B")
        self.reasons = array("H")
        self.stacks = array("I")
        self.procs = array("i")
        #: Row numbers: of each goroutine's transitions, of what it did with a stack, and of each
        #: P's goroutine starts.
        self.own: dict[int, array[int]] = {}
        self.acts: dict[int, array[int]] = {}
        self.starts: dict[int, array[int]] = {}
        self.births: dict[int | None, Birth] = {}
        self.stops: list[Range] = []
        self.assists: dict[int, list[Range]] = {}
        self.marks: list[tuple[int, int]] = []
        self.tasks: dict[int, TaskMoments] = {}
        #: Python's regions and tasks by goroutine: (begin, end, name); end is None while open.
        self.regions: dict[int, list[tuple[int, int | None, str]]] = {}
        # What adds a row to each of those lists.
        self._own: dict[int, Callable[[int], None]] = {}
        self._acts: dict[int, Callable[[int], None]] = {}
        self._starts: dict[int, Callable[[int], None]] = {}
        self._stack_list: list[Stack] = [NO_STACK]
        self._stack_ids: dict[int, int] = {id(NO_STACK): 0}
        self._reason_list: list[str] = [""]
        self._reason_ids: dict[str, int] = {"": 0}
        #: The last transition of each goroutine before what is kept.
        self._early: dict[int | None, tuple[Any, ...]] = {}
        self._open_ranges: dict[tuple[int, str], tuple[int, Stack]] = {}
        self._mark_begin: int | None = None
        self._names: dict[int, str] = {}

    # Filling.

    def add(self, events: Sequence[Event]) -> None:
        """Take in events, in order."""
        if not self.begin:
            if events[-1][0] < self._keep_from:
                self._add_early(events)
                return
            self.begin = events[0][0]
            self._add_rows(sorted(self._early.values(), key=itemgetter(0)))
            self._early.clear()
        self._add_rows(events)

    def _add_early(self, events: Iterable[Any]) -> None:
        """Note of events before what is kept only in which state they leave goroutines."""
        early = self._early
        not_exist = GoState.NOT_EXIST
        event: Any
        for event in events:
            kind = event.__class__
            if kind is tuple or kind is GoroutineTransition:
                goid, before, after = event[6], event[7], event[8]
                if before is after and goid in early:
                    continue
                early[goid] = event
                if before is not_exist and after is not GoState.SYSCALL:
                    self.births[goid] = Birth(event[0], event[1], event[10])
            else:
                other = _OTHERS.get(kind)
                if other is not None:
                    other(self, event)

    def _add_rows(self, events: Iterable[Any]) -> None:
        states, stack_ids, reason_ids = _STATES, self._stack_ids, self._reason_ids
        own, acts, starts = self._own, self._acts, self._starts
        restated, unknown, no_stack = GoState.UNDETERMINED, GoState.UNDETERMINED, NO_STACK
        running, not_exist, syscall = GoState.RUNNING, GoState.NOT_EXIST, GoState.SYSCALL
        rows: list[tuple[int, ...]] = []
        keep = rows.append
        row = len(self.times)
        event: Any
        for event in events:
            kind = event.__class__
            if kind is tuple or kind is GoroutineTransition:
                time, actor, proc, _, stack, _, goid, before, after, reason, start = event
                note = own.get(goid)
                if before is after:
                    # A generation restates where each goroutine is; the first time that is news.
                    if note is not None:
                        continue
                    if time >= self.begin:
                        before = restated
                elif before is restated and note is not None:
                    continue
                if note is None:
                    note = self._rows_of(self.own, own, goid)
                note(row)
                if after is running:
                    if proc is not None:
                        note = starts.get(proc) or self._rows_of(self.starts, starts, proc)
                        note(row)
                elif before is not_exist and after is not syscall:
                    self.births[goid] = Birth(time, actor, start)
                index = 0
                if stack is not no_stack:
                    index = stack_ids.get(id(stack)) or self._stack(stack)
                    if index and actor is not None and before is not unknown:
                        note = acts.get(actor) or self._rows_of(self.acts, acts, actor)
                        note(row)
                why = 0
                if reason:
                    why = reason_ids.get(reason) or self._reason(reason)
                keep(
                    (
                        time,
                        _NONE if goid is None else goid,
                        _NONE if actor is None else actor,
                        states[before] * 8 + states[after],
                        why,
                        index,
                        _NONE if proc is None else proc,
                    )
                )
                row += 1
                continue
            if kind is ProcTransition:
                continue
            goid = event.goroutine
            if event.stack and goid is not None:
                note = acts.get(goid) or self._rows_of(self.acts, acts, goid)
                note(row)
                code = _NOTE_CODE if kind in _NOTES else _MARK_CODE
                keep((event.time, goid, goid, code, 0, self._stack(event.stack), _NONE))
                row += 1
            other = _OTHERS.get(kind)
            if other is not None:
                other(self, event)
            self.end = event.time
        if rows:
            self._keep(rows)
            self.end = max(self.end, self.times[-1])

    def _keep(self, rows: list[tuple[int, ...]]) -> None:
        """Add rows to the columns: packed in one go, which is much quicker than one by one."""
        columns = (
            self.times,
            self.goids,
            self.actors,
            self.codes,
            self.reasons,
            self.stacks,
            self.procs,
        )
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.frombytes(struct.pack(f"{len(values)}{column.typecode}", *values))

    @staticmethod
    def _rows_of(
        rows: dict[int, array[int]], notes: dict[int, Callable[[int], None]], number: int
    ) -> Callable[[int], None]:
        """Begin the list of rows of a goroutine or P; what adds one to it."""
        found = rows[number] = array("I")
        note = notes[number] = found.append
        return note

    def _reason(self, reason: str) -> int:
        number = self._reason_ids[reason] = len(self._reason_list)
        self._reason_list.append(reason)
        return number

    def _stack(self, stack: Stack) -> int:
        index = self._stack_ids.get(id(stack))
        if index is None:
            index = self._stack_ids[id(stack)] = len(self._stack_list)
            self._stack_list.append(stack)
        return index

    def _range_begin(self, event: RangeBegin | RangeActive) -> None:
        kind, number = event.scope
        if kind is ResourceKind.GOROUTINE and number is not None:
            begin = event.time if event.__class__ is RangeBegin else self.begin
            self._open_ranges.setdefault((number, event.name), (begin, event.stack))
        elif event.name == _MARK and self._mark_begin is None:
            self._mark_begin = event.time if event.__class__ is RangeBegin else self.begin

    def _range_end(self, event: RangeEnd) -> None:
        kind, number = event.scope
        if kind is ResourceKind.GOROUTINE and number is not None:
            begin, stack = self._open_ranges.pop((number, event.name), (self.begin, NO_STACK))
            self._range(Range(begin, event.time, number, event.name, stack))
        elif event.name == _MARK:
            begin = self.begin if self._mark_begin is None else self._mark_begin
            self.marks.append((begin, event.time))
            self._mark_begin = None

    def _range(self, found: Range) -> None:
        if found.name.startswith(_STW):
            self.stops.append(found)
        elif found.name == _ASSIST:
            self.assists.setdefault(found.goid, []).append(found)

    def finish(self) -> None:
        """Close what is open at the end."""
        for (goid, name), (begin, stack) in self._open_ranges.items():
            self._range(Range(begin, self.end, goid, name, stack))
        self._open_ranges.clear()
        if self._mark_begin is not None:
            self.marks.append((self._mark_begin, self.end))
            self._mark_begin = None
        for found in (self.stops, *self.assists.values()):
            found.sort(key=itemgetter(0))

    def _task(self, number: int, goid: int | None) -> TaskMoments:
        task = self.tasks.get(number)
        if task is None:
            task = self.tasks[number] = TaskMoments()
        if goid is not None:
            task.touched = goid
        return task

    def _task_begin(self, event: TaskBegin) -> None:
        task = self._task(event.task, event.goroutine)
        task.begin, task.begin_goid = event.time, event.goroutine
        self._python_begin(event, _task_name(event))

    def _task_end(self, event: TaskEnd) -> None:
        task = self._task(event.task, event.goroutine)
        task.end, task.end_goid = event.time, event.goroutine
        self._python_end(event, _task_name(event))

    def _log(self, event: Log) -> None:
        if event.task:
            self._task(event.task, event.goroutine)

    def _region_begin(self, event: RegionBegin) -> None:
        if event.task:
            self._task(event.task, event.goroutine)
        self._python_begin(event, f"region {event.name!r}")

    def _region_end(self, event: RegionEnd) -> None:
        self._python_end(event, f"region {event.name!r}")

    def _python_begin(self, event: RegionBegin | TaskBegin, name: str) -> None:
        if event.goroutine is not None and _is_python(event.stack):
            self.regions.setdefault(event.goroutine, []).append((event.time, None, name))

    def _python_end(self, event: RegionEnd | TaskEnd, name: str) -> None:
        regions = self.regions.get(event.goroutine or 0, [])
        for i in range(len(regions) - 1, -1, -1):
            begin, end, found = regions[i]
            if end is None and found == name:
                regions[i] = (begin, event.time, found)
                return

    # Asking.

    def stack(self, row: int) -> Stack:
        """The stack of a row's event: where its actor was."""
        return self._stack_list[self.stacks[row]]

    def stack_number(self, row: int) -> int:
        """A number that equal stacks of a generation share; 0 for none."""
        return self.stacks[row]

    def stack_numbered(self, number: int) -> Stack:
        """The stack with a number."""
        return self._stack_list[number]

    @property
    def stack_count(self) -> int:
        """Numbers of stacks are below this."""
        return len(self._stack_list)

    def reason(self, row: int) -> str:
        """Why the row's goroutine stopped."""
        return self._reason_list[self.reasons[row]]

    def reason_number(self, reason: str) -> int | None:
        """The number of a reason in ``reasons``; None if no row has it."""
        return self._reason_ids.get(reason)

    def before(self, row: int) -> int:
        """The state that a row's transition starts from."""
        return self.codes[row] >> 3

    def after(self, row: int) -> int:
        """The state that a row's transition leads to."""
        return self.codes[row] & 7

    def is_work(self, row: int) -> bool:
        """Whether a row is of what a goroutine did, not of what it noted for the trace."""
        return self.codes[row] != _NOTE_CODE

    def actor(self, row: int) -> int | None:
        """The goroutine that ran when a row's transition happened."""
        actor = self.actors[row]
        return None if actor == _NONE else actor

    def row_at(self, time: int) -> int:
        """The first row that is not before a time."""
        return bisect_left(self.times, time)

    def position(self, goid: int, time: int) -> int:
        """How many of a goroutine's transitions are before a time."""
        rows = self.own.get(goid)
        return 0 if rows is None else bisect_left(rows, self.row_at(time))

    def acts_between(self, goid: int, begin: int, end: int) -> list[int]:
        """Rows with a stack in which a goroutine acted, after ``begin`` and up to ``end``."""
        rows = self.acts.get(goid)
        if rows is None:
            return []
        first = bisect_left(rows, bisect_right(self.times, begin))
        last = bisect_left(rows, bisect_right(self.times, end))
        return list(rows[first:last])

    def next_act(self, goid: int, time: int) -> int | None:
        """The first row with a stack in which a goroutine acted after a time."""
        rows = self.acts.get(goid)
        if rows is None:
            return None
        at = bisect_left(rows, bisect_right(self.times, time))
        return rows[at] if at < len(rows) else None

    def name(self, goid: int | None) -> str:
        """A goroutine's start function; empty if no stack of it is there."""
        if goid is None:
            return ""
        name = self._names.get(goid)
        if name is None:
            name = self._names[goid] = start_name(self._find_name(goid))
        return name

    def _find_name(self, goid: int) -> str:
        birth = self.births.get(goid)
        if birth is not None and birth.stack:
            return birth.stack[-1].function
        for row in self.own.get(goid, ()):
            if self.actors[row] == goid and self.stacks[row]:
                return self.stack(row)[-1].function
            if self.before(row) == State.UNKNOWN and self.stacks[row]:
                return self.stack(row)[-1].function
        for row in self.acts.get(goid, ())[:1]:
            return self.stack(row)[-1].function
        return ""

    def gaps(self, begin: int, end: int, least: int) -> Iterator[tuple[int, int]]:
        """The times that reach into a stretch and in which nothing is kept, if so long."""
        times = self.times
        row = max(1, bisect_right(times, begin))
        while row < len(times) and times[row - 1] < end:
            if times[row] - times[row - 1] >= least:
                yield times[row - 1], times[row]
            row += 1

    def runs(self, proc: int, begin: int, end: int) -> list[tuple[int, int, int]]:
        """Who ran on a P between two times: (goroutine, begin, end), cut to them."""
        rows = self.starts.get(proc)
        if rows is None:
            return []
        at = max(0, bisect_left(rows, self.row_at(begin)) - 1)
        found = []
        while at < len(rows) and self.times[rows[at]] < end:
            row = rows[at]
            goid = self.goids[row]
            own = self.own[goid]
            after = bisect_right(own, row)
            until = self.times[own[after]] if after < len(own) else self.end
            since = max(begin, self.times[row])
            until = min(until, end)
            if until > since:
                found.append((goid, since, until))
            at += 1
        return found

    def python_name(self, goid: int, time: int) -> str:
        """The innermost region of Python's that a goroutine was in, else task; empty if none."""
        found = ""
        for begin, end, name in reversed(self.regions.get(goid, [])):
            if begin < time and (end is None or end >= time):
                if not name.startswith("task "):
                    return name
                found = found or name
        return found


def _is_python(stack: Stack) -> bool:
    """Whether a region or task is Python's, which the bridge begins; it may be called by Go."""
    return bool(stack) and is_bridge(stack[0].function)


def _task_name(event: TaskBegin | TaskEnd) -> str:
    """What a task is called where it is a place."""
    return f"{'region' if is_region(event) else 'task'} {event.name!r}"


_OTHERS: Final[dict[type[Any], Callable[[Any, Any], None]]] = {
    RangeBegin: Lives._range_begin,
    RangeActive: Lives._range_begin,
    RangeEnd: Lives._range_end,
    TaskBegin: Lives._task_begin,
    TaskEnd: Lives._task_end,
    Log: Lives._log,
    RegionBegin: Lives._region_begin,
    RegionEnd: Lives._region_end,
}
