"""One recording: a session of the bridge, the thread that takes its deliveries, and the policy."""

from __future__ import annotations

import atexit
import contextlib
import threading
import weakref
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flightrec import abi
from flightrec.abi import Option, SessionStatistics
from flightrec.errors import FlightRecorderError, NotEnabledError
from flightrec.generation import Hold
from flightrec.library import is_forked
from flightrec.native_storage import NativeStorage
from flightrec.python_storage import PythonStorage
from flightrec.ring import Retention
from flightrec.runtime import GoRuntime
from flightrec.seconds import deadline, left
from flightrec.session import Session
from flightrec.signals import takes_no_signals

__all__ = ["Pacing", "Recording", "RecordingOptions", "StorageName"]

StorageName = Literal["native", "python"]
Pacing = Literal["size", "runtime"]

#: The smallest ceiling is that of a window of this size: smaller generations would be ended so
#: often that the Go program became slower.
_SMALLEST_BYTES = 4 << 20

#: What ends the session.
_REFUSAL = -(1 << 63)

#: How long the end of the interpreter waits for a recording to stop, in seconds.
_EXIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOptions:
    """What a recording is committed to when it starts."""

    retention: Retention
    storage: StorageName = "native"
    pacing: Pacing = "size"
    strict: bool = False
    experiments: tuple[str, ...] = ()
    replay: bool = False
    #: The window's size as far as the size of generations depends on it, in bytes; None: the same.
    pace_bytes: int | None = None

    @property
    def pace(self) -> int:
        """The window's size to which the size of generations is suited; 0: the runtime decides."""
        if self.pacing == "runtime":
            return 0
        size = self.retention.max_bytes
        return size if self.pace_bytes is None else min(size, self.pace_bytes)

    @property
    def ceiling(self) -> int:
        """The most that ring and active generation may have together, in bytes; 0 for none."""
        if self.pacing == "runtime":
            return 0
        return max(self.retention.max_bytes, _SMALLEST_BYTES) * 5 // 4


class Storage(Protocol):
    """Where the complete generations of a recording are kept."""

    def keep(self, shown: Any, oldest: int, elsewhere: Any, /) -> int:
        """Take a delivery of the bridge's generations; return what the bridge may evict."""

    def hold(self) -> Hold:
        """Take hold of the window."""

    def account(self, statistics: SessionStatistics, /) -> None:
        """Add to the bridge's counters what it does not know of the ring."""


class Recording:
    """A recording that runs from :meth:`open` to :meth:`close`.

    The delivery thread is a Python thread that waits in C; each delivery calls :meth:`_consume` on
    it. Any thread may call the public methods, but flush and stop not the delivery thread itself.
    """

    #: What a stop that takes too long has waited for, as the beginning of a sentence.
    _awaited = "the retention policy did not return"

    def __init__(self, runtime: GoRuntime, options: RecordingOptions) -> None:
        self.runtime = runtime
        self.options = options
        self.started = False
        self.session = Session(runtime._library)
        self._storage = self._make_storage()
        self._failure: BaseException | None = None
        # ctypes frees a callback with its last reference, and the bridge still has it.
        self._consumer = abi.CONSUMER(self._consume)
        self._thread = threading.Thread(
            target=self._deliver, name="flightrec-delivery", daemon=True
        )

    def _make_storage(self) -> Storage:
        if self.options.storage == "python":
            return PythonStorage(self.options.retention, self.options.ceiling)
        return NativeStorage(self.session, self.options.retention)

    def open(self) -> None:
        """Begin to record. After an exception, :meth:`close` gives back whatever was begun."""
        options = self.options
        flags = Option(0)
        if options.replay:
            flags |= Option.REPLAY
        if options.strict:
            flags |= Option.STRICT
        if "allocfree" in options.experiments:
            flags |= Option.ALLOCFREE
        _running.add(self)
        self.session.open(
            max_bytes=options.pace,
            ceiling=options.ceiling,
            flags=flags,
        )
        self._thread.start()
        self.started = True
        self._count()

    def _count(self) -> None:
        self.runtime._annotations.recordings = sum(each.started for each in list(_running))

    # ---- the delivery thread

    @takes_no_signals
    def _deliver(self) -> None:
        ended = self.session.deliver(self._consumer)
        if self._failure is None:
            self._failure = ended

    def _consume(
        self, _context: int | None, shown: Any, count: int, oldest: int, elsewhere: Any
    ) -> int:
        # What leaves a ctypes callback as an exception is printed and lost: it is kept here and
        # ends the recording.
        try:
            return self._storage.keep([shown[i].contents for i in range(count)], oldest, elsewhere)
        except BaseException as exc:
            if self._failure is None:
                self._failure = exc
            return _REFUSAL

    # ---- other threads

    @property
    def failure(self) -> BaseException | None:
        """The first error, once the recording has ended for it."""
        return self._failure

    def flush(self, timeout: float | None = None) -> None:
        """End the active generation, and return when it is in the window.

        :raises TimeoutError: it takes longer than ``timeout`` seconds.
        :raises FlightRecorderError: the recording has ended; its first error.
        """
        self._not_on_delivery("flush")
        deadline(timeout)  # checks it
        try:
            self.session.flush(timeout)
        except FlightRecorderError as exc:
            if self._failure is not None:
                raise self._failure from None
            if not isinstance(exc, NotEnabledError):
                self._failure = exc
            raise

    def hold(self) -> Hold:
        """Take hold of the window as it is. Does not enter Go."""
        return self._storage.hold()

    def statistics(self) -> SessionStatistics:
        """Return the counters of the bridge and of the ring."""
        statistics = self.session.statistics()
        self._storage.account(statistics)
        return statistics

    def stop(self, timeout: float | None = None) -> None:
        """Stop, and wait until all that was written is in the window. May be called again.

        :raises TimeoutError: it takes longer than ``timeout`` seconds; it goes on stopping.
        """
        self._not_on_delivery("stop")
        until = deadline(timeout)
        self.session.stop(timeout)
        self._thread.join(left(until))
        if self._thread.is_alive():
            raise self.took_too_long(timeout)

    def took_too_long(self, timeout: float | None) -> TimeoutError:
        """Return the error of a wait for the delivery thread."""
        return TimeoutError(f"{self._awaited} within {round(timeout or 0, 3)} s")

    def _not_on_delivery(self, verb: str) -> None:
        if threading.current_thread() is self._thread:
            raise FlightRecorderError(
                f"cannot {verb} on the delivery thread: it would wait for itself. Use another "
                "thread."
            )

    def close(self) -> None:
        """End the recording, without waiting, and free what no snapshot holds. May be repeated."""
        self.started = False
        self.session.close()
        self._count()
        _running.discard(self)


_running: weakref.WeakSet[Recording] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Stop what still records when the interpreter ends."""
    if is_forked():
        return
    for recording in list(_running):
        with contextlib.suppress(Exception):
            recording.stop(_EXIT_SECONDS)
        with contextlib.suppress(Exception):
            recording.close()
