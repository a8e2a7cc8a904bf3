"""Quantiles of what the last interval added to a histogram."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightrec.rules.histogram import Histogram

BUCKETS = (-math.inf, 0.0, 1.0, 2.0, 4.0, 8.0, math.inf)


def test_interval() -> None:
    """A histogram since an earlier one has what was added since then."""
    before = Histogram([0, 5, 0, 0, 0, 0], BUCKETS)
    now = Histogram([0, 5, 0, 0, 2, 0], BUCKETS)
    assert now.stat("p50") == pytest.approx(0.7)
    added = now.since(before)
    assert added.count == 2
    assert added.stat("p1") > 4.0  # type: ignore[operator]
    assert now.since(None).count == 7


@settings(max_examples=200)
@given(
    st.lists(st.floats(0, 7.99), min_size=1, max_size=200),
    st.floats(1, 100),
)
def test_quantile_is_within_its_bucket(values: list[float], percent: float) -> None:
    """A quantile lies in the bucket of the value that a sorted list has at that place."""
    counts = [0] * (len(BUCKETS) - 1)
    for value in values:
        counts[next(i for i in range(len(counts)) if BUCKETS[i] <= value < BUCKETS[i + 1])] += 1
    exact = sorted(values)[max(0, math.ceil(percent / 100 * len(values) - 1e-9) - 1)]
    bucket = next(i for i in range(len(counts)) if BUCKETS[i] <= exact < BUCKETS[i + 1])
    found = Histogram(counts, BUCKETS).quantile(percent / 100)
    assert BUCKETS[bucket] <= found <= BUCKETS[bucket + 1]


def test_stats() -> None:
    """Maximum, mean, count; and what they are of nothing, and of infinite buckets."""
    h = Histogram([0, 1, 0, 1, 0, 0], BUCKETS)
    assert h.stat("max") == 4.0
    assert h.stat("mean") == (0.5 + 3.0) / 2
    assert h.stat("count") == 2.0
    empty = Histogram([0] * 6, BUCKETS)
    assert [empty.stat(name) for name in ("p99", "max", "mean", "count")] == [None, None, None, 0]
    assert Histogram([0, 0, 0, 0, 0, 3], BUCKETS).stat("p99") == 8.0
    assert Histogram([3, 0, 0, 0, 0, 0], BUCKETS).stat("max") == 0.0
