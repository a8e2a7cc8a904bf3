"""Which metrics there are, by which names, and whether a rule asks for ones that exist."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from flightrec.errors import RuleError
from flightrec.recorder import RecorderStats
from flightrec.rules.conditions import Compare, Condition, Ended, Measure
from flightrec.rules.globs import matches
from flightrec.rules.grammar import nearest
from flightrec.rules.quantity import Quantity, dimension_of, meant

__all__ = ["SHORT_NAMES", "STALL", "Catalog", "Metric", "Series"]

#: Short names for metrics of the Go runtime. ``gc.pause`` and ``stop`` are Go 1.22's and later.
SHORT_NAMES: dict[str, str] = {
    "goroutines": "/sched/goroutines:goroutines",
    "heap": "/memory/classes/heap/objects:bytes",
    "heap.live": "/gc/heap/live:bytes",
    "heap.goal": "/gc/heap/goal:bytes",
    "heap.objects": "/gc/heap/objects:objects",
    "stacks": "/memory/classes/heap/stacks:bytes",
    "memory": "/memory/classes/total:bytes",
    "allocs": "/gc/heap/allocs:bytes",
    "sched": "/sched/latencies:seconds",
    "gc.pause": "/sched/pauses/total/gc:seconds",
    "gc.cycles": "/gc/cycles/total:gc-cycles",
    "gc.cpu": "/cpu/classes/gc/total:cpu-seconds",
    "stop": "/sched/pauses/total/other:seconds",
    "mutex.wait": "/sync/mutex/wait/total:seconds",
    "cgo.calls": "/cgo/go-to-c-calls:calls",
}

#: How long the Go runtime has not answered a reading of its metrics.
STALL = "stall"

_PREFIX = "recorder."


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, as ``runtime/metrics`` describes it.

    :ivar name: with its unit, as in ``/sched/latencies:seconds``.
    :ivar kind: of its values.
    :ivar cumulative: whether it counts since the program's start.
    """

    name: str
    kind: Literal["uint64", "float64", "histogram"]
    cumulative: bool
    description: str = ""

    @property
    def dimension(self) -> str:
        """Of its values: ``count``, ``percent``, ``time`` or ``bytes``."""
        return dimension_of(self.name.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Series:
    """Where a measure's values come from.

    :ivar source: ``go``, ``recorder`` (statistics) or ``stall``.
    :ivar name: the metric's full name, or the statistic's.
    :ivar scale: by which values are multiplied, to be in the dimension's unit.
    """

    source: Literal["go", "recorder", "stall"]
    name: str
    dimension: str
    histogram: bool = False
    scale: float = 1.0


def _statistics() -> dict[str, Series]:
    """Return the recorder's statistics by the names that rules use: without their unit."""
    found = {}
    for field in fields(RecorderStats):
        if field.type in ("bool", bool):
            continue
        name, dimension, scale = field.name, "count", 1.0
        if name.endswith("_bytes"):
            dimension = "bytes"
        elif name.endswith("_ns"):
            name, dimension, scale = name.removesuffix("_ns"), "time", 1e-9
        found[_PREFIX + name] = Series("recorder", field.name, dimension, scale=scale)
    return found


_STATISTICS = _statistics()


class Catalog:
    """The metrics of one Go runtime, and the recorder's statistics."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics

    def names(self) -> list[str]:
        """Return the names that rules may use, short ones first."""
        short = [name for name, full in SHORT_NAMES.items() if full in self._metrics]
        return [*short, STALL, *_STATISTICS, *self._metrics]

    def check(self, condition: Condition, text: str | None = None) -> None:
        """Refuse a condition that asks for a metric, unit, statistic or signal that does not exist.

        :param text: what the condition was parsed from, for positions in it.
        :raises RuleError: it does; with the nearest right ones.
        """
        shown = str(condition) if text is None else text
        for part in condition.parts():
            if isinstance(part, Compare):
                self._check_compare(part, shown, text is not None)
            elif isinstance(part, Ended) and part.kind == "signal" and part.name is not None:
                _check_signal(part.name, shown)

    def _check_compare(self, compare: Compare, text: str, placed: bool) -> None:
        measure = compare.measure
        series = self.series(measure, text, placed)
        wanted = series.dimension
        if measure.stat == "count" or (measure.rate and wanted == "time"):
            wanted = "count" if measure.stat == "count" else "share"
        given = compare.than
        if _fits(given, wanted):
            return
        if wanted == "share":
            example = f"{given.value / 100:g}" if given.unit == "%" else "0.5"
        else:
            example = meant(given, wanted)
        raise RuleError(
            f"{given} is not a {_called(wanted)}, and {measure} is one",
            rule=text,
            position=compare.position if placed else None,
            suggestion=f"write it as {example}",
        )

    def series(self, measure: Measure, text: str, placed: bool = True) -> Series:
        """Return where a measure's values come from.

        :raises RuleError: there is no such metric, or it has no such statistic.
        """

        def refuse(message: str, suggestion: str) -> RuleError:
            position = measure.position if placed else None
            return RuleError(message, rule=text, position=position, suggestion=suggestion)

        name = measure.metric
        if name == STALL:
            series = Series("stall", name, "time")
        elif name in _STATISTICS:
            series = _STATISTICS[name]
        else:
            metric = self._metrics.get(SHORT_NAMES.get(name, name))
            if metric is None:
                raise refuse(f"there is no metric {name}", self._near(name))
            series = Series("go", metric.name, metric.dimension, metric.kind == "histogram")
        if series.histogram and not measure.stat:
            joint = " " if name.startswith("/") else "."
            raise refuse(
                f"{name} is a histogram, not a single number",
                f"choose one, as in {name}{joint}p99, max, mean or count",
            )
        if measure.stat and not series.histogram:
            raise refuse(f"{name} is one number and has no {measure.stat}", f"write {name}")
        if measure.rate and series.source == "stall":
            raise refuse("stall has no rate", "write stall > 5s")
        if measure.rate and series.histogram and measure.stat != "count":
            raise refuse(
                f"{measure.stat} of the last interval has no rate",
                f"write rate({name}{' ' if name.startswith('/') else '.'}count)",
            )
        return series

    def _near(self, name: str) -> str:
        known = self.names()
        if near := nearest(name, known):
            return near
        words = [word for word in re.split(r"[/:._-]+", name.lower()) if len(word) > 2]
        near_names = [k for k in known if any(word in k for word in words)][:4]
        if near_names:
            return f"did you mean {' or '.join(near_names)}?"
        if name.startswith("/"):
            return "`go doc runtime/metrics` lists them; which there are depends on the Go version"
        return f"the short names are {', '.join([*SHORT_NAMES, STALL])}"


def _check_signal(glob: str, text: str) -> None:
    names = [each.name for each in signal.Signals]
    if not any(matches(glob, name) for name in names):
        near = nearest(glob, names, 1) or nearest(f"SIG{glob}", names, 1)
        raise RuleError(
            f"there is no signal {glob}", rule=text, suggestion=near or "write it as SIGTERM"
        )


def _fits(given: Quantity, wanted: str) -> bool:
    if given.dimension == wanted or given.value == 0:
        return True
    if wanted == "share":  # seconds per second
        return given.dimension in ("count", "time")
    return wanted in ("percent", "bytes") and given.unit == ""


def _called(dimension: str) -> str:
    return {
        "time": "time",
        "bytes": "size",
        "percent": "percentage",
        "count": "plain number",
        "share": "share of the time (seconds per second)",
    }[dimension]
