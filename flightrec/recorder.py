"""The flight recorder: what users start, stop and take snapshots of."""

from __future__ import annotations

import os
import threading
import time
import weakref
from dataclasses import dataclass, fields
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, get_args

from flightrec.abi import SessionStatistics
from flightrec.arguments import choices, experiments_of, size_of
from flightrec.errors import (
    AlreadyEnabledError,
    EmptySnapshotError,
    NotEnabledError,
    SnapshotActiveError,
)
from flightrec.library import is_forked
from flightrec.output import BinaryWriter
from flightrec.recording import Pacing, Recording, RecordingOptions, StorageName
from flightrec.ring import Retention, RetentionPolicy, newest, retain
from flightrec.runtime import GoRuntime, runtime_of
from flightrec.seconds import check_seconds, deadline, left
from flightrec.snapshot import Snapshot
from flightrec.steering import Steering
from flightrec.stream import TraceStream, buffered
from flightrec.tracer import DEFAULT_BUFFER_BYTES, Tracer

if TYPE_CHECKING:
    from flightrec.live import LiveEvents
    from flightrec.rules.engine import RuleEngine

__all__ = ["DEFAULT_MAX_BYTES", "DEFAULT_MIN_AGE", "FlightRecorder", "RecorderStats"]

DEFAULT_MIN_AGE = 10.0
DEFAULT_MAX_BYTES = 10 << 20

#: How often a stop looks whether a write in progress has ended.
_LOOK_SECONDS = 0.005

#: How often a snapshot is tried before it is said that there is nothing.
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStats:
    """A recorder's counters since it was started. Sizes are in bytes.

    ``total_bytes`` to ``overhead_bytes`` are the tracer's, which all recorders of a runtime share:
    since the first of those that run was started.
    """

    enabled: bool = False
    generations: int = 0  #: complete ones in the ring
    window_bytes: int = 0  #: ring and active generation together
    peak_window_bytes: int = 0  #: the maximum of that
    ceiling_bytes: int = 0  #: the limit of the window; 0 for none
    over_ceiling_generations: int = 0  #: completed while the window exceeded its ceiling
    ring_bytes: int = 0  #: of the complete generations
    queued_bytes: int = 0  #: of those that Python has not received yet
    active_bytes: int = 0  #: of the active generation, received so far
    oldest_ns: int | None = None  #: time of the oldest batch in the ring, ns on the trace clock
    age_ns: int = 0  #: how far the ring reaches back, in ns; 0 if it is empty
    total_bytes: int = 0  #: written by the tracer
    total_batches: int = 0
    total_generations: int = 0  #: completed
    early_advances: int = 0  #: generations ended early because of their size
    advance_bytes: int = 0  #: the size at which that happens now; 0 for never
    overhead_bytes: int = 0  #: what a generation still grows by: goroutines, stacks, strings
    dropped_generations: int = 0  #: evicted before Python received them, or too large (strict)
    deliveries: int = 0  #: calls from the bridge into Python
    native_bytes: int = 0  #: the bridge's memory, including snapshots and idle blocks

    @property
    def over_ceiling_bytes(self) -> int:
        """By how much the window exceeded its ceiling at most, to keep one generation."""
        return max(self.peak_window_bytes - self.ceiling_bytes, 0) if self.ceiling_bytes else 0


#: What the bridge counts under the same names.
_COUNTED = {each.name for each in fields(RecorderStats)} & {
    field[0] for field in SessionStatistics._fields_
}


