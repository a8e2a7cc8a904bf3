"""A stream: the full trace from one moment to another, written while it happens."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from flightrec import wire
from flightrec.arguments import size_of
from flightrec.errors import NotEnabledError
from flightrec.generation import NativeHold
from flightrec.library import is_forked
from flightrec.native_storage import NativeStorage
from flightrec.recording import Recording, RecordingOptions
from flightrec.ring import Retention, retain
from flightrec.runtime import GoRuntime
from flightrec.session import Session
from flightrec.signals import takes_no_signals
from flightrec.sinks import Sink

__all__ = ["StreamStats", "TraceStream", "buffered"]


def buffered(buffer_bytes: int, experiments: tuple[str, ...]) -> RecordingOptions:
    """Return the options of a recording that keeps what its consumer has yet to take.

    :raises ValueError: the size is not positive, or more than 2**60.
    :raises TypeError: it is not a whole number.
    """
    return RecordingOptions(
        retention=Retention(
            policy=retain, max_bytes=size_of("buffer_bytes", buffer_bytes), min_age_ns=0
        ),
        experiments=experiments,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStats:
    """What a stream has done. Sizes are in bytes."""

    active: bool = False  #: it was not stopped, and has not ended for an error
    written_bytes: int = 0  #: of whole generations, without the headers
    written_generations: int = 0
    missed_generations: int = 0  #: dropped because the file took them too slowly
    buffered_bytes: int = 0  #: what waits to be written, and the active generation


class _Writer(NativeStorage):
    """Writes each generation, and keeps none; all on the delivery thread."""

    def __init__(self, session: Session, sink: Sink) -> None:
        self._session = session
        self._sink = sink
        self._newest: int | None = None
        self._missed = 0  # when the last generation was written
        self.writing = False
        self.written_bytes = 0
        self.written_generations = 0

    def keep(self, shown: Any, _oldest: int, _elsewhere: Any) -> int:
        for each in shown:
            missed = 0
            if self._newest is not None and not wire.follows(self._newest, each.number):
                missed = self._session.statistics().dropped_generations - self._missed
                self._missed += missed
                missed = max(missed, 1)
            # A file object may keep the views longer than this call lasts.
            pieces = NativeHold.of(self._session.library.cdll, each).buffers
            self.writing = True
            self._sink.write(pieces, each, missed=missed)
            self.writing = False
            self._newest = each.number
            self.written_bytes += each.bytes
            self.written_generations += 1
        return self._newest or 0


class _StreamRecording(Recording):
    """A recording whose generations are written; the sink is completed when nothing more comes."""

    _awaited = "the file did not take all of the trace"

    #: Its start has failed: nothing of it is to stay.
    abandoned = False

    def __init__(self, runtime: GoRuntime, options: RecordingOptions, sink: Sink) -> None:
        self._sink = sink
        super().__init__(runtime, options)

    def _make_storage(self) -> _Writer:
        self.writer = _Writer(self.session, self._sink)
        return self.writer

    @takes_no_signals
    def _deliver(self) -> None:
        super()._deliver()
        try:
            if self.abandoned:
                self._sink.discard()
            else:
                self._sink.finish(complete=self._failure is None)
        except BaseException as exc:
            self._failure = self._failure or exc

    def flush(self, timeout: float | None = None) -> None:
        with self._naming_the_cause(timeout):
            super().flush(timeout)

    def stop(self, timeout: float | None = None) -> None:
        with self._naming_the_cause(timeout):
            super().stop(timeout)

    @contextlib.contextmanager
    def _naming_the_cause(self, timeout: float | None) -> Iterator[None]:
        """Where the file is slow, do not say that the Go runtime is."""
        try:
            yield
        except TimeoutError:
            if self.writer.writing:
                raise self.took_too_long(timeout) from None
            raise

    def abandon(self) -> None:
        """Undo an :meth:`open` that has failed, wherever it did."""
        self.abandoned = True
        self.close()
        if self._thread.ident is None:  # it was never started
            self._sink.discard()


class TraceStream:
    """A running stream of the full trace, from :meth:`flightrec.Tracer.start`.

    All methods may be called from any thread. As a context manager it stops at the end.
    """

    def __init__(self, runtime: GoRuntime, options: RecordingOptions, sink: Sink) -> None:
        self._runtime = runtime
        self._sink = sink
        self._lifecycle = threading.Lock()
        self._stopped: StreamStats | None = None
        self._recording = _StreamRecording(runtime, options, sink)

    def _begin(self) -> None:
        """Begin to write; after an exception at any place, :meth:`_abandon` it."""
        self._recording.open()

    def _abandon(self) -> None:
        """Undo a :meth:`_begin` that has failed."""
        self._recording.abandon()

    @property
    def runtime(self) -> GoRuntime:
        """The Go runtime that it traces."""
        return self._runtime

    @property
    def active(self) -> bool:
        """Whether it was not stopped and has not ended for an error. In a forked child: False."""
        return self._recording.started and self._recording.failure is None and not is_forked()

    @property
    def failure(self) -> BaseException | None:
        """Why it has ended by itself: what writing raised, or the trace's first error."""
        return self._recording.failure

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are complete, oldest first; empty for a pipe or a file object."""
        return self._sink.files

    @property
    def partial(self) -> Path | None:
        """The file that is being written, or that an error has left; None if there is none."""
        return self._sink.partial

    def flush(self, *, timeout: float | None = None) -> None:
        """Return when all that has happened until now is written. The stream goes on.

        :param timeout: how many seconds it may take.
        :raises NotEnabledError: it was stopped.
        :raises TimeoutError: it takes longer.
        :raises Exception: the stream has ended for this error; see :attr:`failure`.
        """
        self._check()
        self._recording.flush(timeout)

    def stop(self, *, timeout: float | None = None) -> None:
        """End the stream with what has happened until now, and return when all of it is written.

        :param timeout: how many seconds that may take.
        :raises NotEnabledError: it was stopped.
        :raises TimeoutError: it takes longer; it goes on, and stop may be called again.
        :raises Exception: what writing raised, or the trace's first error. The stream is stopped
            all the same. What was written until then is whole; a path's file then stays
            ``NAME.partial``.
        """
        self._check()
        self._recording.stop(timeout)  # several callers may wait, each as long as it likes
        with self._lifecycle:
            self._check()
            self._stopped = self._stats(active=False)
            self._recording.close()
            if self._recording.failure is not None:
                raise self._recording.failure

    def stats(self) -> StreamStats:
        """Return what it has done; after a stop, as it was then. Does not enter Go.

        In a forked child it is empty, unless the stream was stopped before the fork.
        """
        if self._stopped is not None:
            return self._stopped
        if is_forked():  # another thread may have held the bridge's locks
            return StreamStats()
        try:
            return self._stats(active=self.active)
        except NotEnabledError:
            return self._stopped or StreamStats()

    def _stats(self, *, active: bool) -> StreamStats:
        bridge = self._recording.statistics()
        writer = self._recording.writer
        return StreamStats(
            active=active,
            written_bytes=writer.written_bytes,
            written_generations=writer.written_generations,
            missed_generations=bridge.dropped_generations,
            buffered_bytes=bridge.window_bytes,
        )

    def _check(self) -> None:
        self._runtime._library.check_fork()
        if not self._recording.started:
            self._recording.close()  # again: the stop may have been interrupted in it
            raise NotEnabledError("this stream was stopped")

    def __enter__(self) -> TraceStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._recording.started or is_forked():
            return
        try:
            self.stop()
        except Exception:
            if exc is None:  # what happened inside matters more
                raise

    def __repr__(self) -> str:
        return f"<TraceStream {'active' if self.active else 'ended'}>"
