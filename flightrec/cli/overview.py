"""The facts that ``flightrec info`` tells, from a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flightrec.trace.plain import stack_list
from flightrec.trace.program import is_recorder_pause
from flightrec.trace.summary.outliers import is_program_place, outliers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from flightrec.trace import BlockingStack, Distribution, ExecutionStats, Series, Summary
    from flightrec.trace.summary.model import FunctionSummary, Longest, Pause, SchedulingDelay

    T = TypeVar("T")

__all__ = ["overview"]

# How many of each list go into the JSON: of the program, and as many of the runtime.
_MANY: Final = 20


def overview(summary: Summary, file: str, size: int) -> dict[str, Any]:
    """The facts, as plain values for JSON; times and durations in ns."""
    counts = summary.goroutine_counts
    generations = summary.generations
    stops = summary.pauses
    functions = _both(summary.functions, lambda function: not function.system)
    marks = [cycle.duration_ns for cycle in summary.gc_cycles]
    begin = summary.begin_ns
    return {
        "file": file,
        "bytes": size,
        "format": None if summary.version is None else f"1.{summary.version}",
        "begin_ns": begin,
        "end_ns": summary.end_ns,
        "duration_ns": summary.duration_ns,
        "wall_begin_ns": generations[0].wall_begin_ns if generations else None,
        "generations": [
            {
                "number": generation.number,
                "begin_ns": generation.begin_ns,
                "duration_ns": generation.end_ns - generation.begin_ns,
                "events": generation.events,
            }
            for generation in generations
        ],
        "event_count": summary.event_count,
        "events": dict(summary.events),
        "procs": _last(summary.metrics.get("/sched/gomaxprocs:threads")),
        "goroutines": {
            "seen": sum(function.goroutines for function in summary.functions),
            "most": max((count.total for count in counts), default=0),
            "at_end": counts[-1].total if counts else 0,
            "most_runnable": max((count.runnable for count in counts), default=0),
        },
        "functions": [
            {
                "name": function.name,
                "goroutines": function.goroutines,
                "ended": function.ended,
                "system": function.system,
                **_stats(function.stats),
                "most_of_one": {
                    "execution_ns": function.most.execution_ns,
                    "runnable_ns": function.most.runnable_ns,
                    "blocked_ns": function.most.blocked_ns,
                    "syscall_ns": function.most.syscall_ns,
                },
            }
            for function in sorted(functions, key=lambda one: -one.stats.execution_ns)
        ],
        "system_functions": _system(summary.functions),
        "scheduling": _distribution(summary.scheduling),
        "delays": _delays(summary.delays),
        "program_scheduling": _distribution(summary.program_scheduling),
        "program_delays": _delays(summary.program_delays),
        "gc": {
            "cycles": len(summary.gc_cycles),
            "mark_ns": sum(mark for mark in marks if mark is not None),
            "longest_mark_ns": max((mark for mark in marks if mark is not None), default=0),
            "assist_ns": sum(function.stats.gc_assist_ns for function in summary.functions),
            "heap_bytes": _extremes(summary.heap),
            "goal_bytes": _extremes(summary.heap_goal),
        },
        "pauses": {
            "count": len(stops),
            "total_ns": sum(stop.duration_ns for stop in stops),
            "longest": [
                {
                    "reason": stop.reason,
                    "recorder": is_recorder_pause(stop.reason),
                    "begin_ns": stop.begin_ns,
                    "duration_ns": stop.duration_ns,
                    "goroutine": stop.goroutine,
                    "stack": stack_list(stop.stack),
                }
                for stop in sorted(stops, key=lambda stop: -stop.duration_ns)[:_MANY]
            ],
            "reasons": _reasons(stops),
        },
        "ranges": {name: _distribution(found) for name, found in summary.ranges.items()},
        "outliers": [
            {
                "kind": found.kind,
                "what": found.what,
                "count": found.count,
                "median_ns": found.median_ns,
                "long": found.long,
                "longest": _longest(found.longest),
                "stack": stack_list(found.stack),
            }
            for found in outliers(summary)[:_MANY]
        ],
        "blocking": _places(summary.blocking),
        "syscalls": _places(summary.syscalls),
        "tasks": {name: _distribution(found) for name, found in summary.task_durations.items()},
        "longest_tasks": {name: _longest(one) for name, one in summary.longest_tasks.items()},
        "regions": {name: _distribution(found) for name, found in summary.region_durations.items()},
        "longest_regions": {name: _longest(one) for name, one in summary.longest_regions.items()},
        "samples": {
            "count": sum(place.count for place in summary.samples),
            "stacks": [
                {"count": place.count, "stack": stack_list(place.stack)}
                for place in summary.samples[:_MANY]
            ],
        },
    }


def _both(found: Sequence[T], is_program: Callable[[T], bool]) -> list[T]:
    """The first of the program's, and as many of the runtime's and the recorder's."""
    own = [one for one in found if is_program(one)]
    other = [one for one in found if not is_program(one)]
    return own[:_MANY] + other[:_MANY]


