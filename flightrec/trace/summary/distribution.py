"""Distributions of durations, in memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from operator import mul
from typing import Final

__all__ = ["Distribution", "DistributionBuilder"]

# Bits of a duration that are kept. Six give 3 % at worst.
_BITS: Final = 6

# Durations are counted in bulk once so many wait: counting a list is several times as quick as
# counting one by one.
_BULK: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Distribution:
    """How durations are distributed.

    ``count``, ``total_ns``, ``min_ns`` and ``max_ns`` are exact (zeros if there are none).
    ``buckets`` are pairs of a duration in ns and how many there were of about that length: at
    least that long, and at most 1/32 longer. They are sorted.
    """

    count: int = 0
    total_ns: int = 0
    min_ns: int = 0
    max_ns: int = 0
    buckets: tuple[tuple[int, int], ...] = ()

    @property
    def mean_ns(self) -> float:
        """The mean; 0 if there are none."""
        return self.total_ns / self.count if self.count else 0.0

    def quantile(self, q: float) -> int:
        """The duration in ns that a share ``q`` (0 to 1) does not exceed; 0 if there are none.

        Exact for 0 and 1, else up to 1/32 too small. Raises ValueError for another ``q``.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile is between 0 and 1, not {q!r}")
        if q == 1:
            return self.max_ns
        wanted = q * self.count
        seen = 0
        for lower, count in self.buckets:
            seen += count
            if seen >= wanted:
                return max(lower, self.min_ns)
        return self.max_ns

    def plus(self, other: Distribution) -> Distribution:
        """The durations of both."""
        if not other.count or not self.count:
            return self if self.count else other
        buckets = dict(self.buckets)
        for lower, count in other.buckets:
            buckets[lower] = buckets.get(lower, 0) + count
        return Distribution(
            self.count + other.count,
            self.total_ns + other.total_ns,
            min(self.min_ns, other.min_ns),
            max(self.max_ns, other.max_ns),
            tuple(sorted(buckets.items())),
        )

    def without_longest(self) -> Distribution:
        """All but one of the longest; that of the next is known to 1/32 only."""
        if self.count < 2:
            return Distribution()
        *rest, (lower, count) = self.buckets
        if count > 1:
            rest.append((lower, count - 1))
        high = self.max_ns if count > 1 else max(rest[-1][0], self.min_ns)
        total = self.total_ns - self.max_ns
        return Distribution(self.count - 1, total, self.min_ns, high, tuple(rest))

    def count_at_least(self, ns: int) -> int:
        """How many lasted about ``ns`` or longer, in whole buckets."""
        return sum(count for lower, count in self.buckets if lower >= _bucket(ns))


def _bucket(ns: int) -> int:
    """The least duration of the bucket that ``ns`` is in."""
    shift = ns.bit_length() - _BITS
    return ns >> shift << shift if shift > 0 else ns


class DistributionBuilder:
    """Collects durations. ``pending`` may be appended to directly, if :meth:`fold` is called."""

    __slots__ = ("_buckets", "_count", "_max", "_min", "_total", "pending")

    def __init__(self) -> None:
        self.pending: list[int] = []
        self._buckets: dict[int, int] = {}
        self._count = self._total = self._min = self._max = 0

    def add(self, ns: int) -> None:
        """Add a duration."""
        self.pending.append(ns)
        if len(self.pending) >= _BULK:
            self.fold()

    def fold(self, *, at_least: int = 1) -> None:
        """Count what is pending, if it is so many."""
        pending = self.pending
        if len(pending) < at_least:
            return
        # Durations are multiples of the trace clock's unit, so there are few different ones.
        counted = Counter(pending)
        low, high = min(counted), max(counted)
        self._min = min(self._min, low) if self._count else low
        self._max = max(self._max, high)
        self._count += len(pending)
        self._total += sum(map(mul, counted.keys(), counted.values()))
        buckets = self._buckets
        for ns, count in counted.items():
            shift = ns.bit_length() - _BITS  # as _bucket does
            lower = ns >> shift << shift if shift > 0 else ns
            buckets[lower] = buckets.get(lower, 0) + count
        pending.clear()

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count + len(self.pending)

    def build(self) -> Distribution:
        """The distribution so far."""
        self.fold()
        return Distribution(
            self._count, self._total, self._min, self._max, tuple(sorted(self._buckets.items()))
        )
