"""Makes a summary of events as they go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from operator import length_hint
from types import MappingProxyType
from typing import Any, Final, cast

from flightrec.trace.events import (
    EVENT_CLASSES,
    Event,
    Generation,
    GoroutineTransition,
    Log,
    Metric,
    ProcTransition,
    RangeActive,
    RangeBegin,
    RangeEnd,
    RegionBegin,
    RegionEnd,
    ResourceKind,
    StackSample,
    Sync,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.program import is_system_goroutine
from flightrec.trace.python import is_region, start_function
from flightrec.trace.reader import Reader, read
from flightrec.trace.source import HasBytes, Source, WritesItself
from flightrec.trace.stacks import NO_STACK, Frame, Stack
from flightrec.trace.states import GoState, ProcState
from flightrec.trace.summary.blocking import SYSCALL, Blocked, Blocking, Place, resolved
from flightrec.trace.summary.counts import CountsBuilder
from flightrec.trace.summary.delays import DelaysBuilder
from flightrec.trace.summary.distribution import Distribution, DistributionBuilder
from flightrec.trace.summary.goroutines import FunctionTotals, Goroutine, OpenRegion
from flightrec.trace.summary.model import (
    GC_MARK,
    GOAL_METRIC,
    HEAP_METRIC,
    GCCycle,
    GenerationSummary,
    GoroutineSummary,
    LoggedMessage,
    Longest,
    Pause,
    RegionSummary,
    SampledStack,
    Summary,
    TaskSummary,
)
from flightrec.trace.summary.pythonthreads import PythonThreads
from flightrec.trace.summary.series import SeriesBuilder
from flightrec.trace.summary.tasks import OpenTask

__all__ = ["Summarizer", "summarize"]

# Events of an iterable are gone through in lists of so many.
_CHUNK: Final = 4096

# So many durations are counted together.
_FOLD: Final = 1 << 14

_STW: Final = "stop-the-world ("


def summarize(source: Source | Iterable[Event], *, details: bool = True) -> Summary:
    """Read a trace once and summarise it.

    *source*: what :func:`flightrec.trace.read` takes, what it returns, or any iterable of events
    in their order. Without *details* the summary has no individual goroutines, tasks and
    regions, only their totals, and memory does not grow with the trace.

    Raises what ``read`` does; where a trace is broken, :class:`Summarizer` can still say what was
    before.

    The numbers are those of ``Summarizer`` in Go 1.26's ``internal/trace`` where that has them; see
    :class:`ExecutionStats` for the one exception.
    """
    if isinstance(source, Reader):
        reader = source
    elif (
        isinstance(source, (str, bytes, bytearray, memoryview, WritesItself, HasBytes))
        or hasattr(source, "__fspath__")
        or hasattr(source, "read")
    ):
        reader = read(cast(Source, source))
    else:
        summarizer = Summarizer(details=details)
        summarizer.add(source)
        return summarizer.summary()
    summarizer = Summarizer(details=details)
    with reader:
        summarizer.add(reader)
    return summarizer.summary()


class Summarizer:
    """Summarises events incrementally.

    ::

        summarizer = Summarizer()
        for chunk in trace.read("snapshot.trace").chunks():
            summarizer.add(chunk)
        summary = summarizer.summary()

    Events must come in their order. :meth:`summary` may be called at any time. Not thread-safe;
    the summaries are.
    """

    def __init__(self, *, details: bool = True) -> None:
        self._details = details
        self._version: int | None = None
        self._first: int | None = None
        self._last = 0
        self._sync = 0
        self._seen = 0
        self._counts: Counter[type[Event]] = Counter()
        self._generations: list[tuple[Generation, int, int]] = []

        self._gs: dict[int | None, Goroutine] = {}
        # With details, those that are gone.
        self._ended: dict[int | None, list[Goroutine]] = {}
        self._functions: dict[str, FunctionTotals] = {}
        self._numbers = CountsBuilder()
        # The program's, and that of the goroutines of the runtime and the recorder.
        self._scheduling = DistributionBuilder()
        self._system_scheduling = DistributionBuilder()
        self._delays = DelaysBuilder()
        self._blocking = Blocking()
        self._calls = Blocking()
        self._fold_at = _FOLD
        self._fold_all_at = 16 * _FOLD
        # Which goroutine is in a syscall with a proc.
        self._syscalling: dict[int | None, int | None] = {}

        # A sweep is a proc's: the goroutine that was on it at the begin, and when that was.
        self._sweeps: dict[tuple[int | None, str], tuple[int | None, int | None]] = {}
        self._ranges: dict[str, DistributionBuilder] = {}
        self._open: dict[tuple[int | None, str], RangeBegin | None] = {}
        self._pauses: list[Pause] = []
        self._cycles: list[GCCycle] = []
        self._cycle: GCCycle | None = None
        self._metrics: dict[str, SeriesBuilder] = {}
        self._values: dict[str, int] = {}

        self._tasks: dict[int, OpenTask] = {}
        # Tasks that stand for regions of Python.
        self._task_regions: dict[int, OpenRegion] = {}
        self._python_threads = PythonThreads()
        self._task_durations: dict[str, DistributionBuilder] = {}
        self._region_durations: dict[str, DistributionBuilder] = {}
        self._longest_tasks: dict[str, Longest] = {}
        self._longest_regions: dict[str, Longest] = {}
        self._samples: dict[tuple[Frame, ...], int] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Take in the next events; of a :class:`~flightrec.trace.Reader`, all that are left.

        Where the iterable raises, what came before is kept.
        """
        chunks: Iterable[list[Event]]
        if isinstance(events, Reader):
            self._version = events.version
            chunks = events.chunks()
        elif isinstance(events, list):
            chunks = (events,)
        else:
            chunks = _lists(iter(events))
        for chunk in chunks:
            if chunk:
                self._add(chunk)

    def _add(self, chunk: list[Any]) -> None:
        """Take in a list of events.

        Most of a trace's events are goroutines' transitions, so they are dealt with here, with all
        that is needed at hand, and all others by a method each.
        """
        not_exist, runnable, running = GoState.NOT_EXIST, GoState.RUNNABLE, GoState.RUNNING
        waiting, syscall = GoState.WAITING, GoState.SYSCALL
        undetermined = GoState.UNDETERMINED
        transition, sync = GoroutineTransition, Sync
        if self._first is None:
            self._first = self._sync = chunk[0].time
        handlers = _HANDLERS
        gs, syscalling = self._gs, self._syscalling
        waits, calls = self._blocking.known, self._calls.known
        system_scheduled = self._system_scheduling.pending.append
        long_delay = self._delays.least
        numbers = self._numbers
        n_running, n_runnable, n_syscall = numbers.running, numbers.runnable, numbers.syscall
        sample_at = numbers.next
        others = 0
        events = iter(chunk)
        for event in events:
            if event.__class__ is not transition:
                others += 1
                if event.__class__ is sync:
                    self._counts[sync] += 1
                    self._on_sync(event, self._seen + len(chunk) - length_hint(events) - 1)
                    continue
                self._counts[event.__class__] += 1
                handler = handlers.get(event.__class__)
                if handler is not None:
                    handler(self, event)
                continue
            time, goroutine, proc, _, cause, _, goid, old, new, reason, stack = event
            g = gs.get(goid)
            if g is None or old is new:
                if g is not None:
                    continue  # Its status is told once a generation.
                if old is not_exist:
                    g = self._create(goid, time, goroutine, cause)
                    if new is syscall:  # A thread of C calls Go for the first time.
                        self._python_threads.add(event.thread, g)
                else:
                    # Where the events begin in the middle of a trace, any transition may be the
                    # first that tells of a goroutine.
                    state = new if old is undetermined else old
                    g = self._find(goid, state, event)
                    if state is running:
                        n_running += 1
                    elif state is runnable:
                        n_runnable += 1
                    elif state is syscall:
                        n_syscall += 1
                    if state is new:
                        continue
            if old is runnable:
                n_runnable -= 1
                waited = time - g.since
                g.runnable += waited
                if new is running:
                    g.scheduled(waited)
                    if waited > long_delay:
                        long_delay = self._delays.add(waited, g)
            elif old is running:
                n_running -= 1
                g.execution += time - g.since
            elif old is waiting:
                wait = g.wait
                waited = time - g.since
                if wait is not None:
                    wait.add(waited)
                    if waited > wait.longest:
                        wait.longer(waited, g)
                    g.wait = None
                    blocked = g.blocked
                    reason_before = wait.reason
                    if blocked is not None and reason_before in blocked:
                        blocked[reason_before] += waited
                    else:
                        g.add_blocked(reason_before, waited)
                else:
                    g.add_blocked("", waited)
            elif old is syscall:
                n_syscall -= 1
                call = g.call
                if call is not None:
                    g.call = None
                    waited = time - g.since
                    call.add(waited)
                    if waited > call.longest:
                        call.longer(waited, g)
                lost = g.proc_lost
                if lost is None:
                    g.syscall += time - g.since
                else:
                    g.syscall += lost - g.since
                    g.syscall_blocked += time - lost
                    g.proc_lost = None
                # Go's summary forgets the proc's goroutine here even if it is another by now.
                syscalling.pop(g.proc, None)

            if g.fresh:
                if not g.name and stack:
                    g.name = start_function(stack)
                    if is_system_goroutine(g.name):
                        g.scheduled = system_scheduled
                if new is running and g.started is None:
                    g.started = time
                g.fresh = g.started is None or not g.name
            g.since = time
            g.state = new

            if new is running:
                n_running += 1
                if time >= sample_at:
                    sample_at = numbers.sample(time, n_running, n_runnable, n_syscall)
            elif new is waiting:
                found = waits.get(id(stack))
                if found is None or found.reason != reason:
                    found = self._blocking.place(reason, stack)
                g.wait = found
                if reason == "forever":
                    g.close(time)
            elif new is runnable:
                n_runnable += 1
            elif new is syscall:
                n_syscall += 1
                g.call = calls.get(id(stack)) or self._calls.place(SYSCALL, stack)
                g.proc = proc
                syscalling[proc] = goid
            elif new is not_exist:
                numbers.total -= 1
                self._end(g, time)
        self._seen += len(chunk)
        self._counts[transition] += len(chunk) - others
        self._last = chunk[-1].time
        self._scheduling.fold(at_least=_FOLD)
        self._system_scheduling.fold(at_least=_FOLD)
        if self._seen >= self._fold_at:
            self._fold_at = self._seen + _FOLD
            # Counting many together is quickest; but what waits to be counted takes memory.
            at_least = _FOLD // 4 if self._seen < self._fold_all_at else 1
            self._blocking.fold(at_least)
            self._calls.fold(at_least)
            if at_least == 1:
                self._fold_all_at = self._seen + 16 * _FOLD
        numbers.running, numbers.runnable, numbers.syscall = n_running, n_runnable, n_syscall

    # Goroutines.

    def _find(self, goid: int | None, state: GoState, event: GoroutineTransition) -> Goroutine:
        """A goroutine that was there before, and in this state since the last sync event."""
        g = self._gs[goid] = self._goroutine(goid, self._sync, state)
        self._numbers.found(state, event.time)
        stack = event.transition_stack
        g.name = start_function(stack)
        if is_system_goroutine(g.name):
            g.scheduled = self._system_scheduling.pending.append
        if state is GoState.SYSCALL or state is GoState.RUNNING:
            self._python_threads.add(event.thread, g)
        if state is not event.to_state:
            stack = NO_STACK  # That is the next state's.
        if state is GoState.RUNNING:
            g.started = event.time
        elif state is GoState.WAITING:
            reason = event.reason if state is event.to_state else ""
            g.wait = self._blocking.place(reason, stack)
        elif state is GoState.SYSCALL:
            g.call = self._calls.place(SYSCALL, stack)
            g.proc = event.proc
            self._syscalling[event.proc] = goid
            if event.proc is None:
                # It has no proc to lose, so it is blocked; from here on Go's summary calls it
                # syscall time all the same.
                g.syscall_blocked = event.time - self._sync
                g.since = event.time
        return g

    def _create(self, goid: int | None, time: int, parent: int | None, stack: Stack) -> Goroutine:
        """A goroutine that comes to be."""
        g = self._gs[goid] = self._goroutine(goid, time, GoState.NOT_EXIST)
        g.created_in_trace = True
        g.parent = parent
        self._numbers.total += 1
        if self._details:
            g.creation_stack = resolved(stack)
            creator = self._gs.get(parent)
            if creator is not None and creator.regions_open:
                task = creator.regions_open[-1].task
                g.regions_open = [OpenRegion("", task, goid, time, None, inherited=True)]
        return g

    def _end(self, g: Goroutine, time: int) -> None:
        """A goroutine that is gone. Its id may be used again."""
        g.close(time)
        self._functions.setdefault(g.name, FunctionTotals()).add(g, time)
        del self._gs[g.goid]
        if self._details:
            self._ended.setdefault(g.goid, []).append(g)

    def _goroutine(self, goid: int | None, since: int, state: GoState) -> Goroutine:
        return Goroutine(goid, since, state, self._scheduling.pending.append)

    def _proc(self, event: ProcTransition) -> None:
        if event.to_state is ProcState.IDLE and event.from_state is not ProcState.IDLE:
            goid = self._syscalling.pop(event.procid, None)
            g = self._gs.get(goid)
            if g is not None and g.state is GoState.SYSCALL:
                g.proc_lost = event.time

    # Generations.

    def _on_sync(self, event: Sync, index: int) -> None:
        self._sync = event.time
        self._generations.append((event.generation, event.time, index))
        self._blocking.next_generation()
        self._calls.next_generation()

    # Ranges.

    def _range_begin(self, event: RangeBegin) -> None:
        time, goroutine, _, _, _, _, name, scope = event
        kind, number = scope
        if kind is ResourceKind.GOROUTINE:
            self._open[number, name] = event
            g = self._gs.get(number)
        elif kind is ResourceKind.PROC:
            # It is not really the goroutine's, but if that stays on the proc, let it be.
            self._sweeps[number, name] = (goroutine, time)
            g = self._gs.get(goroutine)
        else:
            if name == GC_MARK:
                self._gc_begin(time)
            return
        if g is not None:
            g.begin_range(name, time)

    def _range_active(self, event: RangeActive) -> None:
        name, (kind, number) = event.name, event.scope
        if kind is ResourceKind.GOROUTINE:
            self._open.setdefault((number, name), None)
            g = self._gs.get(number)
        elif kind is ResourceKind.PROC:
            _, begin = self._sweeps.get((number, name), (None, None))
            g = self._gs.get(event.goroutine)
            self._sweeps[number, name] = (event.goroutine, begin)
        else:
            if name == GC_MARK and self._cycle is None:
                self._gc_begin(None)
            return
        if g is not None:
            since = (g.ranges_open or {}).get(name)
            if since is not None:
                g.add_range(name, self._sync - since)
            g.begin_range(name, self._sync)

    def _range_end(self, event: RangeEnd) -> None:
        time, goroutine, _, _, _, _, name, scope, _ = event
        kind, number = scope
        begin: int | None
        if kind is ResourceKind.GOROUTINE:
            g = self._gs.get(number)
            begun = self._open.pop((number, name), None)
            begin = None if begun is None else begun.time
            if begun is not None and name.startswith(_STW):
                reason = name[len(_STW) : -1]
                stack = resolved(begun.stack)
                self._pauses.append(Pause(reason, begun.time, time, begun.goroutine, stack))
        elif kind is ResourceKind.PROC:
            on, begin = self._sweeps.pop((number, name), (None, None))
            g = self._gs.get(on) if on == goroutine else None
        else:
            g = None
            begin = None
            if name == GC_MARK:
                begin = None if self._cycle is None else self._cycle.begin_ns
                self._gc_end(time)
        if g is not None:
            g.end_range(name, time)
        if begin is not None:
            _builder(self._ranges, name).add(time - begin)

    def _gc_begin(self, time: int | None) -> None:
        heap = None if time is None else self._values.get(HEAP_METRIC)
        self._cycle = GCCycle(time, None, heap, None, self._values.get(GOAL_METRIC))

    def _gc_end(self, time: int) -> None:
        cycle = self._cycle or GCCycle(None, None, None, None, None)
        values = self._values
        self._cycles.append(
            GCCycle(
                cycle.begin_ns,
                time,
                cycle.heap_begin_bytes,
                values.get(HEAP_METRIC),
                cycle.goal_bytes,
            )
        )
        self._cycle = None

    def _metric(self, event: Metric) -> None:
        time, _, _, _, _, _, name, value = event
        series = self._metrics.get(name)
        if series is None:
            series = self._metrics[name] = SeriesBuilder()
        series.add(time, value)
        self._values[name] = value

    # Tasks, regions and logs.

    def _task(self, number: int, goroutine: int | None) -> OpenTask:
        """A task that is mentioned by a goroutine."""
        task = self._tasks.get(number)
        if task is None:
            task = self._tasks[number] = OpenTask(number)
        if goroutine is not None:
            task.goroutines[goroutine] = None
        return task

    def _task_begin(self, event: TaskBegin) -> None:
        if is_region(event):
            region = OpenRegion(event.name, event.parent or 0, event.goroutine, event.time, None)
            self._task_regions[event.task] = region
            if self._details:
                self._task(region.task, event.goroutine).add_region(region)
            return
        task = self._task(event.task, event.goroutine)
        task.name = event.name
        task.begin = event.time
        parent = event.parent
        if self._details and parent is not None and task.parent is None:
            task.parent = parent
            self._task(parent, None).add_child(task.id)

    def _task_end(self, event: TaskEnd) -> None:
        region = self._task_regions.pop(event.task, None)
        if region is not None:
            region.end = event.time
            self._region_ended(region, event.time - (region.begin or 0))
            return
        if event.task not in self._tasks and is_region(event):
            return  # It began before the trace, and nothing says what it was called.
        task = self._task(event.task, event.goroutine)
        if task.begin is not None and task.end is None:
            took = event.time - task.begin
            _builder(self._task_durations, task.name).add(took)
            longest = self._longest_tasks.get(task.name)
            if longest is None or took > longest.duration_ns:
                self._longest_tasks[task.name] = self._longest_task(task, took)
        task.end = event.time
        if not self._details:
            del self._tasks[event.task]

    def _longest_task(self, task: OpenTask, took: int, *, ended: bool = True) -> Longest:
        goid = next(iter(task.goroutines), None)
        assert task.begin is not None
        g = self._gs.get(goid)
        name = "" if g is None else g.name
        return Longest(goid, name, task.begin, took, ended, task.id)

    def _log(self, event: Log) -> None:
        if self._python_threads.take(event):
            return
        if self._details:
            log = LoggedMessage(
                event.time,
                event.goroutine,
                event.category,
                event.message,
                resolved(event.stack),
            )
            self._task(event.task, event.goroutine).add_log(log)

    def _goroutine_of(self, event: RegionBegin | RegionEnd) -> Goroutine:
        g = self._gs.get(event.goroutine)
        if g is None:
            # Only where the events begin in the middle of a trace.
            g = self._goroutine(event.goroutine, self._sync, GoState.RUNNING)
            self._gs[event.goroutine] = g
            self._numbers.found(GoState.RUNNING, event.time)
            self._numbers.running += 1
        return g

    def _region_begin(self, event: RegionBegin) -> None:
        g = self._goroutine_of(event)
        before = g.snapshot(event.time) if self._details else None
        region = OpenRegion(event.name, event.task, event.goroutine, event.time, before)
        if g.regions_open is None:
            g.regions_open = []
        g.regions_open.append(region)
        if self._details:
            self._task(event.task, event.goroutine).add_region(region)

    def _region_end(self, event: RegionEnd) -> None:
        g = self._goroutine_of(event)
        if g.regions_open:
            region = g.regions_open.pop()
        else:
            region = OpenRegion(event.name, event.task, event.goroutine, None, None)
            if self._details:
                self._task(event.task, event.goroutine).add_region(region)
        region.end = event.time
        if region.begin is not None and not region.inherited:
            self._region_ended(region, event.time - region.begin)
        if self._details:
            region.close(g.snapshot(event.time))
            g.keep_region(region)

    def _region_ended(self, region: OpenRegion, took: int) -> None:
        _builder(self._region_durations, region.name).add(took)
        longest = self._longest_regions.get(region.name)
        if longest is None or took > longest.duration_ns:
            self._longest_regions[region.name] = self._longest_region(region, took)

    def _longest_region(self, region: OpenRegion, took: int, *, ended: bool = True) -> Longest:
        g = self._gs.get(region.goroutine)
        name = "" if g is None else g.name
        return Longest(region.goroutine, name, region.begin or 0, took, ended, region.task)

    # CPU samples.

    def _sample(self, event: StackSample) -> None:
        frames = event.stack.frames
        self._samples[frames] = self._samples.get(frames, 0) + 1

    # The summary.

    def summary(self) -> Summary:
        """All events so far, summarised. More may be added after."""
        now = self._last
        gs = self._gs.values()
        functions = {name: totals.copy() for name, totals in self._functions.items()}
        for g in gs:
            functions.setdefault(g.name, FunctionTotals()).add(g, now)
        waits: list[tuple[Place, Blocked]] = [
            (g.wait, g)
            for g in gs
            if g.wait is not None and g.state is GoState.WAITING and not g.closed
        ]
        calls: list[tuple[Place, Blocked]] = [
            (g.call, g)
            for g in gs
            if g.call is not None and g.state is GoState.SYSCALL and not g.closed
        ]
        scheduling = self._scheduling.build()
        delays, program_delays = self._delays.build()
        cycles = self._cycles if self._cycle is None else [*self._cycles, self._cycle]
        goroutines, earlier, tasks = self._detailed(now) if self._details else ({}, {}, {})
        return Summary(
            begin_ns=self._first or 0,
            end_ns=now,
            version=self._version,
            generations=tuple(self._generation_summaries()),
            events=MappingProxyType(
                {kind.__name__: self._counts[kind] for kind in EVENT_CLASSES if self._counts[kind]}
            ),
            goroutines=MappingProxyType(goroutines),
            earlier_lives=MappingProxyType(earlier),
            functions=tuple(
                sorted(
                    (totals.build(name) for name, totals in functions.items()),
                    key=lambda function: -function.stats.execution_ns,
                )
            ),
            goroutine_counts=self._numbers.build(now) if self._first is not None else (),
            scheduling=scheduling.plus(self._system_scheduling.build()),
            delays=delays,
            program_scheduling=scheduling,
            program_delays=program_delays,
            blocking=self._blocking.build(waits, now),
            syscalls=self._calls.build(calls, now),
            pauses=tuple(self._pauses),
            gc_cycles=tuple(cycles),
            ranges=_built(self._ranges),
            metrics=MappingProxyType(
                {name: series.build() for name, series in self._metrics.items()}
            ),
            tasks=MappingProxyType(tasks),
            task_durations=_built(self._task_durations),
            region_durations=_built(self._region_durations),
            longest_tasks=MappingProxyType(self._longest_open_tasks(now)),
            longest_regions=MappingProxyType(self._longest_open_regions(now)),
            samples=tuple(
                SampledStack(Stack.of(*frames), count)
                for frames, count in sorted(self._samples.items(), key=lambda entry: -entry[1])
            ),
        )

    def _longest_open_tasks(self, now: int) -> dict[str, Longest]:
        """The longest task of each name, those that go on included."""
        found = dict(self._longest_tasks)
        for task in self._tasks.values():
            if task.begin is None or task.end is not None:
                continue
            took, longest = now - task.begin, found.get(task.name)
            if longest is None or took > longest.duration_ns:
                found[task.name] = self._longest_task(task, took, ended=False)
        return found

    def _longest_open_regions(self, now: int) -> dict[str, Longest]:
        found = dict(self._longest_regions)
        on_goroutines = (region for g in self._gs.values() for region in g.regions_open or ())
        for region in chain(on_goroutines, self._task_regions.values()):
            if region.inherited or region.begin is None:
                continue
            took, longest = now - region.begin, found.get(region.name)
            if longest is None or took > longest.duration_ns:
                found[region.name] = self._longest_region(region, took, ended=False)
        return found

    def _detailed(
        self, now: int
    ) -> tuple[
        dict[int | None, GoroutineSummary],
        dict[int | None, tuple[GoroutineSummary, ...]],
        dict[int, TaskSummary],
    ]:
        built: dict[OpenRegion, RegionSummary] = {}

        def region_summary(region: OpenRegion) -> RegionSummary:
            summary = built.get(region)
            if summary is None:
                g = self._gs.get(region.goroutine)
                summary = built[region] = region.build(None if g is None else g.snapshot(now))
            return summary

        lives = {goid: list(gone) for goid, gone in self._ended.items()}
        for goid, g in self._gs.items():
            lives.setdefault(goid, []).append(g)
        summaries = {
            goid: tuple(g.build(now, region_summary) for g in found)
            for goid, found in sorted(lives.items(), key=lambda entry: entry[1][0].created)
        }
        goroutines = {goid: found[-1] for goid, found in summaries.items()}
        earlier = {goid: found[:-1] for goid, found in summaries.items() if len(found) > 1}
        tasks = {n: task.build(region_summary) for n, task in self._tasks.items()}
        return goroutines, earlier, tasks

    def _generation_summaries(self) -> Iterator[GenerationSummary]:
        begins = self._generations
        for i, (generation, begin, index) in enumerate(begins):
            if i and generation.number == begins[i - 1][0].number:
                continue  # The last sync event: the trace ends.
            after = i + 1
            # The sync event that ends the trace is its last generation's.
            last = after == len(begins) or begins[after][0].number == generation.number
            yield GenerationSummary(
                generation.number,
                begin,
                self._last if last else begins[after][1],
                (self._seen if last else begins[after][2]) - index,
                generation.wall_time_ns(begin),
            )


