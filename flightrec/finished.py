"""An event that threads wait for, and that calls those who cannot wait, such as event loops."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

__all__ = ["Finished"]

#: How often a wait on the main thread looks for signals, in seconds.
_LOOK_UP = 0.1


class Finished:
    """A one-way :class:`threading.Event` with callbacks. Any thread may use it.

    A signal handler may raise in any of its methods, and interrupts nobody else's wait. In an Event
    it may raise just after the event's own lock was taken, and whoever sets the event then hangs.
    Here each wait has a lock of its own, and the lists are changed by single operations.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._callbacks: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        """Whether it has been set."""
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, for at most ``timeout`` seconds; return :meth:`is_set`."""
        if self._is_set:
            return True
        lock = threading.Lock()
        lock.acquire()
        wake = lock.release
        try:
            self.call(wake)
            self._acquire(lock, timeout)
        finally:
            self.forget(wake)
        return self._is_set

    def _acquire(self, lock: threading.Lock, timeout: float | None) -> None:
        until = None if timeout is None else time.monotonic() + timeout
        main = threading.current_thread() is threading.main_thread()
        while True:
            left = threading.TIMEOUT_MAX if until is None else max(until - time.monotonic(), 0)
            # The system may give the signal of a Ctrl-C to one of Go's threads, which does not wake
            # this one (measured: 1 in 20 beside busy goroutines), so it looks up now and then.
            turn = min(left, _LOOK_UP if main else threading.TIMEOUT_MAX)
            if lock.acquire(timeout=turn) or turn == left or self._is_set:
                return

    def call(self, callback: Callable[[], object]) -> None:
        """Call a function once the event is set, on the thread that sets it; now if it is set.

        It must not raise, nor wait: others wait for that thread.
        """
        self._callbacks.append(callback)
        # Not by _call_all: an exception here must not cost anybody else's call.
        if self._is_set and self.forget(callback):
            callback()

    def forget(self, callback: Callable[[], object]) -> bool:
        """Do not call a function any more; return whether it was still to be called."""
        try:
            self._callbacks.remove(callback)
        except ValueError:
            return False
        return True

    def set(self) -> None:
        """Set the event, and call whoever asked for it."""
        self._is_set = True
        while True:
            try:
                callback = self._callbacks.pop()  # each once, whichever thread comes first
            except IndexError:
                return
            with contextlib.suppress(Exception):  # the others are to be called all the same
                callback()
