"""A session of the bridge: one consumer of the Go runtime's trace, with a window of its own.

Nothing here waits inside Go, and every wait ends at its timeout. On the main thread waits are made
of short ones, between which Python runs signal handlers: Ctrl-C ends them.
"""

from __future__ import annotations

import ctypes
import threading
import time
import weakref
from typing import Any

from flightrec import abi
from flightrec.abi import Option, Status
from flightrec.errors import FlightRecorderError, NotEnabledError
from flightrec.generation import NativeHold
from flightrec.library import Library, error_for, is_forked

__all__ = ["Session"]

#: How long the main thread waits before it looks for signals, in ns.
_LOOK_UP_NS = 20_000_000

#: How many generations a window is first thought to have.
_MANY = 64


class Session:
    """A session, from :meth:`open` to :meth:`close`; one that is thrown away is closed.

    Any thread may call the methods. Those on a closed session raise NotEnabledError.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._cdll = library.cdll
        # The bridge writes the handle here, so that it has an owner at every moment.
        self._handle = ctypes.c_uint64()
        finalizer = weakref.finalize(self, _close, library.cdll, self._handle)
        finalizer.atexit = False

    def open(self, *, max_bytes: int, ceiling: int, flags: Option) -> None:
        """Begin to record; see ``flightrec_session_open``. Sizes in bytes, 0 for none.

        :raises TracingConflictError: someone else traces the Go runtime.
        """
        self.library.call(
            "flightrec_session_open",
            abi.Options(max_bytes=max_bytes, ceiling=ceiling, flags=flags),
            self._handle,
        )

    def _call(self, name: str, *arguments: Any, but: Status = Status.OK) -> int:
        """Call a function; return its status, which is OK or ``but``. Raise for all others."""
        error = abi.Error()
        status = int(getattr(self._cdll, name)(self._handle, *arguments, error))
        if status == Status.UNKNOWN:
            raise NotEnabledError("the recording has ended")
        if status not in (Status.OK, but):
            raise error_for(name, status, error)
        return status

    def deliver(self, consumer: Any) -> FlightRecorderError | None:
        """Call the consumer with what comes, until the session has ended; return why it did.

        :returns: None if it was stopped or closed, or if the consumer refused a delivery.
        """
        error = abi.Error()
        status = self._cdll.flightrec_session_deliver(self._handle, consumer, None, error)
        if status in (Status.OK, Status.REFUSED, Status.UNKNOWN):
            return None
        return error_for("flightrec_session_deliver", status, error)

    def flush(self, timeout: float | None) -> None:
        """End the active generation, and return when the consumer is done with it.

        :param timeout: in seconds.
        :raises TimeoutError: it takes longer.
        :raises FlightRecorderError: the session has ended.
        """
        self._wait(
            "flightrec_session_flush", abi.Flush(), timeout=timeout, verb="end the generation"
        )

    def hold(self) -> NativeHold:
        """Take hold of the generations in the window."""
        capacity = _MANY
        while True:
            hold = NativeHold(self._cdll, capacity)
            count = ctypes.c_size_t()
            arguments = hold.references, capacity, count
            if self._call("flightrec_session_hold", *arguments, but=Status.SHORT) == Status.OK:
                hold.count = count.value
                return hold
            capacity = count.value + _MANY

    def hold_one(self, number: int) -> NativeHold | None:
        """Take hold of one generation; None if it has left the window, or the session is closed."""
        try:
            return self.hold().hold_one(number)
        except NotEnabledError:
            return None

    def feed(self, chunk: bytes) -> None:
        """Hand a chunk to a replay, as the trace reader would.

        :raises TraceFormatError: this chunk or one before it was refused.
        """
        self._call("flightrec_session_feed", chunk, len(chunk))

    def statistics(self) -> abi.SessionStatistics:
        """Return the bridge's counters."""
        out = abi.SessionStatistics()
        self._call("flightrec_session_stats", out)
        return out

    def stop(self, timeout: float | None = None) -> None:
        """End the session and wait until nothing more comes; its window stays until it is closed.

        :raises TimeoutError: it takes longer than ``timeout`` seconds; it goes on ending.
        """
        self._wait("flightrec_session_stop", timeout=timeout, verb="stop the trace")

    def _wait(self, name: str, *arguments: Any, timeout: float | None, verb: str) -> None:
        """Call a function that takes a number of ns to wait, until it is done or time is up."""
        until = None if timeout is None else time.monotonic_ns() + max(0, int(timeout * 1e9))
        on_main = threading.current_thread() is threading.main_thread()
        while True:
            left = -1 if until is None else max(0, until - time.monotonic_ns())
            # Between two short waits Python runs signal handlers, on the main thread.
            shortly = _LOOK_UP_NS if on_main and not 0 <= left < _LOOK_UP_NS else left
            if self._call(name, *arguments, shortly, but=Status.TIMEOUT) == Status.OK:
                return
            if shortly == left:
                raise TimeoutError(
                    f"the Go runtime did not {verb} within {round(timeout or 0, 3)} s"
                )

    def close(self) -> None:
        """End the session and empty its window, without waiting. May be called again."""
        _close(self._cdll, self._handle)


def _close(cdll: ctypes.CDLL, handle: ctypes.c_uint64) -> None:
    if handle and not is_forked():
        cdll.flightrec_session_close(handle, None)
