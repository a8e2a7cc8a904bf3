"""The end of the process, as Go brings it about."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flightrec.abi import News, NewsKind
from flightrec.library import Library
from flightrec.newsthread import NewsThread
from flightrec.seconds import check_seconds
from flightrec.signals import signals_of_the_program

__all__ = ["DEFAULT_DEPARTURE_TIMEOUT", "Departure", "DepartureWatch"]

#: How long Go waits for a callback before it ends the process, in seconds.
DEFAULT_DEPARTURE_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Departure:
    """A goroutine is about to end the process.

    :ivar kind: ``exit`` for os.Exit, and for a write to a broken pipe; ``panic`` for a panic that
        nobody recovers, and for a fatal error.
    :ivar code: os.Exit's status; 141 for a broken pipe, which ends the process by SIGPIPE; 2 for a
        panic.
    """

    kind: Literal["exit", "panic"]
    code: int


@dataclass(frozen=True, slots=True)
class _Wish:
    callback: Callable[[Departure], object]
    as_program: bool
    timeout_ns: int  # below 0 for none


class DepartureWatch:
    """Calls a function before Go ends the process, on a daemon thread, and lets it end then.

    Go does not wait longer than the time limit, whatever becomes of the function or the thread.
    """

    def __init__(self, library: Library) -> None:
        self._cdll = library.cdll
        self._lock = threading.RLock()
        self._wish: _Wish | None = None
        self._thread = NewsThread(
            library, NewsKind.EXIT | NewsKind.PANIC, self._serve, "flightrec-departures"
        )

    @property
    def watches(self) -> bool:
        """Whether there is a function to call."""
        return self._wish is not None

    def watch(
        self, callback: Callable[[Departure], object], *, as_program: bool, timeout: float | None
    ) -> None:
        """Call a function, instead of an earlier one. What departs from now on waits for it.

        If this raises, all is as it was.
        """
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {callback!r}")
        limit_ns = -1 if timeout is None else int(check_seconds("timeout", timeout) * 1e9)
        wish = _Wish(callback, as_program, limit_ns)
        with self._lock:
            before = self._wish
            try:
                self._thread.ensure()
                self._wish = wish
                self._tell(wish)
            except BaseException:  # of a signal handler, say
                self._wish = before
                self._tell(before)
                raise

    def _tell(self, wish: _Wish | None) -> None:
        as_program, timeout_ns = (wish.as_program, wish.timeout_ns) if wish else (False, 0)
        self._cdll.flightrec_departure_watch(wish is not None, as_program, timeout_ns)

    def _serve(self, news: News) -> None:
        try:
            panics = news.kind == NewsKind.PANIC
            departure = Departure("panic", 2) if panics else Departure("exit", news.status)
            if self._wish is not None:
                with signals_of_the_program():
                    self._wish.callback(departure)
        except BaseException:
            with contextlib.suppress(BaseException):
                sys.excepthook(*sys.exc_info())
        finally:
            for stream in (sys.stdout, sys.stderr):  # Python does not come to do so at exit
                with contextlib.suppress(Exception):
                    stream.flush()
            # This ends the process. Whoever else wants to do so meanwhile waits for that.
            self._cdll.flightrec_departure_go()

    def join(self) -> None:
        """Wait for the thread, which was told to end."""
        # If it is in the callback, it ends the process, at the latest by the time limit.
        self._thread.join(threading.TIMEOUT_MAX)
