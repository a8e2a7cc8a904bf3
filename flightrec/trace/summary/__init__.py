"""Summaries of a trace, made in one pass over its events.

::

    from flightrec import trace

    summary = trace.summarize("snapshot.trace")
    print(summary.scheduling.quantile(0.99), summary.longest_pause)
    for function in summary.functions[:10]:
        print(function.name, function.goroutines, function.stats.execution_ns)

All times are ns on the trace clock and all durations ns.
"""

from flightrec.trace.summary.distribution import Distribution
from flightrec.trace.summary.model import (
    BlockingStack,
    ExecutionStats,
    FunctionSummary,
    GCCycle,
    GenerationSummary,
    GoroutineCount,
    GoroutineSummary,
    LoggedMessage,
    Longest,
    MostOfOne,
    Pause,
    RegionSummary,
    SampledStack,
    SchedulingDelay,
    Summary,
    TaskSummary,
)
from flightrec.trace.summary.outliers import Outlier, outliers
from flightrec.trace.summary.series import Point, Series
from flightrec.trace.summary.summarizer import Summarizer, summarize

__all__ = [
    "BlockingStack",
    "Distribution",
    "ExecutionStats",
    "FunctionSummary",
    "GCCycle",
    "GenerationSummary",
    "GoroutineCount",
    "GoroutineSummary",
    "LoggedMessage",
    "Longest",
    "MostOfOne",
    "Outlier",
    "Pause",
    "Point",
    "RegionSummary",
    "SampledStack",
    "SchedulingDelay",
    "Series",
    "Summarizer",
    "Summary",
    "TaskSummary",
    "outliers",
    "summarize",
]
