"""A stretch of a trace, for summaries: its events, and how the goroutines were at its begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flightrec.cli.events import Moment, span
from flightrec.trace import Event, GoroutineTransition, GoState, Log, Stack, Sync
from flightrec.trace.python import python_thread

__all__ = ["stretch"]


def stretch(chunks: Iterable[list[Event]], since: Moment, until: Moment) -> Iterator[list[Event]]:
    """The events from one moment to another, in lists.

    Before them comes for every goroutine a transition from UNDETERMINED to the state that it is in,
    as at a trace's begin: one that waits all the time has no other event in the stretch. After them
    comes what names Python's threads, which stands at the end of each generation.
    """
    states: dict[int | None, GoroutineTransition] = {}
    stacks: dict[int | None, Stack] = {}
    begin = end = -1
    last = 0
    begun = ended = False
    for chunk in chunks:
        if ended:
            if not last or isinstance(chunk[0], Sync):
                return
            yield [_named(event, last) for event in chunk if _names(event)]
            continue
        if begin < 0:
            begin, end = span(since, until, chunk[0].time)
        if not begun:
            for event in chunk:
                if event.time >= begin:
                    break
                if isinstance(event, GoroutineTransition):
                    _note(event, states, stacks)
            if chunk[-1].time < begin:
                continue
            begun = True
            yield [_told(event, begin, stacks) for event in states.values()]
        found = [event for event in chunk if begin <= event.time <= end]
        if found:
            yield found
            last = found[-1].time
        if chunk[-1].time > end:
            ended = True
            if last:
                yield [_named(event, last) for event in chunk if event.time > end and _names(event)]


def _note(
    event: GoroutineTransition,
    states: dict[int | None, GoroutineTransition],
    stacks: dict[int | None, Stack],
) -> None:
    if event.to_state is GoState.NOT_EXIST:
        states.pop(event.goid, None)
        stacks.pop(event.goid, None)
        return
    if event.transition_stack:
        stacks[event.goid] = event.transition_stack
    if event.goid not in states or not event.is_restatement:
        states[event.goid] = event


def _names(event: Event) -> bool:
    """Whether an event names a thread of Python's."""
    return isinstance(event, Log) and python_thread(event) is not None


def _named(event: Event, time: int) -> Event:
    """What names a thread, told at an earlier time."""
    return event._replace(time=time)


def _told(event: GoroutineTransition, time: int, stacks: dict[int | None, Stack]) -> Event:
    """The state that a transition led to, told at a later time."""
    stack = event.transition_stack
    if event.to_state in (GoState.RUNNING, GoState.RUNNABLE):
        stack = stacks.get(event.goid, stack)  # for its start function; it is nowhere
    return event._replace(time=time, from_state=GoState.UNDETERMINED, transition_stack=stack)
