"""Histograms of ``runtime/metrics``: what the last interval added, and quantiles of that.

Go's buckets for times are up to a quarter of their value wide. A quantile is interpolated inside
its bucket, so it is that exact; the maximum is the upper end of the highest bucket with anything
in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Histogram"]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between bucket boundaries, of which there is one more than counts.

    The outermost boundaries may be infinite.
    """

    counts: Sequence[int]
    buckets: Sequence[float]

    def since(self, before: Histogram | None) -> Histogram:
        """Return what was added since an earlier reading of the same histogram."""
        if before is None or len(before.counts) != len(self.counts):
            return self
        added = [max(0, n - m) for n, m in zip(self.counts, before.counts, strict=True)]
        return Histogram(added, self.buckets)

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    def stat(self, name: str) -> float | None:
        """Return ``p99`` (``p0`` to ``p100``), ``max``, ``mean`` or ``count``.

        None where there are no values to tell it from.
        """
        if name == "count":
            return float(self.count)
        if not self.count:
            return None
        if name == "mean":
            return self._mean()
        return self.quantile(1.0 if name == "max" else float(name[1:]) / 100)

    def quantile(self, q: float) -> float:
        """Return the value that a share ``q`` of the values do not exceed."""
        wanted = q * self.count
        passed = 0
        for i, n in enumerate(self.counts):
            if n and passed + n >= wanted:
                low, high = self._bounds(i)
                return low + (high - low) * max(0.0, wanted - passed) / n
            passed += n
        raise ValueError("an empty histogram has no quantiles")

    def _mean(self) -> float:
        middles = (sum(self._bounds(i)) / 2 * n for i, n in enumerate(self.counts) if n)
        return math.fsum(middles) / self.count

    def _bounds(self, i: int) -> tuple[float, float]:
        """Return a bucket's finite bounds; both are the same one where the other is infinite."""
        low, high = self.buckets[i], self.buckets[i + 1]
        if math.isinf(low):
            return (0.0, 0.0) if math.isinf(high) else (high, high)
        return (low, low) if math.isinf(high) else (low, high)
