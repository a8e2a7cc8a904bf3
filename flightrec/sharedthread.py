"""A daemon thread that several callers share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from flightrec.errors import FlightRecorderError

__all__ = ["SharedThread"]


class SharedThread:
    """A daemon thread that is begun when it is first needed. Any thread may use it.

    An exception between any two lines, of a signal handler say, leaves nothing that a later
    :meth:`ensure` does not mend; at worst a second thread runs, which the target must bear.
    """

    def __init__(self, target: Callable[[], object], name: str) -> None:
        self._target = target
        self._name = name
        self._lock = threading.RLock()  # a signal handler may need the thread as well
        self._thread: threading.Thread | None = None

    def ensure(self) -> None:
        """Begin the thread unless it runs.

        :raises FlightRecorderError: Python cannot start a thread.
        """
        if self._runs():
            return
        with self._lock:
            if self._runs():
                return
            thread = threading.Thread(target=self._target, name=self._name, daemon=True)
            self._thread = thread
            try:
                thread.start()
            except RuntimeError as exc:
                if exc.__context__ is not None:  # a signal handler's, in the midst of start
                    raise
                raise FlightRecorderError(
                    f"cannot start the thread {self._name}: {exc}. Nothing was started; the limit "
                    "on threads (ulimit -u, or the container's) may be reached."
                ) from exc

    def _runs(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def is_current(self) -> bool:
        """Whether the caller runs on this thread."""
        return threading.current_thread() is self._thread

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, at most so many seconds; not if it was never begun."""
        if self._thread is not None and not self.is_current():
            with contextlib.suppress(RuntimeError):  # it is just being started
                self._thread.join(timeout)