def _places(places: Sequence[BlockingStack]) -> list[dict[str, Any]]:
    """Where goroutines blocked, the longest in all first."""
    return [
        {
            "reason": place.reason,
            "system": not is_program_place(place),
            "count": place.count,
            "total_ns": place.total_ns,
            "median_ns": place.durations.quantile(0.5),
            "max_ns": place.max_ns,
            "longest": _longest(place.longest),
            "stack": stack_list(place.stack),
        }
        for place in sorted(_both(places, is_program_place), key=lambda place: -place.total_ns)
    ]


def _system(functions: Iterable[FunctionSummary]) -> dict[str, int]:
    """The goroutines of the runtime and the recorder, all together."""
    found = [function for function in functions if function.system]
    return {
        "functions": len(found),
        "goroutines": sum(function.goroutines for function in found),
        "execution_ns": sum(function.stats.execution_ns for function in found),
    }


def _reasons(stops: Iterable[Pause]) -> dict[str, dict[str, Any]]:
    """The pauses by their reason."""
    found: dict[str, list[Pause]] = {}
    for stop in stops:
        found.setdefault(stop.reason, []).append(stop)
    reasons = {}
    for reason, of_kind in found.items():
        durations = sorted(stop.duration_ns for stop in of_kind)
        longest = max(of_kind, key=lambda stop: stop.duration_ns)
        reasons[reason] = {
            "recorder": is_recorder_pause(reason),
            "count": len(of_kind),
            "total_ns": sum(durations),
            "median_ns": durations[(len(durations) - 1) // 2],
            "max_ns": longest.duration_ns,
            "begin_ns": longest.begin_ns,
            "goroutine": longest.goroutine,
        }
    return reasons


def _delays(delays: Iterable[SchedulingDelay]) -> list[dict[str, Any]]:
    return [
        {
            "goroutine": delay.goroutine,
            "name": delay.name,
            "begin_ns": delay.begin_ns,
            "duration_ns": delay.duration_ns,
        }
        for delay in delays
    ]


def _longest(found: Longest) -> dict[str, Any]:
    return {
        "goroutine": found.goroutine,
        "name": found.name,
        "begin_ns": found.begin_ns,
        "duration_ns": found.duration_ns,
        "ended": found.ended,
        "task": found.task,
    }


def _stats(stats: ExecutionStats) -> dict[str, Any]:
    return {
        "execution_ns": stats.execution_ns,
        "runnable_ns": stats.runnable_ns,
        "blocked_ns": dict(stats.blocked_ns),
        "syscall_ns": stats.syscall_ns,
        "syscall_blocked_ns": stats.syscall_blocked_ns,
        "gc_assist_ns": stats.gc_assist_ns,
        "total_ns": stats.total_ns,
    }


def _distribution(found: Distribution) -> dict[str, int]:
    return {
        "count": found.count,
        "total_ns": found.total_ns,
        "p50_ns": found.quantile(0.5),
        "p90_ns": found.quantile(0.9),
        "p99_ns": found.quantile(0.99),
        "max_ns": found.max_ns,
    }


def _extremes(series: Series) -> dict[str, int | None]:
    return {"low": series.low, "high": series.high, "last": series.last}


def _last(series: Series | None) -> int | None:
    return None if series is None else series.last
