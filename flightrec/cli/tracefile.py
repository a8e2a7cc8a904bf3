"""What the commands that read a trace share."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["format_name", "ns_text", "without_collector"]

_WRITERS = {22: "Go 1.22", 23: "Go 1.23 or 1.24", 25: "Go 1.25", 26: "Go 1.26 or later"}


def format_name(version: int) -> str:
    """Which Go writes a format, by the version in a trace's header."""
    return _WRITERS.get(version, f"Go 1.{version}")


def ns_text(ns: float) -> str:
    """Write ns for people, in three digits: ``870 ns``, ``1.25 ms``, ``12.3 s``."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= size * 0.9995:
            value = ns / size
            digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    return f"{ns:.0f} ns"


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Have no cyclic garbage collection meanwhile.

    Reading a trace makes millions of objects and no cycles; that the collector looks at them
    again and again costs a third of the time. Only a command, whose process is its own, may
    turn it off.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
