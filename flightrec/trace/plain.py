"""Events as dicts of plain values, for JSON and the like."""

from __future__ import annotations

from typing import Any

from flightrec.trace.events import (
    Event,
    Experimental,
    GoroutineTransition,
    ProcTransition,
    Sync,
)
from flightrec.trace.stacks import Stack

__all__ = ["event_dict", "stack_list"]

# What is told in another way, or only once.
_OWN_WORDS = frozenset({"generation", "stack", "transition_stack", "scope", "clock"})


def stack_list(stack: Stack) -> list[dict[str, Any]]:
    """A stack's frames, innermost first."""
    return [
        {"function": frame.function, "file": frame.file, "line": frame.line, "pc": frame.pc}
        for frame in stack
    ]


def event_dict(event: Event, *, stacks: bool = True) -> dict[str, Any]:
    """One event: its ``kind`` as Go names it, then its fields by their names here.

    A field that has nothing to tell (None, no stack) is left out; so are stacks without *stacks*,
    and a transition stack that is the event's own.
    Times are ns on the trace clock. A state transition has a ``resource`` besides, Goroutine or
    Proc, and ``wall_time_ns`` is there where the trace has it. An experimental event's values
    stand by the names of its ``arguments``; the experiments' own data is left out.
    """
    out: dict[str, Any] = {"kind": str(event.kind), "time": event.time}
    wall = event.wall_time_ns
    if wall is not None:
        out["wall_time_ns"] = wall
    out["generation"] = event.generation.number
    if isinstance(event, (GoroutineTransition, ProcTransition)):
        out["resource"] = "Goroutine" if isinstance(event, GoroutineTransition) else "Proc"
    if isinstance(event, Experimental):
        out |= {
            "name": event.name,
            "experiment": event.experiment,
            "arguments": event.arguments,
        }
        fields: tuple[str, ...] = ("goroutine", "proc", "thread")
    else:
        fields = event._fields
    for field in fields:
        if field in _OWN_WORDS or field == "time":
            continue
        value = getattr(event, field)
        if field == "experimental_batches":
            continue
        if field == "attributes":
            value = dict(value)
        elif field in ("from_state", "to_state"):
            value = str(value)
        if value is not None:
            out[field] = value
    scope = getattr(event, "scope", None)
    if scope is not None:
        out["scope"] = {"kind": str(scope.kind), "id": scope.id}
    if isinstance(event, Sync) and event.clock is not None:
        out["clock"] = event.clock._asdict()
    if stacks:
        if event.stack:
            out["stack"] = stack_list(event.stack)
        if (
            isinstance(event, GoroutineTransition)
            and event.transition_stack
            and event.transition_stack is not event.stack
        ):
            out["transition_stack"] = stack_list(event.transition_stack)
    return out
