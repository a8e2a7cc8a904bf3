"""The end of the process, as Go brings it about."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flightrec import abi
from flightrec.abi import Status
from flightrec.library import Library
from flightrec.signals import signals_blocked

__all__ = ["Departure", "DepartureWatch"]


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


class DepartureWatch:
    """A daemon thread that calls a function before Go ends the process, and lets it end then."""

    def __init__(
        self, library: Library, callback: Callable[[Departure], object], *, as_program: bool
    ) -> None:
        self._cdll = library.cdll
        self._callback = callback
        # On this thread: what departs after this call waits, even if the thread is late.
        self._cdll.flightrec_departure_watch(int(as_program))
        self._thread = threading.Thread(
            target=self._watch, name="flightrec-departures", daemon=True
        )
        self._thread.start()

    def _watch(self) -> None:
        panics, code, error = ctypes.c_int32(), ctypes.c_int32(), abi.Error()
        with signals_blocked():
            status = self._cdll.flightrec_departure_next(panics, code, error)
        if status != Status.OK:
            return
        departure = Departure("panic", 2) if panics.value else Departure("exit", code.value)
        try:
            self._callback(departure)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        for stream in (sys.stdout, sys.stderr):  # Python does not come to do so at exit
            with contextlib.suppress(Exception):
                stream.flush()
        # This ends the process. Whoever else wants to do so meanwhile finds nobody, and waits.
        self._cdll.flightrec_departure_go()

    def close(self) -> None:
        """End the thread; Go then ends the process without asking."""
        self._cdll.flightrec_departure_wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()
