"""Reads Go execution traces: in pure Python, with what Go's own reader knows and checks.

::

    from flightrec import trace

    for event in trace.read("snapshot.trace"):
        match event:
            case trace.GoroutineTransition(goid=goid, to_state=trace.GoState.WAITING):
                print(event.time, goid, event.reason, event.stack)

:func:`read` gives typed events in order; :func:`batches` and :func:`wire_events` what is in the
file, unordered and fast. :func:`summarize` tells what happened. Nothing here needs Go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from flightrec.sql import to_sqlite
    from flightrec.tables.dataframe import to_dataframe
    from flightrec.trace.summary import (
        BlockingStack,
        Distribution,
        ExecutionStats,
        FunctionSummary,
        GCCycle,
        GenerationSummary,
        GoroutineCount,
        GoroutineSummary,
        LoggedMessage,
        Longest,
        MostOfOne,
        Outlier,
        Pause,
        Point,
        RegionSummary,
        SampledStack,
        SchedulingDelay,
        Series,
        Summarizer,
        Summary,
        TaskSummary,
        outliers,
        summarize,
    )
    from flightrec.trace.why import (
        Explanation,
        NotInTraceError,
        explain,
    )

__all__ = [
    "EVENT_CLASSES",
    "NO_STACK",
    "AllocFree",
    "AllocFreeInfo",
    "Batch",
    "BlockingStack",
    "Change",
    "ClockSnapshot",
    "Distribution",
    "Event",
    "EventBase",
    "ExecutionStats",
    "Experimental",
    "ExperimentalBatch",
    "Explanation",
    "Frame",
    "FunctionSummary",
    "GCCycle",
    "Generation",
    "GenerationSummary",
    "GoState",
    "GoType",
    "GoroutineCount",
    "GoroutineStack",
    "GoroutineSummary",
    "GoroutineTransition",
    "HeapObject",
    "HeapSpan",
    "Kind",
    "Label",
    "Log",
    "LoggedMessage",
    "Longest",
    "Memory",
    "Metric",
    "MostOfOne",
    "NotInTraceError",
    "Outlier",
    "Pause",
    "Point",
    "ProcState",
    "ProcTransition",
    "RangeActive",
    "RangeBegin",
    "RangeEnd",
    "Reader",
    "RegionBegin",
    "RegionEnd",
    "RegionSummary",
    "Resource",
    "ResourceKind",
    "SampledStack",
    "SchedulingDelay",
    "Series",
    "Stack",
    "StackSample",
    "StateTransition",
    "Summarizer",
    "Summary",
    "Sync",
    "TaskBegin",
    "TaskEnd",
    "TaskSummary",
    "TruncatedTraceError",
    "WireEvent",
    "batches",
    "explain",
    "go_text",
    "outliers",
    "read",
    "summarize",
    "to_dataframe",
    "to_sqlite",
    "wire_events",
]


def __getattr__(name: str) -> Any:
    if name == "to_dataframe":
        from flightrec.tables.dataframe import to_dataframe

        return to_dataframe
    if name == "to_sqlite":
        from flightrec.sql import to_sqlite

        return to_sqlite
    # Who only records need not wait for the summaries to load, nor a summary for explanations.
    if name in __all__:
        from flightrec.trace import summary

        if name in summary.__all__:
            return getattr(summary, name)
        from flightrec.trace import why

        return getattr(why, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
