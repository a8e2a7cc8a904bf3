"""A window of a Go runtime's life, and what can be asserted about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TypeAlias

from flightrec.testing.ancestry import Root, Stretch, created_under, stretches_of
from flightrec.testing.leaks import NAMELESS, goroutines_text, leak_groups
from flightrec.testing.live import Delay, LiveGoroutine, delays, is_system, live, names, ran_between
from flightrec.testing.wording import (
    WindowAssertionError,
    at_text,
    bullets,
    event_text,
    goroutine_text,
    ns_range,
    seconds_text,
    stack_text,
)
from flightrec.threadnames import THREAD_CATEGORY
from flightrec.trace import (
    Event,
    EventBase,
    GoroutineTransition,
    GoState,
    Log,
    Pause,
    RangeBegin,
    Summary,
    TaskBegin,
    TaskSummary,
    read,
    summarize,
)
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.source import Source
from flightrec.trace.why import explain_task

__all__ = ["Moment", "Text", "Window", "assert_no_goroutine_leak"]

#: Text that must be just so, or a pattern that must be found in it.
Text: TypeAlias = str | re.Pattern[str]

#: A moment in a window: ns on the trace clock, an event, or the log message of one.
Moment: TypeAlias = int | Event | Text


class Window:
    """A trace in memory, for assertions.

    *source* is what :func:`flightrec.trace.read` takes: a snapshot, a path, bytes, a file.
    It takes some hundred bytes of memory per event. It never changes, but is not thread-safe:
    results are computed when they are first asked for.

    The assertions raise :class:`WindowAssertionError`, and return what they checked. Limits
    are in seconds. ``since`` and ``until`` select a part of the window; both may be a time in
    ns on the trace clock (``Snapshot.end_ns``, an event's ``time``; on Linux
    ``time.monotonic_ns()``), an event, or the message of a log (``runtime.log``, Go's
    ``trace.Log``): the first that matches, for ``until`` the first after ``since``.

    Raises what ``read`` raises.
    """

    def __init__(self, source: Source) -> None:
        with read(source) as reader:
            self._events: tuple[Event, ...] = tuple(
                event for chunk in reader.chunks() for event in chunk
            )

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, in order."""
        return self._events

    @property
    def begin_ns(self) -> int:
        """The first event's time, ns on the trace clock."""
        return self._events[0].time

    @property
    def end_ns(self) -> int:
        """The last event's time, ns on the trace clock."""
        return self._events[-1].time

    @cached_property
    def summary(self) -> Summary:
        """What :func:`flightrec.trace.summarize` makes of it."""
        return summarize(self._events)

    @cached_property
    def _names(self) -> dict[int, str]:
        return names(self._events)

    def _name(self, goid: int | None) -> str:
        return "" if goid is None else self._names.get(goid, "")

    def _who(self, goid: int | None) -> str:
        return goroutine_text(goid, self._name(goid))

    # Logs.

    def logs(
        self,
        message: Text | None = None,
        *,
        category: Text | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> tuple[Log, ...]:
        """The logs with this message and category; None matches any."""
        begin, end = self._span(since, until)
        return tuple(
            event
            for event in self._events
            if isinstance(event, Log)
            and begin <= event.time <= end
            and (message is None or _fits(event.message, message))
            and (category is None or _fits(event.category, category))
        )

    def assert_logged(
        self,
        message: Text,
        *,
        category: Text | None = None,
        count: int | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> tuple[Log, ...]:
        """Something was logged, at least once or exactly *count* times. Returns the logs."""
        __tracebackhide__ = True
        found = self.logs(message, category=category, since=since, until=until)
        if (found and count is None) or len(found) == count:
            return found
        wanted = "logged" if count is None else f"logged {count} times"
        text = f"{_quoted(message)}{_in(category)} was not {wanted}"
        if found:
            text += f", but {len(found)} times:\n{self._bullets(found)}"
        else:
            text += self._what_was(self.logs(since=since, until=until))
        raise WindowAssertionError(text, found)

    def assert_not_logged(
        self,
        message: Text,
        *,
        category: Text | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> None:
        """Something was never logged."""
        __tracebackhide__ = True
        found = self.logs(message, category=category, since=since, until=until)
        if found:
            raise WindowAssertionError(
                f"{_quoted(message)}{_in(category)} was logged:\n{self._bullets(found)}", found
            )

    # Tasks.

    def assert_task(
        self,
        name: Text,
        *,
        max_seconds: float | None = None,
        count: int | None = None,
        complete: bool = True,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> tuple[TaskSummary, ...]:
        """A task began, at least once or exactly *count* times, and each one went well.

        That means: it ended, if *complete*, and took no longer than *max_seconds*. A task that has
        not ended is measured until the window's end. Returns the tasks.
        """
        __tracebackhide__ = True
        begin, end = self._span(since, until)
        found = tuple(
            task
            for task in self._tasks_begun()
            if begin <= (task.begin_ns or 0) <= end and _fits(task.name, name)
        )
        if count is None and not found:
            others = ", ".join(map(repr, sorted({task.name for task in self._tasks_begun()})))
            raise WindowAssertionError(
                f"no task {_quoted(name)} began; what began is {others or 'nothing'}"
            )
        if count is not None and len(found) != count:
            raise WindowAssertionError(
                f"task {_quoted(name)} began {len(found)} times, not {count}\n{self._tasks(found)}",
                self._begins(found),
            )
        unended = [task for task in found if task.end_ns is None]
        if complete and unended:
            raise WindowAssertionError(
                f"{len(unended)} of {len(found)} tasks {_quoted(name)} did not end:\n"
                f"{self._tasks(unended)}",
                self._begins(unended),
            )
        if max_seconds is not None:
            slow = [task for task in found if self._task_ns(task) > round(max_seconds * 1e9)]
            if slow:
                slow.sort(key=self._task_ns, reverse=True)
                raise WindowAssertionError(
                    f"{len(slow)} of {len(found)} tasks {_quoted(name)} took longer than "
                    f"{seconds_text(max_seconds)}:\n{self._tasks(slow)}\n\n"
                    f"{explain_task(self._events, slow[0].id)}",
                    self._begins(slow),
                )
        return found

    def _tasks_begun(self) -> list[TaskSummary]:
        return [task for task in self.summary.tasks.values() if task.begin_ns is not None]

    def _task_ns(self, task: TaskSummary) -> int:
        begin = self.begin_ns if task.begin_ns is None else task.begin_ns
        return (self.end_ns if task.end_ns is None else task.end_ns) - begin

    def _begins(self, tasks: Iterable[TaskSummary]) -> list[TaskBegin]:
        wanted = {task.begin_ns for task in tasks}
        return [
            event for event in self._events if isinstance(event, TaskBegin) and event.time in wanted
        ]

    def _tasks(self, tasks: Iterable[TaskSummary]) -> str:
        tasks = list(tasks)
        begins = {event.task: event for event in self._begins(tasks[:20])}
        return bullets([self._task(task, begins.get(task.id)) for task in tasks], "tasks")

    def _task(self, task: TaskSummary, begin: TaskBegin | None) -> str:
        went = "and took" if task.end_ns is not None else "and has gone on for"
        lines = [
            f"task {task.id} {task.name!r} began {self._at(task.begin_ns)} {went} "
            f"{ns_text(self._task_ns(task))}"
        ]
        for region in self.summary.critical_regions(task.id):
            duration = ns_text(region.duration_ns or 0)
            who = self._who(region.goroutine)
            lines.append(f"  {duration} of it in region {region.name!r} on {who}")
        lines += [f"  logged {self._at(log.time_ns)}: {log.message!r}" for log in task.logs[-5:]]
        if begin is not None and begin.stack:
            lines += ["  begun in", stack_text(begin.stack)]
        return "\n".join(lines)

    # Goroutines.

    def live(self, at: Moment | None = None) -> dict[int, LiveGoroutine]:
        """The goroutines that exist at a moment, by default at the end."""
        when = self.end_ns if at is None else self._time(at, self.begin_ns)
        return live(self._events, when, self._names)

    def assert_no_goroutine_leak(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        under: Root | re.Pattern[str] | str | None = None,
        without: Iterable[tuple[int, int]] = (),
        ignore: Text | Iterable[Text] = (),
        grace_seconds: float = 0.1,
    ) -> None:
        """Every goroutine that was created after *since* has ended by *until*.

        With *under*, only its descendants count: the goroutines that it created, those that they
        created, and so on. It is a goroutine (its id, or of :meth:`live`), a
        task or a region (its event or summary), a log's event (what its goroutine created later),
        or a text: tasks of that name, or else regions, or else logs with that message. The pytest
        plugin's tests are tasks with their node ids. A task creates what the goroutine that began
        it creates while it lasts, and what is created in its regions and subtasks. What it creates
        in one of the times *without* (begin and end, ns on the trace clock) is not counted.

        A goroutine may take a moment to end after it has reported that it is done, so those that
        end within *grace_seconds* after *until* (and within the window) are not counted. Nor are
        the runtime's own, the recorder's, those that stand for C or Python threads, and those whose
        start function is among *ignore*.
        """
        __tracebackhide__ = True
        begin, end = self._span(since, until)
        later = live(self._events, end + round(grace_seconds * 1e9), self._names)
        left = [
            goroutine
            for goroutine in live(self._events, end, self._names).values()
            if goroutine.created is not None
            and goroutine.created.time >= begin
            and goroutine.goid in later
        ]
        if under is not None:
            left = self._created_under(left, self._stretches(under), without)
        self._no_leak(left, end, ignore)

    def _created_under(
        self,
        goroutines: Iterable[LiveGoroutine],
        stretches: Iterable[Stretch],
        without: Iterable[tuple[int, int]],
    ) -> list[LiveGoroutine]:
        events = created_under(self._events, stretches, without)
        return [one for one in goroutines if one.created is not None and id(one.created) in events]

    def _stretches(self, under: Root | Text) -> list[Stretch]:
        __tracebackhide__ = True
        roots = self._roots(under) if isinstance(under, (str, re.Pattern)) else [under]
        return [each for root in roots for each in stretches_of(root, self._events, self.summary)]

    def _roots(self, text: Text) -> Sequence[Root]:
        __tracebackhide__ = True
        tasks = [task for task in self.summary.tasks.values() if task.id and _fits(task.name, text)]
        if tasks:
            return tasks
        regions = [
            region
            for task in self.summary.tasks.values()
            for region in task.regions
            if not region.inherited and _fits(region.name, text)
        ]
        roots = regions or self.logs(text)
        if not roots:
            raise WindowAssertionError(
                f"nothing in the window is named {_quoted(text)}: no task, no region and no log"
            )
        return roots

    def _no_leak(
        self, left: Iterable[LiveGoroutine], end: int, ignore: Text | Iterable[Text]
    ) -> None:
        __tracebackhide__ = True
        patterns = [ignore] if isinstance(ignore, (str, re.Pattern)) else list(ignore)
        leaked = [
            goroutine
            for goroutine in left
            if not goroutine.system and not any(_fits(goroutine.name, one) for one in patterns)
        ]
        if leaked:
            one = len(leaked) == 1
            groups = leak_groups(leaked)
            text = f"{len(leaked)} goroutine{' was' if one else 's were'} left behind:\n"
            text += bullets([self._leak(group, end) for group in groups], "groups of goroutines")
            if any(not found.name for found in leaked):
                text += f"\n{NAMELESS}"
            raise WindowAssertionError(
                text, [found.created for found in leaked if found.created is not None]
            )

    def _leak(self, group: Sequence[LiveGoroutine], end: int) -> str:
        """Goroutines that are left behind and equal but for their ids and times."""
        found = group[0]
        reason = f" ({found.reason})" if found.reason else ""
        waited = ns_range(end - one.since_ns for one in group)
        lines = [f"{goroutines_text(group)}: {found.state}{reason} for {waited}"]
        if found.stack:
            lines.append(stack_text(found.stack))
        created = [one.created for one in group if one.created is not None]
        if created:
            times = [event.time for event in created]
            at = self._at(min(times))
            if max(times) > min(times):
                at += f" to {self._at(max(times))[3:]}"
            creators = {event.goroutine for event in created}
            if creators == {None}:
                by = "by a timer or the runtime, on no goroutine"
            elif len(creators) == 1:
                by = f"by {self._who(created[0].goroutine)}"
            else:
                by = f"by {len(creators)} goroutines"
            stack = stack_text(created[0].stack)
            lines.append(f"  created {at} {by}" + (f" in\n{stack}" if stack else ""))
        return "\n".join(lines)

    def assert_max_goroutines(
        self, most: int, *, since: Moment | None = None, until: Moment | None = None
    ) -> int:
        """There were never more goroutines of the program at one time. Returns the maximum.

        The runtime's own, the recorder's and those that stand for C or Python threads do not
        count.
        """
        __tracebackhide__ = True
        begin, end = self._span(since, until)
        alive = {one.goid for one in self.live(begin).values() if not one.system}
        peak, at = len(alive), begin
        for event in self._events:
            if not isinstance(event, GoroutineTransition) or not begin < event.time <= end:
                continue
            if event.to_state is GoState.NOT_EXIST:
                alive.discard(event.goid or 0)
            elif event.from_state is GoState.NOT_EXIST and event.to_state is not GoState.SYSCALL:
                if event.goid is not None and not is_system(self._name(event.goid)):
                    alive.add(event.goid)
                if len(alive) > peak:
                    peak, at = len(alive), event.time
        if peak > most:
            there = [one for one in self.live(at).values() if not one.system]
            groups = leak_groups(there)
            raise WindowAssertionError(
                f"there were {peak} goroutines {self._at(at)}, more than {most}:\n"
                + bullets([self._leak(group, at) for group in groups], "groups of goroutines"),
                [one.created for one in there if one.created is not None],
            )
        return peak

    # Pauses and delays.

    def assert_max_pause(
        self,
        max_seconds: float,
        *,
        gc_only: bool = False,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> tuple[Pause, ...]:
        """The world was never stopped for longer; with *gc_only*, not by the garbage collector.

        A pause lasts from the request to stop until the restart. Returns all pauses, including
        those within the limit. One that had not ended does not count.
        """
        __tracebackhide__ = True
        begin, end = self._span(since, until)
        found = tuple(
            pause
            for pause in self.summary.pauses
            if pause.end_ns >= begin and pause.begin_ns <= end and (pause.gc or not gc_only)
        )
        long = [pause for pause in found if pause.duration_ns > round(max_seconds * 1e9)]
        if long:
            long.sort(key=lambda pause: -pause.duration_ns)
            begins = {pause.begin_ns for pause in long}
            raise WindowAssertionError(
                f"the world was stopped for longer than {seconds_text(max_seconds)} "
                f"{len(long)} of {len(found)} times:\n"
                + bullets([self._pause(pause) for pause in long], "pauses"),
                [
                    event
                    for event in self._events
                    if isinstance(event, RangeBegin) and event.time in begins
                ],
            )
        return found

    def _pause(self, pause: Pause) -> str:
        who = self._who(pause.goroutine)
        line = f"{ns_text(pause.duration_ns)} {self._at(pause.begin_ns)}: {pause.reason}, by {who}"
        stack = stack_text(pause.stack)
        return f"{line}\n{stack}" if stack else line

    def assert_max_scheduling_delay(
        self,
        max_seconds: float,
        *,
        function: Text | None = None,
        system: bool = False,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> None:
        """No goroutine was ready to run for longer without running.

        With *function*, only those with that start function count; the runtime's own only with
        *system*. A goroutine that has not run by the end counts too.
        """
        __tracebackhide__ = True
        begin, end = self._span(since, until)
        limit = round(max_seconds * 1e9)
        long = [
            delay
            for delay in delays(self._events, begin, end)
            if delay.duration_ns > limit and self._concerns(delay, function, system=system)
        ]
        if long:
            long.sort(key=lambda delay: -delay.duration_ns)
            raise WindowAssertionError(
                f"{len(long)} times a goroutine was ready for longer than "
                f"{seconds_text(max_seconds)} before it ran:\n"
                + bullets([self._delay(delay) for delay in long[:20]], "delays"),
                [delay.event for delay in long],
            )

    def _concerns(self, delay: Delay, function: Text | None, *, system: bool) -> bool:
        name = self._name(delay.event.goid)
        if function is not None:
            return _fits(name, function)
        return system or (name != "" and not is_system(name))

    def _delay(self, delay: Delay) -> str:
        event = delay.event
        who = self._who(event.goid)
        ended = "" if delay.ran else " and had not run by then"
        lines = [
            f"{who} was ready for {ns_text(delay.duration_ns)} from "
            f"{self._at(delay.begin_ns)}{ended}"
        ]
        waker = self._who(event.goroutine)
        stopped = event.from_state is GoState.RUNNING
        lines.append("  it had run and was stopped" if stopped else f"  made ready by {waker}")
        if event.stack:
            lines.append(stack_text(event.stack))
        ran = ran_between(self._events, delay.begin_ns, delay.end_ns)[:3]
        for ns, goid in ran:
            other = self._who(goid)
            lines.append(f"  meanwhile {other} ran for {ns_text(ns)}")
        return "\n".join(lines)

    # Moments.

    def _span(self, since: Moment | None, until: Moment | None) -> tuple[int, int]:
        __tracebackhide__ = True
        begin = self.begin_ns if since is None else self._time(since, self.begin_ns)
        end = self.end_ns if until is None else self._time(until, begin + 1)
        if end < begin:
            raise ValueError(f"until is {ns_text(begin - end)} before since")
        return begin, end

    def _time(self, moment: Moment, after: int) -> int:
        __tracebackhide__ = True
        if isinstance(moment, EventBase):
            return moment.time
        if isinstance(moment, int):
            return moment
        assert isinstance(moment, (str, re.Pattern))
        for event in self._events:
            if isinstance(event, Log) and event.time >= after and _fits(event.message, moment):
                return event.time
        told = self._what_was(self.logs())
        where = "" if after == self.begin_ns else f" after {self._at(after - 1)[3:]}"
        raise WindowAssertionError(f"{_quoted(moment)} was not logged{where}{told}")

    def _at(self, time: int | None) -> str:
        return "before the window" if time is None else at_text(time, self.begin_ns)

    def _what_was(self, logs: Iterable[Log]) -> str:
        """What was logged, but for the names of threads: the recorder logs them."""
        others = [log for log in logs if log.category != THREAD_CATEGORY]
        return f"; what was:\n{self._bullets(others)}" if others else "; nothing was"

    def _bullets(self, events: Iterable[Event]) -> str:
        return bullets([event_text(event, self.begin_ns) for event in events], "events")


def assert_no_goroutine_leak(
    before: Window | Source, after: Window | Source, *, ignore: Text | Iterable[Text] = ()
) -> None:
    """The second window ends with no goroutine that did not exist at the end of the first.

    Both must be from one process. Not counted are the runtime's own goroutines, the recorder's,
    those that stand for C or Python threads, and those whose start function is among *ignore*. A
    trace of Go 1.22 does not name goroutines that have done nothing since before the window: they
    count as leaked, unless ``""`` is among *ignore*. Raises :class:`WindowAssertionError`.
    """
    __tracebackhide__ = True
    first = before if isinstance(before, Window) else Window(before)
    second = after if isinstance(after, Window) else Window(after)
    there = first.live()
    left = [found for goid, found in second.live().items() if goid not in there]
    second._no_leak(left, second.end_ns, ignore)


def _fits(text: str, wanted: Text) -> bool:
    return text == wanted if isinstance(wanted, str) else wanted.search(text) is not None


def _quoted(text: Text) -> str:
    return repr(text) if isinstance(text, str) else f"/{text.pattern}/"


def _in(category: Text | None) -> str:
    return "" if category is None else f" in category {_quoted(category)}"