class FlightRecorder(Steering):
    """Keeps the last seconds of a Go runtime's execution trace in memory.

    It works like Go's ``runtime/trace.FlightRecorder``, with these differences: the window has a
    ceiling, every error has a type, batches of experiments are kept, and several recorders can
    record one runtime. They share its tracer and the generations that it writes.

    All methods may be called from any thread. As a context manager it starts and stops. Waits end
    at their timeout and at Ctrl-C. A signal handler may take a :meth:`snapshot`; starting, stopping
    and :meth:`write_to` are not for signal handlers, which may have interrupted one of them.

    :param runtime: from :func:`flightrec.load`; by default what that returns.
    :param min_age: how far the window reaches back at least, in seconds, if ``max_bytes`` allows.
    :param max_bytes: the size of the window. Ring and active generation together stay below 1.25
        times this, or 5 MiB if that is more. The newest complete generation always stays: if it
        does not fit, as with very many goroutines, the window exceeds its ceiling, and
        :meth:`stats` says by how much.
    :param strict: never exceed that ceiling: a generation that does not fit is dropped and
        counted in :meth:`stats`; a snapshot may then find nothing.
    :param experiments: ``("allocfree",)`` records the runtime's AllocFree experiment as well
        (every allocation and free; Go 1.23 and later). While :meth:`start` runs, GODEBUG is changed
        in the process's environment to switch it on.
    :param policy: which generations to keep; :func:`flightrec.ring.retain` by default. It is
        called on the delivery thread with each complete generation.
    :param pacing: ``"size"`` ends generations early, so that the window has several; ``"runtime"``
        leaves that to the Go runtime, which does it about once a second. Then there is no ceiling:
        with the default policy the window is that of Go's own flight recorder.
    :param storage: where the ring is kept: ``"native"`` in the bridge's memory; ``"python"`` as
        Python bytes, parsed in Python, which is slower and holds the GIL for each batch. It is for
        studying or changing a flight recorder. It keeps less of the window, and may exceed the
        ceiling while Python is busy, because evicting from the ring needs the GIL.
    :raises ValueError: an age or a size out of range, or an unknown experiment, pacing or storage.
    :raises TypeError: an argument of another type.
    """

    def __init__(
        self,
        runtime: GoRuntime | None = None,
        *,
        min_age: float = DEFAULT_MIN_AGE,
        max_bytes: int = DEFAULT_MAX_BYTES,
        strict: bool = False,
        experiments: tuple[str, ...] = (),
        policy: RetentionPolicy = retain,
        pacing: Pacing = "size",
        storage: StorageName = "native",
    ) -> None:
        if not callable(policy):
            raise TypeError(f"policy must be a function, not {policy!r}")
        choices("pacing", (pacing,), get_args(Pacing))
        choices("storage", (storage,), get_args(StorageName))
        self._policy = policy
        self._options = partial(
            RecordingOptions,
            storage=storage,
            pacing=pacing,
            strict=bool(strict),
            experiments=experiments_of(experiments),
        )
        self.set_period(min_age)
        self.set_size(max_bytes)
        self._runtime = runtime_of(runtime)
        self._lifecycle = threading.Lock()  # start and stop
        self._writing = threading.Lock()  # write_to; stop waits for it
        self._written = 0  # how many write_to have ended
        self._recording: Recording | None = None
        self._live: weakref.WeakSet[LiveEvents] = weakref.WeakSet()
        self._rules: RuleEngine | None = None  # flightrec.rules.attach sets it
        self._last_stats = RecorderStats()

    @property
    def runtime(self) -> GoRuntime:
        """The Go runtime that it records."""
        return self._runtime

    @property
    def enabled(self) -> bool:
        """Whether it was started and not stopped. False in a forked child."""
        recording = self._recording
        return recording is not None and recording.started and not is_forked()

    @property
    def failure(self) -> BaseException | None:
        """The error that has ended the recording; :meth:`stop` will raise it. None without one."""
        recording = self._recording
        return None if recording is None else recording.failure

    @property
    def min_age(self) -> float:
        """The age of the window in seconds; changes take effect at the next start."""
        return self._min_age

    @property
    def max_bytes(self) -> int:
        """The size of the window in bytes; changes take effect at the next start."""
        return self._max_bytes

    def set_period(self, seconds: float) -> None:
        """Set the age of the window, for the next :meth:`start`.

        :raises ValueError: it is not positive, not finite, or more than 285 years.
        :raises TypeError: it is not a number.
        """
        self._min_age = check_seconds("min_age", seconds)

    def set_size(self, nbytes: int) -> None:
        """Set the size of the window, for the next :meth:`start`.

        :raises ValueError: it is not positive, or more than 2**60.
        :raises TypeError: it is not a whole number.
        """
        self._max_bytes = size_of("max_bytes", nbytes)

    def start(self) -> None:
        """Start recording.

        :raises AlreadyEnabledError: it is already started.
        :raises TracingConflictError: someone else traces the runtime of a library that was built
            without the overlay ``program-trace``. Nothing is left started.
        :raises BridgeError: this Go has no such experiment, or the runtime is traced without it
            already.
        :raises ForkedProcessError: the library was loaded before a fork.
        """
        self._runtime._library.check_fork()
        with self._lifecycle:
            if self._recording is not None:
                if self._recording.started:
                    raise AlreadyEnabledError("this flight recorder is started already")
                self._recording.close()  # what a start has left that an exception interrupted
            recording = Recording(
                self._runtime,
                self._options(
                    retention=Retention(
                        policy=self._policy,
                        max_bytes=self._max_bytes,
                        min_age_ns=int(self._min_age * 1e9),
                    )
                ),
            )
            try:
                self._recording = recording
                recording.open()
            except BaseException:
                recording.close()
                self._recording = None
                raise

    def stop(self, *, timeout: float | None = None) -> None:
        """Stop recording and empty the window; snapshots stay. Waits for a write in progress.

        What rules have fired for is saved before, without waiting for tails: for ten seconds at
        most, or ``timeout``.

        :param timeout: how many seconds that, and the Go runtime, may take.
        :raises NotEnabledError: it is not started.
        :raises TimeoutError: it takes longer; stop may be called again.
        :raises FlightRecorderError: the first error, if the recording ended for one; it is stopped
            all the same.
        """
        recording = self._started()
        until = deadline(timeout)
        if self._rules is not None:
            self._rules.settle(timeout)
        self._await_write(until)
        recording.stop(left(until))  # several callers may wait, each as long as it likes
        with self._lifecycle:
            if self._recording is not recording:  # another one has stopped it meanwhile
                raise NotEnabledError("this flight recorder is not started")
            for events in list(self._live):
                events.end(timeout=left(until))
            self._last_stats = self._stats_of(recording, enabled=False)
            recording.close()
            self._recording = None
        if recording.failure is not None:
            raise recording.failure

    def _await_write(self, until: float | None) -> None:
        """Wait for a write_to in progress, but for no later one.

        By looking again and again: a lock that is waited for with a timeout could be taken and not
        be given back, if Ctrl-C comes just then.
        """
        written = self._written
        while self._writing.locked() and self._written == written:
            if left(until) == 0:
                raise TimeoutError(
                    "a write_to of this flight recorder is in progress; it is still recording"
                )
            time.sleep(_LOOK_SECONDS)

    def _started(self) -> Recording:
        self._runtime._library.check_fork()
        recording = self._recording
        if recording is None or not recording.started:
            raise NotEnabledError("this flight recorder is not started")
        return recording

    def __enter__(self) -> FlightRecorder:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.enabled:
            return
        try:
            self.stop()
        except Exception:
            if exc is None:  # what happened inside matters more
                raise

    def write_to(
        self,
        file: str | os.PathLike[str] | BinaryWriter,
        *,
        last: float | None = None,
        flush: bool = True,
        timeout: float | None = None,
    ) -> int:
        """Write the window as a trace, up to now, to a path or a binary file object.

        A path gets the whole trace, or stays as it was. Recording goes on.

        :param last: only the newest generations that reach back this many seconds.
        :param flush: False leaves out what the runtime still has in its buffers, up to a second. It
            needs nothing from the runtime, so it works while that is stuck.
        :param timeout: how many seconds the flush may take.
        :returns: the bytes written.
        :raises NotEnabledError: it is not started.
        :raises SnapshotActiveError: another ``write_to`` is in progress; use its result.
        :raises TimeoutError: the flush takes too long.
        :raises OSError: it cannot be written; of a path nothing is left behind.
        :raises EmptySnapshotError: there is nothing to write yet; a path stays as it was.
        :raises FlightRecorderError: the error that ended the recording.
        """
        recording = self._started()
        if self._writing.locked():
            raise SnapshotActiveError(
                "a write_to of this flight recorder is in progress; use its result, or snapshot()"
            )
        # Between the look and this another thread may have begun: then this call came after it.
        with self._writing:
            try:
                snapshot = self._take(recording, last, flush, timeout)
                # Not returned from in here: an exception between the call and the return would not
                # pass through the with statement.
                written = snapshot.write_to(file)
            finally:
                self._written += 1
        return written

    def snapshot(
        self, *, last: float | None = None, flush: bool = True, timeout: float | None = None
    ) -> Snapshot:
        """Return the window, up to now. Recording goes on.

        Callers at the same time share a flush, and all snapshots share the window's memory.

        The parameters and errors are :meth:`write_to`'s; it never raises SnapshotActiveError. With
        ``flush=False`` it waits neither for a lock nor for the Go runtime.
        """
        return self._take(self._started(), last, flush, timeout)

    async def snapshot_async(
        self, *, last: float | None = None, flush: bool = True, timeout: float | None = None
    ) -> Snapshot:
        """Take a :meth:`snapshot` while the event loop of ``asyncio`` goes on.

        The parameters and errors are the same. Cancelling it releases the snapshot.
        """
        from flightrec import aio  # asyncio takes its time to import

        return await aio.snapshot(self, last=last, flush=flush, timeout=timeout)

    def stream_to(
        self,
        file: str | os.PathLike[str] | BinaryWriter,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        buffer_bytes: int = DEFAULT_BUFFER_BYTES,
    ) -> TraceStream:
        """Write the full trace of what happens from now on, until the stream is stopped.

        The stream is independent of this recorder, and goes on when that is stopped. See
        :meth:`flightrec.Tracer.start` for the parameters and errors.

        :raises NotEnabledError: it is not started.
        """
        experiments = self._started().options.experiments
        tracer = Tracer(self._runtime, experiments=experiments, buffer_bytes=buffer_bytes)
        return tracer.start(file, rotate_bytes=rotate_bytes, rotate_seconds=rotate_seconds)

    def events(
        self, *, buffer_bytes: int = DEFAULT_BUFFER_BYTES, timeout: float | None = None
    ) -> LiveEvents:
        """Return the events of what happens from now on, to be iterated over while it happens.

        They are what :func:`flightrec.trace.read` gives, a generation at a time: about once a
        second, or sooner where generations end early. The loop ends when this recorder is stopped.
        Decoding is slower than tracing a busy program: what does not fit is skipped, in whole
        generations, the oldest first, and counted (``skipped_generations``). After a gap
        the first event is a Sync, and goroutines are introduced anew.

        :param buffer_bytes: how many bytes of generations may wait to be read.
        :param timeout: how many seconds to wait for the next generation: an iterator that waits
            longer raises TimeoutError, and may be used again.
        :raises NotEnabledError: it is not started.
        """
        from flightrec.live import LiveEvents  # the reader, which few want

        options = buffered(buffer_bytes, self._started().options.experiments)
        deadline(timeout)  # checks it
        events = LiveEvents(self._runtime, options, timeout)
        with self._lifecycle:
            ended = not self.enabled
            self._live.add(events)
        if ended:  # meanwhile
            events.close()
            self._started()
        return events

    def _take(
        self, recording: Recording, last: float | None, flush: bool, timeout: float | None
    ) -> Snapshot:
        deadline(timeout)  # checks it
        if last is not None:
            check_seconds("last", last, zero=True)
        if flush:
            self._runtime._annotations.announce_threads()
        for _ in range(_ATTEMPTS if flush else 1):
            if flush:
                recording.flush(timeout)
            hold, now_ns = recording.hold(), self._runtime.now_ns()
            # There may be nothing with strict=True: the generation that the flush ended had
            # outgrown the ceiling. The next one may be smaller.
            if hold.generations:
                break
        else:
            raise EmptySnapshotError(
                "there is nothing to snapshot: each generation of the trace by itself outgrows the "
                f"window's ceiling of {recording.options.ceiling} bytes (many goroutines announce "
                "themselves in every one). Use a larger max_bytes, or strict=False."
                if flush
                else "there is nothing to snapshot: no generation of the trace is complete yet. "
                "Leave out flush=False, or wait for a second."
            )
        if last is not None:
            kept = newest(tuple(hold.generations), since_ns=now_ns - int(last * 1e9))
            hold = hold.newest(len(kept))
        return Snapshot(hold, taken_ns=now_ns)

    def stats(self) -> RecorderStats:
        """Return the recorder's counters; after a stop, the last ones.

        Does not enter Go.
        """
        recording = self._recording
        if recording is None or not recording.started or is_forked():
            return self._last_stats
        try:
            return self._stats_of(recording, enabled=True)
        except NotEnabledError:  # stopped meanwhile
            return self._last_stats

    def _stats_of(self, recording: Recording, *, enabled: bool) -> RecorderStats:
        bridge = recording.statistics()
        counted: dict[str, Any] = {name: getattr(bridge, name) for name in _COUNTED}
        if bridge.generations:
            counted["oldest_ns"] = self._runtime.ticks_to_ns(bridge.oldest_time)
            counted["age_ns"] = self._runtime.now_ns() - counted["oldest_ns"]
        return RecorderStats(enabled=enabled, ceiling_bytes=recording.options.ceiling, **counted)

    def __repr__(self) -> str:
        state = "enabled" if self.enabled else "not enabled"
        return f"<FlightRecorder {state}, {self._min_age} s, {self._max_bytes} bytes>"