# Bound methods in an attribute would be a reference cycle.
_HANDLERS: Final[Mapping[type[Event], Callable[[Summarizer, Any], None]]] = {
    Log: Summarizer._log,
    Metric: Summarizer._metric,
    ProcTransition: Summarizer._proc,
    RangeActive: Summarizer._range_active,
    RangeBegin: Summarizer._range_begin,
    RangeEnd: Summarizer._range_end,
    RegionBegin: Summarizer._region_begin,
    RegionEnd: Summarizer._region_end,
    StackSample: Summarizer._sample,
    TaskBegin: Summarizer._task_begin,
    TaskEnd: Summarizer._task_end,
}


def _lists(events: Iterator[Event]) -> Iterator[list[Event]]:
    """The events in lists. Where they raise, those before come first."""
    error: Exception | None = None
    while error is None:
        chunk: list[Event] = []
        try:
            chunk.extend(islice(events, _CHUNK))
        except Exception as exc:
            error = exc
        if chunk:
            yield chunk
        elif error is None:
            return
    try:
        raise error
    finally:
        del error  # Its traceback has this frame: the name would make a cycle.


def _builder(builders: dict[str, DistributionBuilder], name: str) -> DistributionBuilder:
    builder = builders.get(name)
    if builder is None:
        builder = builders[name] = DistributionBuilder()
    return builder


def _built(builders: dict[str, DistributionBuilder]) -> Mapping[str, Distribution]:
    return MappingProxyType({name: builders[name].build() for name in sorted(builders)})
