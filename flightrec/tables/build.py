"""Turns events into rows, as they go by: each event is looked at once, whatever is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flightrec.tables.annotations import Annotations
from flightrec.tables.eventrows import event_row
from flightrec.tables.goroutines import Goroutines
from flightrec.tables.interning import Interner, KnownStacks, Row
from flightrec.tables.numbers import int64
from flightrec.tables.procs import Procs
from flightrec.tables.ranges import Ranges
from flightrec.tables.text import valid_text
from flightrec.trace.events import (
    Event,
    Generation,
    GoroutineTransition,
    Label,
    Log,
    Metric,
    ProcTransition,
    RangeActive,
    RangeBegin,
    RangeEnd,
    RegionBegin,
    RegionEnd,
    StackSample,
    Sync,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.states import GoState, ProcState

__all__ = ["PROC_LOST", "TableBuilder"]

#: The reason that a syscall's interval has after its P was taken away.
PROC_LOST: Final = "proc lost"


class TableBuilder:
    """Makes rows of events that come in lists, in their order. Not thread-safe.

    The time that each state has is that of :class:`flightrec.trace.Summarizer`, and so Go's own
    summarizer's.
    """

    def __init__(
        self, interner: Interner, *, events: bool = False, null: Any = None, no: Any = False
    ) -> None:
        """Make a builder.

        :param events: make the rows of all events too. Goroutines' transitions are plain tuples
            without it (``plain`` of :class:`~flightrec.trace.Reader`).
        :param null: what stands for None in the tables that have a row for most events
            (``goroutine_states``, ``wakeups``), and *no* what stands for False: what writes
            them may have quicker values.
        """
        self._null = null
        self._no = no
        self.begin: int | None = None
        self.end = 0
        self.events = 0
        self.wall_offset: int | None = None
        self._interner = interner
        self._stacks = KnownStacks(interner, null)
        self._stack = self._stacks.number
        self._goroutines = Goroutines()
        self._states: list[Row] = []
        self._gone: list[Row] = []
        self._wakeups: list[Row] = []
        self._procs = Procs()
        self._ranges = Ranges(self._goroutines, self._stack)
        self._annotations = Annotations(self._goroutines, self._stack)
        self._metrics: list[Row] = []
        self._samples: list[Row] = []
        self._generations: list[Row] = []
        self._event_rows: list[Row] | None = [] if events else None
        self._transition: type[Any] = GoroutineTransition if events else tuple
        # Of each goroutine the part of its present state's row that is known: the goroutine's
        # number, begin, state, reason, stack, proc, thread, began before.
        self._open: dict[int | None, Row] = {}
        # Which goroutine is in a syscall with a P, and the P of those that have lost it.
        self._syscalling: dict[int | None, int | None] = {}
        self._lost: dict[int | None, int | None] = {}
        self._reasons: dict[str, str] = {}
        self._generation: tuple[Generation, int] | None = None
        self._ended: Generation | None = None
        self._sync = 0
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            Label: lambda event: self._goroutines.label(event.goroutine, event.label),
            Log: self._log,
            Metric: self._metric,
            ProcTransition: self._proc,
            RangeActive: lambda event: self._ranges.active(event, self._first),
            RangeBegin: self._ranges.begin,
            RangeEnd: lambda event: self._ranges.end(event, self._first),
            RegionBegin: self._annotations.region_begin,
            RegionEnd: lambda event: self._annotations.region_end(event, self._first),
            StackSample: self._sample,
            Sync: self._on_sync,
            TaskBegin: self._annotations.task_begin,
            TaskEnd: lambda event: self._annotations.task_end(event, self._first),
        }

    @property
    def _first(self) -> int:
        return self.begin or 0

    def add(self, chunk: list[Any]) -> None:
        """Take in the next events."""
        rows = self._event_rows
        if rows is None:
            self._add(chunk)
            return
        # One by one: whose number an event's goroutine has may change from one to the next.
        number, stack = self._goroutines.number, self._stack
        for event in chunk:
            row = event_row(event, number(event.goroutine), stack)
            self._add([event])
            rows.append(row)

    def _add(self, chunk: list[Any]) -> None:
        """Take in a list of events.

        Most of a trace's are goroutines' transitions, so they are dealt with here with all that
        is needed at hand, and all others by a function each.
        """
        if not chunk:
            return
        if self.begin is None:
            self.begin = self._sync = chunk[0][0]
        not_exist, runnable, running = GoState.NOT_EXIST, GoState.RUNNABLE, GoState.RUNNING
        waiting, syscall = GoState.WAITING, GoState.SYSCALL
        transition = self._transition
        handlers = self._handlers
        goroutines = self._goroutines
        unnamed, unstarted, again = goroutines.unnamed, goroutines.unstarted, goroutines.again
        states, stacks, reasons = self._open, self._stacks.by_id, self._reasons
        null, no = self._null, self._no
        syscalling, lost = self._syscalling, self._lost
        close, wakeup = self._states.append, self._wakeups.append
        for event in chunk:
            if event.__class__ is not transition:
                handler = handlers.get(event.__class__)
                if handler is not None:
                    handler(event)
                continue
            time, on, proc, thread, cause, _, goid, old, new, reason, stack = event
            state = states.get(goid)
            if state is None or old is new:
                if state is not None:
                    continue  # Its status is told once a generation.
                state = self._appear(event)
                if state is None:
                    continue
            # Twice as quick as (*state, time, False).
            close(state + (time, no))  # noqa: RUF005
            number = state[0]
            if old is syscall:
                # Go's summary forgets the P's goroutine here even if it is another by now.
                syscalling.pop(lost.pop(goid, None) if state[3] else state[5], None)
            if new is running:
                states[goid] = (number, time, "Running", "", null, proc, thread, no)
                if goid in unstarted:
                    goroutines.start(goid, time)
                continue
            if new is runnable and old is waiting:
                try:
                    where = stacks[id(cause)]
                except KeyError:
                    where = self._stack(cause)
                who = null if on is None else again.get(on, on) if again else on
                wakeup((time, "unblock", who, number, where, proc, thread, time - state[1]))
                states[goid] = (number, time, "Runnable", "", null, null, null, no)
                continue
            try:
                at = stacks[id(stack)]
            except KeyError:
                at = self._stack(stack)
            if goid in unnamed:
                goroutines.name(goid, stack)
            if new is syscall:
                states[goid] = (number, time, "Syscall", "", at, proc, thread, no)
                syscalling[proc] = goid
                continue
            if reason:
                try:
                    reason = reasons[reason]
                except KeyError:
                    reason = self._reason(reason)
            if new is waiting:
                states[goid] = (number, time, "Waiting", reason, at, null, null, no)
            elif new is runnable:
                states[goid] = (number, time, "Runnable", reason, at, null, null, no)
            elif new is not_exist:
                del states[goid]
                self._annotations.goroutine_end(goid, time)
                self._gone.append(goroutines.end(goid, time, thread=old is syscall))
        self.events += len(chunk)
        self.end = chunk[-1][0]

    def take(self) -> dict[str, list[Row]]:
        """The rows that were made since the last time, by table; those are released."""
        interner, annotations = self._interner, self._annotations
        lists = {
            "generations": self._generations,
            "goroutines": self._gone,
            "goroutine_states": self._states,
            "wakeups": self._wakeups,
            "proc_states": self._procs.rows,
            "tasks": annotations.tasks,
            "regions": annotations.regions,
            "logs": annotations.logs,
            "ranges": self._ranges.rows,
            "metrics": self._metrics,
            "samples": self._samples,
            "stacks": interner.stacks,
            "stack_frames": interner.stack_frames,
            "frames": interner.frames,
        }
        if self._event_rows is not None:
            lists["events"] = self._event_rows
        rows = {name: list(found) for name, found in lists.items() if found}
        for found in lists.values():
            found.clear()
        return rows

    def goroutine(self, number: int | None) -> tuple[int | None, str]:
        """The id and start function of a goroutine that is there now, as far as they are known."""
        return self._goroutines.known(number)

    def finish(self) -> None:
        """The trace ends: make rows of all that is open."""
        end = self.end
        self._states += [(*state, end, True) for state in self._open.values()]
        last = {goid: state[2] for goid, state in self._open.items()}
        self._gone += self._goroutines.left(end, last)
        self._open.clear()
        self._procs.finish(end)
        self._ranges.finish(end)
        self._annotations.finish(end)
        self._end_generation(end)

    # Goroutines.

    def _appear(self, event: Row) -> Row | None:
        """A goroutine is created or found, by a transition of its.

        Returns its state until now, as far as it is known, if this event ends that; None if its
        first state begins here.
        """
        time, on, proc, thread, cause, _, goid, old, new, reason, stack = event
        goroutines = self._goroutines
        if old is GoState.NOT_EXIST:
            number = goroutines.appear(goid, time, before=False)
            is_thread = new is GoState.SYSCALL
            creator = goroutines.number(on)
            where = self._stack(cause)
            goroutines.created(goid, creator, where, thread=is_thread)
            if is_thread:
                goroutines.on_thread(goid, thread)
                self._syscalling[proc] = goid
            else:
                self._wakeups.append((time, "create", creator, number, where, proc, thread, None))
                proc, thread = None, None
            goroutines.name(goid, stack)
            self._open[goid] = (number, time, new.value, "", None, proc, thread, False)
            return None
        # It was there before, and in this state since the last sync event: the trace's first one,
        # but where the events begin in the middle of a trace.
        begin, found = self._sync, new if old is GoState.UNDETERMINED else old
        number = goroutines.appear(goid, begin, before=True)
        goroutines.name(goid, stack)
        if found is GoState.RUNNING or found is GoState.SYSCALL:
            goroutines.on_thread(goid, thread)
        if found is GoState.RUNNING:
            goroutines.start(goid, time)
        here = found is new
        at = self._stack(stack) if here else None
        reason = self._reason(reason) if here else ""
        before = True
        if found is GoState.SYSCALL:
            self._syscalling[proc] = goid
            if proc is None:
                # It has no P to lose, so it has lost it; from here on Go's summary calls it a
                # syscall with a P all the same.
                self._states.append(
                    (number, begin, "Syscall", PROC_LOST, at, None, thread, True, time, False)
                )
                begin, before = time, False
        elif found is not GoState.RUNNING:
            proc, thread = None, None
        state = (number, begin, found.value, reason, at, proc, thread, before)
        if not here:
            return state
        self._open[goid] = state
        return None

    def _reason(self, reason: str) -> str:
        known = self._reasons[reason] = valid_text(reason)
        return known

    def _proc(self, event: ProcTransition) -> None:
        self._procs.transition(event, self._first)
        if event.to_state is ProcState.IDLE and event.from_state is not ProcState.IDLE:
            goid = self._syscalling.pop(event.procid, None)
            state = self._open.get(goid)
            if state is not None and state[2] == "Syscall" and not state[3]:
                number, _, _, _, at, proc, thread, _ = state
                time = event.time
                self._states.append((*state, time, False))
                self._lost[goid] = proc
                self._open[goid] = (number, time, "Syscall", PROC_LOST, at, None, thread, False)

    # The rest.

    def _on_sync(self, event: Sync) -> None:
        self._end_generation(event.time)
        self._sync = event.time
        generation = event.generation
        if self.wall_offset is None:
            self.wall_offset = generation.wall_time_ns(0)
        self._stacks.forget()
        # The last sync event is of the generation that ends.
        self._generation = None if generation is self._ended else (generation, event.time)

    def _end_generation(self, time: int) -> None:
        if self._generation is None:
            return
        generation, begin = self._generation
        self._generation, self._ended = None, generation
        self._generations.append((generation.number, begin, time, generation.wall_time_ns(0)))

    def _log(self, event: Log) -> None:
        if not self._goroutines.is_thread_name(event):
            self._annotations.log(event)

    def _metric(self, event: Metric) -> None:
        self._metrics.append((event.time, valid_text(event.name), int64(event.value)))

    def _sample(self, event: StackSample) -> None:
        number = self._goroutines.number(event.goroutine)
        at = self._stack(event.stack)
        self._samples.append((event.time, number, event.proc, event.thread, at))
