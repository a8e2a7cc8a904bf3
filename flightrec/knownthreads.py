"""Which threads Python knows, told without a lock."""

from __future__ import annotations

import threading

__all__ = ["known_threads"]


def known_threads() -> list[threading.Thread]:
    """Return the threads that ``threading`` knows. May be called from a signal handler.

    ``threading.enumerate()`` takes a lock, which the code that a signal handler interrupted may
    hold: a thread that is being started or ends. Copying a dictionary is one step for the GIL.
    """
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]
    return list(active.copy().values())
