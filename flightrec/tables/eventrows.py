"""Rows of the table of all events."""

from __future__ import annotations

from collections.abc import Callable

from flightrec.tables.interning import Row
from flightrec.tables.numbers import int64
from flightrec.tables.text import valid_text
from flightrec.trace.events import (
    Event,
    Experimental,
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
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.stacks import Stack

__all__ = ["event_row"]


def event_row(
    event: Event,
    goroutine: int | None,
    stack_number: Callable[[Stack], int | None],
) -> Row:
    """An event's row; ``goroutine`` is the number of the one that it happened on."""
    subject: int | None = None
    before = after = name = message = None
    value: int | None = None
    own_stack: int | None = None
    if isinstance(event, GoroutineTransition):
        subject, before, after = event.goid, event.from_state.value, event.to_state.value
        name = event.reason
        if event.transition_stack is not event.stack:
            own_stack = stack_number(event.transition_stack)
    elif isinstance(event, ProcTransition):
        subject, before, after = event.procid, event.from_state.value, event.to_state.value
    elif isinstance(event, Metric):
        name, value = event.name, event.value
    elif isinstance(event, (RangeBegin, RangeActive, RangeEnd)):
        subject, name = event.scope.id, event.name
    elif isinstance(event, (TaskBegin, TaskEnd, RegionBegin, RegionEnd)):
        subject, name = event.task, event.name
    elif isinstance(event, Log):
        subject, name, message = event.task, event.category, valid_text(event.message)
    elif isinstance(event, Label):
        name = event.label
    elif isinstance(event, Experimental):
        name = event.name
    return (
        event.time,
        event.generation.number,
        type(event).__name__,
        goroutine,
        event.proc,
        event.thread,
        stack_number(event.stack),
        int64(subject),
        before,
        after,
        None if name is None else valid_text(name),
        int64(value),
        message,
        own_stack,
    )
