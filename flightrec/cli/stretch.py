"""A stretch of a trace, for summaries: its events, and how the goroutines were at its begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flightrec.cli.events import Moment, span
from flightrec.trace import Event, GoroutineTransition, GoState, Stack

__all__ = ["stretch"]


def stretch(chunks: Iterable[list[Event]], since: Moment, until: Moment) -> Iterator[list[Event]]:
    """The events from one moment to another, in lists.

    Before them comes for every goroutine a transition from UNDETERMINED to the state that it is in,
    as at a trace's begin: one that waits all the time has no other event in the stretch.
    """
    states: dict[int | None, GoroutineTransition] = {}
    stacks: dict[int | None, Stack] = {}
    begin = end = -1
    begun = False
    for chunk in chunks:
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
        yield [event for event in chunk if begin <= event.time <= end]
        if chunk[-1].time > end:
            return


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


def _told(event: GoroutineTransition, time: int, stacks: dict[int | None, Stack]) -> Event:
    """The state that a transition led to, told at a later time."""
    stack = event.transition_stack
    if event.to_state in (GoState.RUNNING, GoState.RUNNABLE):
        stack = stacks.get(event.goid, stack)  # for its start function; it is nowhere
    return event._replace(time=time, from_state=GoState.UNDETERMINED, transition_stack=stack)
