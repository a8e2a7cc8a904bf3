"""Threads that wait for news from Go: one for each kind of work that the news leads to."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Callable

from flightrec import abi
from flightrec.abi import NewsKind, Status
from flightrec.errors import FlightRecorderError
from flightrec.library import Library
from flightrec.signals import takes_no_signals

__all__ = ["NewsThread", "end_all"]

#: Those that were begun in this process.
_begun: list[NewsThread] = []


def _tell_of(_news: abi.News, exc: BaseException) -> None:
    sys.excepthook(type(exc), exc, exc.__traceback__)


class NewsThread:
    """A daemon thread that waits, in C, for news of some kinds, begun when it is first needed.

    So nobody in Python waits inside Go. Any thread may use it. An exception between any two lines,
    of a signal handler say, leaves nothing that a later :meth:`ensure` does not mend; at worst a
    second thread takes part of the news.

    :param handle: is called with each piece of news, on this thread; the object is used again.
    :param failed: is called with it when handling it has raised.
    """

    def __init__(
        self,
        library: Library,
        kinds: NewsKind,
        handle: Callable[[abi.News], object],
        name: str,
        *,
        failed: Callable[[abi.News, BaseException], object] = _tell_of,
    ) -> None:
        self._library = library
        self._kinds = kinds
        self._handle = handle
        self._failed = failed
        self._name = name
        self._lock = threading.RLock()  # a signal handler may need the thread as well
        self._thread: threading.Thread | None = None
        self._dropped = ctypes.c_uint64()

    @property
    def dropped(self) -> int:
        """How much news was ever dropped, because there was too much at a time."""
        return self._dropped.value

    def ensure(self) -> None:
        """Begin the thread unless it runs.

        :raises FlightRecorderError: Python cannot start a thread.
        """
        if self._runs():
            return
        with self._lock:
            if self._runs():
                return
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread = thread
            _begun.append(self)
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

    @property
    def runs_beside(self) -> bool:
        """Whether the thread runs, and is not the caller's."""
        return self._runs() and threading.current_thread() is not self._thread

    @takes_no_signals
    def _run(self) -> None:
        news, wait = abi.News(), self._library.cdll.flightrec_news_next
        while True:
            try:
                if wait(self._kinds, news, self._dropped) == Status.ENDED:
                    return
                self._handle(news)
            except BaseException as exc:  # whatever befalls one, the others are waited for
                with contextlib.suppress(BaseException):
                    self._failed(news, exc)

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, at most so many seconds; not if it was never begun."""
        if self._thread is not None and self.runs_beside:
            with contextlib.suppress(RuntimeError):  # it is just being started
                self._thread.join(timeout)


def end_all(library: Library, timeout: float) -> None:
    """End the threads, for the end of the process: Go waits for none of them any more.

    :param timeout: how many seconds each may take.
    """
    library.cdll.flightrec_news_close()
    for each in _begun:
        each.join(timeout)
