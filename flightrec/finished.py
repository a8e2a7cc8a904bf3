"""An event that threads wait for, and that calls those who cannot wait, such as event loops."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

__all__ = ["Finished"]


class Finished(threading.Event):
    """A :class:`threading.Event` with callbacks. Any thread may use it."""

    def __init__(self) -> None:
        super().__init__()
        self._callbacks: list[Callable[[], object]] = []

    def call(self, callback: Callable[[], object]) -> None:
        """Call a function once the event is set, on the thread that sets it; now if it is set.

        It must not raise, nor wait: others wait for that thread.
        """
        self._callbacks.append(callback)
        if self.is_set():
            self._call_all()

    def forget(self, callback: Callable[[], object]) -> None:
        """Do not call a function any more."""
        with contextlib.suppress(ValueError):  # it was called
            self._callbacks.remove(callback)

    def set(self) -> None:
        """Set the event, and call whoever asked for it."""
        super().set()
        self._call_all()

    def _call_all(self) -> None:
        while True:
            try:
                callback = self._callbacks.pop()  # each once, whichever thread comes first
            except IndexError:
                return
            callback()
