"""Reads Go execution traces: in pure Python, with what Go's own reader knows and checks.

::

    from flightrec import trace

    for event in trace.read("snapshot.trace"):
        match event:
            case trace.GoroutineTransition(goid=goid, to_state=trace.GoState.WAITING):
                print(event.time, goid, event.reason, event.stack)

:func:`read` gives typed events in order; :func:`batches` and :func:`wire_events` what is in the
file, unordered and fast. Nothing here needs Go.
"""

from flightrec.trace.allocfree import (
    AllocFree,
    AllocFreeInfo,
    Change,
    GoroutineStack,
    GoType,
    HeapObject,
    HeapSpan,
    Memory,
)
from flightrec.trace.batches import Batch, batches
from flightrec.trace.errors import TruncatedTraceError
from flightrec.trace.events import (
    EVENT_CLASSES,
    Event,
    EventBase,
    Experimental,
    ExperimentalBatch,
    Generation,
    GoroutineTransition,
    Kind,
    Label,
    Log,
    Metric,
    ProcTransition,
    RangeActive,
    RangeBegin,
    RangeEnd,
    RegionBegin,
    RegionEnd,
    Resource,
    ResourceKind,
    StackSample,
    StateTransition,
    Sync,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.reader import Reader, read
from flightrec.trace.stacks import NO_STACK, Frame, Stack
from flightrec.trace.states import GoState, ProcState
from flightrec.trace.tables import ClockSnapshot
from flightrec.trace.text import go_text
from flightrec.trace.wireevents import WireEvent, wire_events

__all__ = [
    "EVENT_CLASSES",
    "NO_STACK",
    "AllocFree",
    "AllocFreeInfo",
    "Batch",
    "Change",
    "ClockSnapshot",
    "Event",
    "EventBase",
    "Experimental",
    "ExperimentalBatch",
    "Frame",
    "Generation",
    "GoState",
    "GoType",
    "GoroutineStack",
    "GoroutineTransition",
    "HeapObject",
    "HeapSpan",
    "Kind",
    "Label",
    "Log",
    "Memory",
    "Metric",
    "ProcState",
    "ProcTransition",
    "RangeActive",
    "RangeBegin",
    "RangeEnd",
    "Reader",
    "RegionBegin",
    "RegionEnd",
    "Resource",
    "ResourceKind",
    "Stack",
    "StackSample",
    "StateTransition",
    "Sync",
    "TaskBegin",
    "TaskEnd",
    "TruncatedTraceError",
    "WireEvent",
    "batches",
    "go_text",
    "read",
    "wire_events",
]
