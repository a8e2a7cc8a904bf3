"""The overview that ``flightrec info`` prints: the facts of a summary, and those as text."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

from flightrec.cli.tracefile import format_name
from flightrec.cli.units import format_size
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.plain import stack_list
from flightrec.trace.program import is_runtime_goroutine

if TYPE_CHECKING:
    from flightrec.trace import BlockingStack, Distribution, ExecutionStats, Series, Summary

__all__ = ["overview", "overview_text"]

# How many of each list go into the JSON, and how many onto the screen.
_MANY: Final = 20
_FEW: Final = 5
_WIDTH: Final = 100


def overview(summary: Summary, file: str, size: int) -> dict[str, Any]:
    """The facts, as plain values for JSON; times and durations in ns."""
    counts = summary.goroutine_counts
    generations = summary.generations
    stops = summary.pauses
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
            }
            for function in summary.functions[:_MANY]
        ],
        "scheduling": _distribution(summary.scheduling),
        "delays": [
            {
                "goroutine": delay.goroutine,
                "name": delay.name,
                "begin_ns": delay.begin_ns,
                "duration_ns": delay.duration_ns,
            }
            for delay in summary.delays
        ],
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
                    "begin_ns": stop.begin_ns,
                    "duration_ns": stop.duration_ns,
                    "goroutine": stop.goroutine,
                    "stack": stack_list(stop.stack),
                }
                for stop in sorted(stops, key=lambda stop: -stop.duration_ns)[:_MANY]
            ],
        },
        "ranges": {name: _distribution(found) for name, found in summary.ranges.items()},
        "blocking": [
            {
                "reason": place.reason,
                "count": place.count,
                "total_ns": place.total_ns,
                "max_ns": place.max_ns,
                "stack": stack_list(place.stack),
            }
            for place in _places(summary)
        ],
        "tasks": {name: _distribution(found) for name, found in summary.task_durations.items()},
        "regions": {name: _distribution(found) for name, found in summary.region_durations.items()},
        "samples": {
            "count": sum(place.count for place in summary.samples),
            "stacks": [
                {"count": place.count, "stack": stack_list(place.stack)}
                for place in summary.samples[:_MANY]
            ],
        },
    }


def _places(summary: Summary) -> list[BlockingStack]:
    """The places where goroutines blocked longest: the program's, and as many of the runtime's."""
    own: list[BlockingStack] = []
    other: list[BlockingStack] = []
    for place in summary.blocking:
        name = place.stack[-1].function if place.stack else ""
        (other if is_runtime_goroutine(name) else own).append(place)
    return sorted(own[:_MANY] + other[:_MANY], key=lambda place: -place.total_ns)


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


def overview_text(facts: dict[str, Any]) -> str:
    """The same facts for a screen."""
    lines = [*_head(facts), *_goroutines(facts), *_blocking(facts), *_collector(facts)]
    lines += [*_annotations(facts), *_samples(facts)]
    # Names may have bytes that are not UTF-8.
    text = "\n".join(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…" for line in lines)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def _entry(title: str, text: str) -> str:
    return f"{title:<12}{text}"


def _head(facts: dict[str, Any]) -> list[str]:
    generations = facts["generations"]
    window = ns_text(facts["duration_ns"])
    if facts["wall_begin_ns"] is not None:
        wall = datetime.datetime.fromtimestamp(
            facts["wall_begin_ns"] / 1e9, tz=datetime.timezone.utc
        )
        window += f" from {wall:%Y-%m-%d %H:%M:%S.%f} UTC"
    procs = "" if facts["procs"] is None else f", GOMAXPROCS {facts['procs']}"
    version = format_name(int(facts["format"].partition(".")[2]))
    lines = [
        f"{facts['file']}: {format_size(facts['bytes'])}, as {version} writes it{procs}",
        _entry("window", f"{window} ({facts['begin_ns']} to {facts['end_ns']} ns)"),
    ]
    if generations:
        longest = max(generation["duration_ns"] for generation in generations)
        lines.append(
            _entry(
                "generations",
                f"{len(generations)}, numbers {generations[0]['number']} to "
                f"{generations[-1]['number']}, the longest {ns_text(longest)}",
            )
        )
    kinds = sorted(facts["events"].items(), key=lambda entry: -entry[1])
    shown = ", ".join(f"{name} {count:,}" for name, count in kinds)
    lines += _wrapped("events", f"{facts['event_count']:,}: {shown}")
    return lines


def _wrapped(title: str, text: str) -> list[str]:
    lines, line = [], title.ljust(12)
    for word in text.split(", "):
        piece = word if line == title.ljust(12) or not line.strip() else f", {word}"
        if len(line) + len(piece) > _WIDTH - 1:
            lines.append(line + ",")
            line, piece = " " * 12, word
        line += piece
    return [*lines, line]


def _goroutines(facts: dict[str, Any]) -> list[str]:
    goroutines = facts["goroutines"]
    lines = [
        _entry(
            "goroutines",
            f"{goroutines['seen']:,} seen, at most {goroutines['most']:,} at a time "
            f"({goroutines['most_runnable']:,} runnable), {goroutines['at_end']:,} at the end",
        ),
        f"  {'count':>8} {'running':>8} {'runnable':>9} {'blocked':>8} {'syscall':>8}  "
        "start function",
    ]
    for function in facts["functions"][:_FEW]:
        syscall = function["syscall_ns"] + function["syscall_blocked_ns"]
        blocked = sum(function["blocked_ns"].values())
        lines.append(
            f"  {function['goroutines']:>8,} {ns_text(function['execution_ns']):>8} "
            f"{ns_text(function['runnable_ns']):>9} {ns_text(blocked):>8} "
            f"{ns_text(syscall):>8}  {function['name'] or '(not in the trace)'}"
        )
    rest = len(facts["functions"]) - _FEW
    if rest > 0:
        lines.append(f"  and {rest}{'' if len(facts['functions']) < _MANY else ' or more'} others")
    scheduling = facts["scheduling"]
    if scheduling["count"]:
        text = f"{_quantiles(scheduling)}, {scheduling['count']:,} times"
        lines.append(_entry("scheduling", f"{text}; ready to run until running"))
        delay = facts["delays"][0]
        lines.append(
            _entry(
                "",
                f"longest: goroutine {_id(delay['goroutine'])} ({delay['name'] or '?'}) "
                f"{_at(facts, delay)}",
            )
        )
    return lines


def _blocking(facts: dict[str, Any]) -> list[str]:
    # That the runtime's own goroutines wait is news to nobody.
    places = [
        place
        for place in facts["blocking"]
        if place["stack"] and not is_runtime_goroutine(place["stack"][-1]["function"])
    ]
    if not places:
        return []
    lines = [_entry("blocked", "longest in all")]
    for place in places[:_FEW]:
        lines.append(
            f"  {ns_text(place['total_ns']):>8} {place['count']:>8,} times  "
            f"{place['reason'] or 'before the trace'}: {_where(place['stack'])}"
        )
    return lines


def _collector(facts: dict[str, Any]) -> list[str]:
    gc, lines = facts["gc"], []
    text = f"{gc['cycles']} cycles"
    if gc["cycles"]:
        text += (
            f", marking {ns_text(gc['mark_ns'])}, the longest {ns_text(gc['longest_mark_ns'])}; "
            f"assists {ns_text(gc['assist_ns'])}"
        )
    heap, goal = gc["heap_bytes"], gc["goal_bytes"]
    lines.append(_entry("GC", text))
    if heap["high"] is not None:
        text = f"{format_size(heap['low'])} to {format_size(heap['high'])}"
        if goal["high"] is not None:
            text += f", goal {format_size(goal['low'])} to {format_size(goal['high'])}"
        lines.append(_entry("heap", text))
    pauses = facts["pauses"]
    if pauses["count"]:
        lines.append(
            _entry("pauses", f"{pauses['count']}, {ns_text(pauses['total_ns'])} in all; longest")
        )
        for pause in pauses["longest"][:3]:
            where = _at(facts, pause)
            lines.append(f"  {ns_text(pause['duration_ns']):>8}  {pause['reason']} {where}")
    return lines


def _annotations(facts: dict[str, Any]) -> list[str]:
    lines = []
    for title, key in (("tasks", "tasks"), ("regions", "regions")):
        found = sorted(facts[key].items(), key=lambda entry: -entry[1]["total_ns"])
        for i, (name, durations) in enumerate(found[:3]):
            text = f"{durations['count']:,} × {name!r}: {_quantiles(durations)}"
            lines.append(_entry(title if i == 0 else "", text))
        if len(found) > 3:
            lines.append(_entry("", f"and {len(found) - 3} other names"))
    return lines


def _samples(facts: dict[str, Any]) -> list[str]:
    samples = facts["samples"]
    if not samples["count"]:
        return []
    lines = [_entry("CPU samples", f"{samples['count']:,}")]
    for place in samples["stacks"][:3]:
        lines.append(f"  {place['count'] / samples['count']:>8.1%}  {_where(place['stack'])}")
    return lines


def _quantiles(durations: dict[str, int]) -> str:
    return (
        f"median {ns_text(durations['p50_ns'])}, 99 % {ns_text(durations['p99_ns'])}, "
        f"longest {ns_text(durations['max_ns'])}"
    )


def _at(facts: dict[str, Any], found: dict[str, Any]) -> str:
    after = (found["begin_ns"] - facts["begin_ns"]) / 1e9
    return f"at {after:.6f}s"


def _where(stack: list[dict[str, Any]]) -> str:
    """The innermost frame that is not the runtime's, and what it is in."""
    if not stack:
        return "(no stack)"
    # A package's path says less than its name and takes more room.
    functions = [frame["function"].rpartition("/")[2] for frame in stack]
    own = [name for name in functions if not name.startswith(("runtime.", "sync.", "poll."))]
    inner = own[0] if own else functions[0]
    return inner if functions[-1] == inner else f"{inner} < {functions[-1]}"


def _id(number: int | None) -> str:
    return "?" if number is None else str(number)
