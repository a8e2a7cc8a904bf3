"""A snapshot of what there is, also while the Go runtime is stuck or the recording has ended."""

from __future__ import annotations

import weakref

from flightrec.errors import FlightRecorderError
from flightrec.recorder import FlightRecorder
from flightrec.snapshot import Snapshot

__all__ = ["FLUSH_SECONDS", "did_not_answer", "take_snapshot"]

#: How long the runtime may take to hand over its newest events.
FLUSH_SECONDS = 2.0
#: The same, after it has taken longer: it is stuck, most likely.
_STUCK_SECONDS = 0.5

#: Recorders whose runtime did not answer when it was last asked.
_stuck: weakref.WeakSet[FlightRecorder] = weakref.WeakSet()


def did_not_answer(recorder: FlightRecorder) -> bool:
    """Whether the Go runtime did not hand over its newest events when it was last asked."""
    return recorder in _stuck


def take_snapshot(
    recorder: FlightRecorder, *, last: float | None = None, flush: float = FLUSH_SECONDS
) -> tuple[Snapshot, Exception | None]:
    """Take a snapshot, and say why the newest events are not in it; None if they are.

    A Go runtime that is stuck does not end its generation; then the rest of the window is taken,
    after ``flush`` seconds, or half a second if it did not answer the last time either.

    :param last: how far it reaches back, in seconds; None for all of the window.
    :raises FlightRecorderError: there is nothing to take.
    """
    try:
        snapshot = recorder.snapshot(
            last=last, timeout=min(flush, _STUCK_SECONDS) if recorder in _stuck else flush
        )
    except (FlightRecorderError, TimeoutError) as exc:
        if isinstance(exc, TimeoutError) and flush:
            _stuck.add(recorder)
        return recorder.snapshot(last=last, flush=False), exc
    _stuck.discard(recorder)
    return snapshot, None
