"""From readings to the values of a rule's measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flightrec.rules.catalog import Catalog, Series
from flightrec.rules.conditions import Measure
from flightrec.rules.histogram import Histogram
from flightrec.rules.moment import Moment
from flightrec.rules.sources import Reading

__all__ = ["Measures", "Values"]

#: A source's values by name.
Values = Mapping[str, "float | Histogram | None"]

#: For how long values that are not read anew still count, in seconds: a machine may be busy.
_STALE_SECONDS = 3.0


class Measures:
    """The measures of a set of rules, and their last values. For one thread at a time."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._series: dict[Measure, Series] = {}
        self._previous: dict[str, Reading[Values]] = {}
        self._values: dict[Measure, float] = {}
        self._read_at: dict[str, float] = {}

    def set(self, measures: Iterable[Measure]) -> None:
        """Say which measures are wanted."""
        self._series = {m: self._catalog.series(m, str(m), False) for m in measures}
        self._values = {m: v for m, v in self._values.items() if m in self._series}

    def wanted(self, source: str) -> list[str]:
        """Return the names to read from a source, each once."""
        names = (series.name for series in self._series.values() if series.source == source)
        return list(dict.fromkeys(names))

    def dimension(self, measure: Measure) -> str:
        """Return the dimension of a measure's values."""
        series = self._series.get(measure)
        return "count" if series is None or measure.stat == "count" else series.dimension

    def take(self, source: str, reading: Reading[Any] | None) -> None:
        """Take a source's last reading; the one that was taken before is its interval's begin."""
        if reading is None:
            return
        before = self._previous.get(source)
        if before is not None and before.at >= reading.at:
            return
        self._previous[source] = reading
        self._read_at[source] = reading.at
        for measure, series in self._series.items():
            if series.source == source:
                value = _value(measure, series, reading, before)
                if value is None:
                    self._values.pop(measure, None)
                else:
                    self._values[measure] = value * series.scale

    def fill(self, source: str, reading: Reading[Any] | None) -> None:
        """Take from a reading what has no value yet and needs no interval; none begins with it."""
        if reading is None:
            return
        for measure, series in self._series.items():
            if series.source == source and measure not in self._values:
                value = _value(measure, series, reading, None)
                if value is not None:
                    self._values[measure] = value * series.scale

    def moment(self, now: float, stall: float) -> Moment:
        """Return what is known now."""
        found, unknown = {}, set()
        for measure, series in self._series.items():
            if series.source == "stall":
                found[measure] = stall
            elif now - self._read_at.get(series.source, now) > _STALE_SECONDS:
                unknown.add(measure)
            elif measure in self._values:
                found[measure] = self._values[measure]
        return Moment(now=now, values=found, unknown=frozenset(unknown))


def _value(
    measure: Measure, series: Series, now: Reading[Values], before: Reading[Values] | None
) -> float | None:
    value = now.values.get(series.name)
    earlier = None if before is None else before.values.get(series.name)
    if isinstance(value, Histogram):
        if not isinstance(earlier, Histogram):
            return None  # there is no interval yet
        stat = value.since(earlier).stat(measure.stat)
        if measure.rate and stat is not None and before is not None:
            return stat / (now.at - before.at)
        return stat
    if value is None or not measure.rate:
        return value
    if before is None or not isinstance(earlier, (int, float)):
        return None
    return (value - earlier) / (now.at - before.at)
