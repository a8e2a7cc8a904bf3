"""What the commands that read a trace share."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["format_name", "without_collector"]

_WRITERS = {22: "Go 1.22", 23: "Go 1.23 or 1.24", 25: "Go 1.25", 26: "Go 1.26 or later"}


def format_name(version: int) -> str:
    """Which Go writes a format, by the version in a trace's header."""
    return _WRITERS.get(version, f"Go 1.{version}")


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
