"""Durations as people write them."""

from __future__ import annotations

__all__ = ["ns_text"]


def ns_text(ns: float) -> str:
    """Write ns for people, in three digits: ``870 ns``, ``1.25 ms``, ``12.3 s``."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= size * 0.9995:
            value = ns / size
            digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    return f"{ns:.0f} ns"
