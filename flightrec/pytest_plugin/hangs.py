"""Tests that hang: their window is kept while they do, before something kills them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import pytest

__all__ = ["HangWatch", "hang_seconds"]

#: How long after a look that found nothing to keep the next one is at most, in seconds.
_AGAIN: Final = 1.0


def hang_seconds(item: pytest.Item, default: float | None) -> float | None:
    """Return after how many seconds a test counts as hanging; None for never.

    :raises pytest.UsageError: the marker's argument makes no sense.
    """
    marker = item.get_closest_marker("go_hang")
    if marker is None:
        return default
    given = marker.args or tuple(marker.kwargs.values())
    if len(given) != 1 or type(given[0]) not in (int, float) or given[0] <= 0:
        raise pytest.UsageError(f"{item.nodeid}: go_hang takes a positive number of seconds")
    return float(given[0])


class HangWatch:
    """Looks whether tests end in time, on a thread that the first one starts.

    :param keep: is told for how long the test has run, in seconds, and keeps its window; called on
        that thread. While it returns False it is called again: a test may be late before anything
        is recorded, because loading the library, or building it, takes long.
    """

    _monotonic = staticmethod(time.monotonic)  # a test may put a clock of its own there

    def __init__(self, keep: Callable[[float], bool]) -> None:
        self._keep = keep
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._test = 0  # which one it is: they are counted
        self._due: float | None = None  # on time.monotonic
        self._seconds = 0.0

    def begin(self, seconds: float) -> None:
        """Watch a test that begins now."""
        with self._changed:
            self._test += 1
            self._due, self._seconds = self._monotonic() + seconds, seconds
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="flightrec-hangs", daemon=True
                )
                self._thread.start()

    def end(self) -> None:
        """Watch it no more."""
        if self._thread is not None:
            with self._changed:
                self._test += 1
                self._due = None

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        while (late := self._late()) is not None:
            test, seconds = late
            if not self._keep(seconds):
                self._look_again(test, min(seconds, _AGAIN))

    def _late(self) -> tuple[int, float] | None:
        """Wait for a test that is late; None once closed."""
        with self._changed:
            while not self._closed:
                if self._due is None:
                    self._changed.wait()
                elif (left := self._due - self._monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    self._due = None
                    return self._test, self._seconds
        return None

    def _look_again(self, test: int, wait: float) -> None:
        with self._changed:
            if self._test == test:
                self._due = self._monotonic() + wait
                self._seconds += wait
