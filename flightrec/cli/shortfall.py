"""Saying that a window held less than the time it was to hold, why, and which size would do."""

from __future__ import annotations

import math

from flightrec.cli.units import count, format_duration, format_size

__all__ = ["shortfall"]

#: Less than this share of the time is worth a word.
_ENOUGH = 0.9
_MARGIN = 1.05


def shortfall(
    *,
    reach: float,
    min_age: float,
    ran: float,
    nbytes: int,
    max_bytes: int,
    evicted: int,
    outgrown: int,
    lost: int,
) -> str | None:
    """Say that a snapshot holds less than was asked for because generations had to go.

    :param reach: how many seconds it holds.
    :param min_age: how many were asked for.
    :param ran: for how many was recorded.
    :param nbytes: the snapshot's size.
    :param max_bytes: the window's.
    :param evicted: how many complete generations are not in the window any more.
    :param outgrown: how many were larger than the window may be.
    :param lost: how many of those evicted Python had not received.
    :returns: None if it holds enough, or all that was recorded.
    """
    wanted = min(min_age, ran)
    if not evicted or reach >= _ENOUGH * wanted:
        return None
    size = format_size(max_bytes)
    # A full window has at least half of its size in complete generations.
    if nbytes >= max_bytes / 2:
        cause = f"{size} is full"
    elif outgrown:
        cause = f"{count(outgrown, 'generation')} did not fit into {size}"
    elif lost:
        them = "it" if lost == 1 else "them"
        cause = (
            f"{count(lost, 'generation')} had to be evicted from {size} before Python received "
            f"{them}"
        )
    else:
        cause = f"{size} was full"
    asked = "asked" if min_age <= ran else "recorded"
    text = f"kept {format_duration(reach)} of {format_duration(wanted)} {asked}: {cause}"
    if reach <= 0:
        return text
    return f"{text}; --max-bytes {_written(_MARGIN * nbytes * wanted / reach)} would hold it"


def _written(nbytes: float) -> str:
    """Write a size for --max-bytes, rounded up to two digits."""
    unit, name = (1 << 30, "GiB") if nbytes >= 1 << 30 else (1 << 20, "MiB")
    value = nbytes / unit
    step = 10 ** max(0, math.floor(math.log10(max(value, 1))) - 1)
    return f"{math.ceil(value / step) * step}{name}"
