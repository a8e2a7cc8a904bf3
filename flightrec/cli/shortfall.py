"""Saying that a window was too small for the time it was to hold, and which size would do."""

from __future__ import annotations

import math

from flightrec.cli.units import format_duration, format_size

__all__ = ["shortfall"]

#: Less than this share of the time is worth a word.
_ENOUGH = 0.9
_MARGIN = 1.05


def shortfall(
    *, reach: float, min_age: float, ran: float, nbytes: int, max_bytes: int
) -> str | None:
    """Say that a snapshot holds less than was asked for because the window was full.

    :param reach: how many seconds it holds.
    :param min_age: how many were asked for.
    :param ran: for how many was recorded.
    :param nbytes: the snapshot's size.
    :param max_bytes: the window's.
    :returns: None if it holds enough, or is short for another reason than its size.
    """
    wanted = min(min_age, ran)
    # A full window has at least half of its size in complete generations.
    if reach <= 0 or reach >= _ENOUGH * wanted or nbytes < max_bytes / 2:
        return None
    needed = _written(_MARGIN * max_bytes * wanted / reach)
    asked = "asked" if min_age <= ran else "recorded"
    return (
        f"kept {format_duration(reach)} of {format_duration(wanted)} {asked}: "
        f"{format_size(max_bytes)} is full; --max-bytes {needed} would hold it"
    )


def _written(nbytes: float) -> str:
    """Write a size for --max-bytes, rounded up to two digits."""
    unit, name = (1 << 30, "GiB") if nbytes >= 1 << 30 else (1 << 20, "MiB")
    value = nbytes / unit
    step = 10 ** max(0, math.floor(math.log10(max(value, 1))) - 1)
    return f"{math.ceil(value / step) * step}{name}"
