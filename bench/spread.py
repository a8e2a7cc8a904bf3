"""A measured value: one number a round, their median and their spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Spread", "ratios"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of all rounds, in their order."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Make one of any number of values, but at least one."""
        spread = cls(tuple(values))
        if not spread.values:
            raise ValueError("a measurement without a value")
        return spread

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def text(self, digits: int = 2) -> str:
        """Return ``median [smallest … largest]``."""
        low, high = min(self.values), max(self.values)
        if len(self.values) == 1:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} [{low:.{digits}f} … {high:.{digits}f}]"

    def as_json(self) -> dict[str, Any]:
        """Return what results.json says of it."""
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Return the ratios of each round: what disturbs a whole round does not disturb them."""
    return Spread.of(a / b for a, b in zip(numerators, denominators, strict=True))
