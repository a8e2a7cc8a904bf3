"""Whether a region that is entered now can be expected to nest with the others of its thread.

A region of ``runtime/trace`` belongs to a goroutine, which for Python is the thread, and Go's
readers reject a trace in which a goroutine's regions do not nest. What awaits, yields or switches
inside a region lets others of the thread begin and end meanwhile.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from types import FrameType
from typing import Any, Final

__all__ = ["in_greenlet", "nests"]

_SUSPENDABLE: Final = (
    inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
    | inspect.CO_ITERABLE_COROUTINE
)
_CONTEXTLIB: Final = vars(contextlib)


def nests(frame: FrameType | None) -> bool:
    """Say whether a region that this frame enters can be expected to nest.

    Not so where an event loop of ``asyncio`` runs on this thread, in a greenlet, or where the frame
    is a generator's or a coroutine's. A wrong answer costs no more than looks: see
    ``gobridge/regions.go``.
    """
    return not (_in_event_loop() or in_greenlet() or _is_suspendable(frame))


def _in_event_loop() -> bool:
    events: Any = sys.modules.get("asyncio.events")  # without it there can be no loop
    running = getattr(events, "_get_running_loop", None)
    return running is not None and running() is not None


def in_greenlet() -> bool:
    """Say whether this is a greenlet, and not the thread itself."""
    current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    return current is not None and current().parent is not None


def _is_suspendable(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_flags & _SUSPENDABLE:
            frame = frame.f_back
            if frame is None or frame.f_globals is not _CONTEXTLIB:
                return True
            # A @contextmanager: it is suspended for as long as its with statement lasts.
        elif frame.f_globals is _CONTEXTLIB:
            frame = frame.f_back
        else:
            return False
    return False
