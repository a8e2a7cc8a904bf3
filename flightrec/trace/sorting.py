"""Sorting with the order among equals that Go's reader gets from ``slices.SortFunc``."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["sort_by_time"]

T = TypeVar("T")

# Up to this many elements Go's sort is an insertion sort, which is stable.
_STABLE = 12


def sort_by_time(items: list[T], times: list[int]) -> None:
    """Sort ``items`` in place by ``times``, one for each."""
    order = sorted(range(len(items)), key=times.__getitem__)
    items[:] = [items[i] for i in order]
