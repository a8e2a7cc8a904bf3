"""Spans of time that callers give, and how much of one is left."""

from __future__ import annotations

import time

__all__ = ["check_seconds", "deadline", "left"]

#: 285 years: Go and the bridge count nanoseconds in 64 bits.
_MOST_SECONDS = 9e9


def check_seconds(name: str, value: float, *, zero: bool = False) -> float:
    """Return an argument that is a span of time.

    :param name: the argument's.
    :param zero: it may be 0.
    :raises ValueError: it is not positive, not finite, or more than 285 years.
    :raises TypeError: it is not a number.
    """
    if isinstance(value, (str, bytes, bool)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    seconds = float(value)
    if not (seconds > 0 or (zero and seconds == 0)) or seconds > _MOST_SECONDS:
        raise ValueError(f"{name} must be a positive number of seconds, and finite: {value!r}")
    return seconds


def deadline(timeout: float | None) -> float | None:
    """Return when a timeout of so many seconds is over, on the monotonic clock; None: never.

    :raises ValueError, TypeError: as :func:`check_seconds`; 0 is a timeout.
    """
    if timeout is None:
        return None
    return time.monotonic() + check_seconds("timeout", timeout, zero=True)


def left(until: float | None) -> float | None:
    """Return how many seconds are left until a :func:`deadline`; None: no limit."""
    return None if until is None else max(0.0, until - time.monotonic())
