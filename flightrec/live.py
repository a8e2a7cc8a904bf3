"""The events of a running trace, decoded while it goes on."""

from __future__ import annotations

import collections
import contextlib
import threading
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

from flightrec import wire
from flightrec.errors import NotEnabledError
from flightrec.generation import NativeHold
from flightrec.library import is_forked
from flightrec.native_storage import NativeStorage
from flightrec.recording import Recording, RecordingOptions
from flightrec.ring import Retention
from flightrec.runtime import GoRuntime
from flightrec.seconds import deadline, left
from flightrec.session import Session
from flightrec.trace.continued import ContinuedReader
from flightrec.trace.events import Event

__all__ = ["LiveEvents"]


class _Waiting(NamedTuple):
    number: int
    header: bytes
    nbytes: int
    hold: NativeHold


class _Queue(NativeStorage):
    """Generations that were not read yet; the oldest go where they are too much."""

    def __init__(self, session: Session, retention: Retention) -> None:
        super().__init__(session, retention)
        self._limit = retention.max_bytes
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self.over = False
        self.skipped = 0
        self._dropped = False

    def keep(self, shown: Any, _oldest: int, elsewhere: Any) -> int:
        number = 0
        with self._changed:
            for each in shown:
                number = each.number
                if self._dropped:
                    continue
                hold = NativeHold.of(self._session.library.cdll, each)
                self._waiting.append(_Waiting(number, bytes(each.header), each.bytes, hold))
                self._bytes += each.bytes
            while self._bytes > self._limit and len(self._waiting) > 1:
                self._bytes -= self._waiting.popleft().nbytes
                self.skipped += 1
            elsewhere[0] = self._bytes
            self._changed.notify_all()
        return number

    def end(self) -> None:
        with self._changed:
            self.over = True
            self._changed.notify_all()

    def drop(self) -> None:
        """Keep nothing, now and later: nobody reads any more."""
        self.end()
        with self._changed:
            self._dropped = True
            self._waiting.clear()
            self._bytes = 0

    def take(self) -> _Waiting | None:
        """Return the next generation; None if there is none yet."""
        with self._changed:
            if not self._waiting:
                return None
            first = self._waiting.popleft()
            self._bytes -= first.nbytes
        return first

    def wait(self, until: float | None) -> bool:
        """Wait until there is a generation, or nothing more comes; return False if time is up.

        :param until: on the monotonic clock; None: as long as it takes.
        """
        with self._changed:
            while not self._waiting and not self.over:
                if left(until) == 0:
                    return False
                self._changed.wait(left(until))
        return True

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.over and not self._waiting


class _LiveRecording(Recording):
    """A recording whose generations wait in a queue."""

    def _make_storage(self) -> _Queue:
        self.queue = _Queue(self.session, self.options.retention)
        return self.queue

    def _deliver(self) -> None:
        super()._deliver()
        self.queue.end()


class LiveEvents(Iterator[Event]):
    """The events from :meth:`flightrec.FlightRecorder.events`: an iterator and a context manager.

    Safe to use from any thread; if several iterate over it, each event goes to one of them. In a
    forked child all raise ForkedProcessError.
    """

    def __init__(
        self, runtime: GoRuntime, options: RecordingOptions, timeout: float | None
    ) -> None:
        self._timeout = timeout
        self._recording = recording = _LiveRecording(runtime, options)
        self._skipped = 0
        self._read: int | None = None
        # Whoever drops it in the middle of a loop is done with it.
        weakref.finalize(self, _drop, recording).atexit = False
        recording.open()
        # One thread decodes at a time. A signal handler on that thread may close it.
        self._decoding = threading.RLock()
        self._reader = ContinuedReader()
        self._batches: Iterator[list[Event]] = iter(())  # of a generation
        self._batch: Iterator[Event] = iter(())

    def _decode(self, waiting: _Waiting) -> Iterator[list[Event]]:
        follows = self._read is not None and wire.follows(self._read, waiting.number)
        self._read = None  # until all of it was read: not if an exception comes
        data = b"".join([waiting.header, *waiting.hold.buffers])
        yield from self._reader.events(data, follows=follows)
        self._read = waiting.number

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        event = next(self._batch, None)  # an iterator of a list: threads may share it
        if event is None:
            self._check_fork()
            until = deadline(self._timeout)
            while (event := self._next_decoded()) is None:
                self._await(until)
        return event

    def _next_decoded(self) -> Event | None:
        """Return the next event of the generations that are there; None if all were read."""
        with self._decoding:
            while (event := next(self._batch, None)) is None:
                if (batch := next(self._batches, None)) is not None:
                    self._batch = iter(batch)
                elif (waiting := self._recording.queue.take()) is not None:
                    self._batches = self._decode(waiting)
                else:
                    break
        return event

    def _await(self, until: float | None) -> None:
        """Wait for a generation, up to a time of the monotonic clock."""
        queue = self._recording.queue
        if not queue.wait(until):
            raise TimeoutError(f"no generation was complete within {self._timeout} s")
        if queue.ended:
            if self._recording.failure is not None:
                raise self._recording.failure
            raise StopIteration

    @property
    def skipped_generations(self) -> int:
        """How many generations were skipped because they were not read in time.

        In a forked child: up to when it was last asked for, before the fork.
        """
        if not is_forked():  # there another thread may have held the bridge's locks
            with contextlib.suppress(NotEnabledError):  # it was noted at the end
                self._skipped = self._recording.statistics().dropped_generations
        return self._skipped + self._recording.queue.skipped

    def end(self, *, timeout: float | None = None) -> None:
        """Have the loop end after what has happened until now.

        :raises TimeoutError: the Go runtime takes longer than ``timeout`` seconds to end the
            generation.
        """
        self._check_fork()
        try:
            self._recording.stop(timeout)
            self._skipped = self._recording.statistics().dropped_generations
        except NotEnabledError:
            return
        self._recording.close()

    def close(self) -> None:
        """End it at once; what was not read yet is dropped. May be called again."""
        self._check_fork()
        self._recording.queue.drop()
        self.end()
        with self._decoding:
            self._batches, self._batch = iter(()), iter(())

    def __enter__(self) -> LiveEvents:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not is_forked():
            self.close()

    def _check_fork(self) -> None:
        self._recording.runtime._library.check_fork()


def _drop(recording: _LiveRecording) -> None:
    recording.close()
    recording.queue.drop()
