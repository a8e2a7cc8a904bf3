"""Numbers with units, as rules write them: ``10ms``, ``1GiB``, ``90%``, ``10000``."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["DIMENSIONS", "UNITS", "Quantity", "dimension_of", "meant", "shown"]

#: For each unit of a literal: its dimension, and its size in the dimension's own unit.
UNITS: dict[str, tuple[str, float]] = {
    "": ("count", 1),
    "%": ("percent", 1),
    "ns": ("time", 1e-9),
    "us": ("time", 1e-6),
    "µs": ("time", 1e-6),
    "ms": ("time", 1e-3),
    "s": ("time", 1),
    "m": ("time", 60),
    "h": ("time", 3600),
    "B": ("bytes", 1),
    "kB": ("bytes", 10**3),
    "KB": ("bytes", 10**3),
    "MB": ("bytes", 10**6),
    "GB": ("bytes", 10**9),
    "KiB": ("bytes", 2**10),
    "MiB": ("bytes", 2**20),
    "GiB": ("bytes", 2**30),
}

#: For each dimension, an example of how it is written.
DIMENSIONS = {"count": "10000", "percent": "90%", "time": "10ms", "bytes": "64MiB"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, as it was written."""

    number: str
    unit: str = ""

    @property
    def dimension(self) -> str:
        """``count``, ``percent``, ``time`` or ``bytes``."""
        return UNITS[self.unit][0]

    @property
    def value(self) -> float:
        """The number in seconds, bytes, percent or pieces."""
        scale = UNITS[self.unit][1]
        # 200ms is 0.2 s, and not 0.2 s and the rounding of 1e-3.
        return float(self.number) * scale if scale >= 1 else float(self.number) / round(1 / scale)

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"


def meant(given: Quantity, dimension: str) -> str:
    """Say how a quantity of the wrong dimension may have been meant; an example if nobody knows."""
    units = {"time": ("ms", "s"), "bytes": ("MiB",), "count": ("",)}.get(dimension, ())
    if given.unit == "" and units:
        return " or ".join(f"{given.number}{unit}" for unit in units)
    return DIMENSIONS[dimension]


def dimension_of(metric_unit: str) -> str:
    """Return the dimension of a metric whose unit is called so by ``runtime/metrics``."""
    known = {"seconds": "time", "cpu-seconds": "time", "bytes": "bytes", "percent": "percent"}
    return known.get(metric_unit, "count")


def shown(value: float, dimension: str) -> str:
    """Write a value of a dimension for people: ``12.3ms``, ``1.5GiB``, ``90%``."""
    if dimension == "time":
        for unit in ("s", "ms", "µs"):
            if abs(value) >= UNITS[unit][1]:
                return f"{_short(value / UNITS[unit][1])}{unit}"
        return f"{_short(value * 1e9)}ns"
    if dimension == "bytes":
        for unit in ("GiB", "MiB", "KiB"):
            if abs(value) >= UNITS[unit][1]:
                return f"{_short(value / UNITS[unit][1])}{unit}"
        return f"{_short(value)}B"
    return _short(value) + ("%" if dimension == "percent" else "")


def _short(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return re.sub(r"\.0+$", "", text)
