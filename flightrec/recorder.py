"""The flight recorder: what users start, stop and take snapshots of."""

from __future__ import annotations

import math
import os
import threading
import weakref
from dataclasses import dataclass
from types import TracebackType

from flightrec.errors import (
    AlreadyEnabledError,
    FlightRecorderError,
    NotEnabledError,
    SnapshotActiveError,
)
from flightrec.generation import Generation, hold_all
from flightrec.library import is_forked
from flightrec.output import BinaryWriter
from flightrec.recording import Recording, RecordingOptions
from flightrec.ring import RetentionPolicy, retain
from flightrec.runtime import GoRuntime, load
from flightrec.snapshot import Snapshot
from flightrec.steering import Steering

__all__ = ["DEFAULT_MAX_BYTES", "DEFAULT_MIN_AGE", "FlightRecorder", "RecorderStats"]

DEFAULT_MIN_AGE = 10.0
DEFAULT_MAX_BYTES = 10 << 20
EXPERIMENTS = ("allocfree",)

#: How often a snapshot is tried before it is said that there is nothing.
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStats:
    """What a recorder has and has done since it was started. Sizes are in bytes."""

    enabled: bool
    generations: int  #: complete ones in the ring
    window_bytes: int  #: ring, active generation and what waits for Python, together
    peak_window_bytes: int  #: the most that this has been
    ring_bytes: int
    active_bytes: int  #: of the active generation, as far as the bridge has it
    queued_bytes: int  #: not yet taken by Python; in plain Python: that it is not done with
    oldest_ns: int | None  #: time of the oldest batch in the ring, ns on the trace clock
    age_ns: int  #: how far the ring reaches back from now, in ns; 0 if it is empty
    total_bytes: int  #: written by the tracer
    total_batches: int
    total_generations: int  #: completed
    dropped_generations: int  #: lost because Python did not take them in time
    early_advances: int  #: generations that were ended early for their size
    advance_bytes: int  #: the size at which they are, now
    overhead_bytes: int  #: what a generation grows by after that: goroutines, stacks, strings
    deliveries: int  #: calls from the bridge into Python
    native_bytes: int  #: memory that the bridge has, for snapshots and reuse as well


_NOTHING = RecorderStats(
    enabled=False,
    generations=0,
    window_bytes=0,
    peak_window_bytes=0,
    ring_bytes=0,
    active_bytes=0,
    queued_bytes=0,
    oldest_ns=None,
    age_ns=0,
    total_bytes=0,
    total_batches=0,
    total_generations=0,
    dropped_generations=0,
    early_advances=0,
    advance_bytes=0,
    overhead_bytes=0,
    deliveries=0,
    native_bytes=0,
)


class FlightRecorder(Steering):
    """Keeps the last seconds of a Go runtime's execution trace, to be written when needed.

    The model is Go's ``runtime/trace.FlightRecorder``, with its semantics, and these differences:
    the window is a ceiling and not a hint, every error has a type, and batches of experiments are
    kept. A Go runtime has one tracer: one recorder at a time can be started.

    All methods may be called from any thread. As a context manager it starts and stops. A signal
    handler may take a :meth:`snapshot`; starting, stopping and :meth:`write_to` are not for signal
    handlers, which may have interrupted one of them.

    :param runtime: from :func:`flightrec.load`; by default what that returns.
    :param min_age: seconds that the window reaches back at least, if ``max_bytes`` allows.
    :param max_bytes: the size of the window. Ring, active generation and what waits for Python
        together stay below 1.25 times this, or 5 MiB if that is more. A generation that by itself
        is larger than that is lost, and counted in :meth:`stats`; but with a ``max_bytes`` of less
        than 4 MiB it is kept all the same.
    :param experiments: ``("allocfree",)`` records the runtime's AllocFree experiment as well
        (every allocation and free; Go 1.23 and later).
    :param policy: which generations to keep; :func:`flightrec.ring.retain` by default. It is
        called on the delivery thread with each complete generation.
    :param plain: parse and keep the batches in plain Python. Slower, and takes the GIL for every
        batch; for comparison, and for tests of the policy's surroundings. Of the ceiling, half of
        ``max_bytes`` (at least 1 MiB) is for what waits for Python; the rest is for ring and active
        generation.
    :raises ValueError: an age or a size that is not positive, or an unknown experiment.
    """

    def __init__(
        self,
        runtime: GoRuntime | None = None,
        *,
        min_age: float = DEFAULT_MIN_AGE,
        max_bytes: int = DEFAULT_MAX_BYTES,
        experiments: tuple[str, ...] = (),
        policy: RetentionPolicy = retain,
        plain: bool = False,
    ) -> None:
        self._runtime = runtime if runtime is not None else load()
        for experiment in experiments:
            if experiment not in EXPERIMENTS:
                raise ValueError(
                    f"unknown experiment {experiment!r}; there is {', '.join(EXPERIMENTS)}"
                )
        self._experiments = tuple(experiments)
        self._policy = policy
        self._plain = plain
        self.set_period(min_age)
        self.set_size(max_bytes)
        self._lifecycle = threading.Lock()  # start and stop
        self._writing = threading.Lock()  # write_to; stop waits for it
        # Flush and the reading of the ring. A signal handler may want a snapshot while the code
        # that it interrupts takes one, on the same thread.
        self._taking = threading.RLock()
        self._recording: Recording | None = None
        self._last: weakref.ref[Snapshot] | None = None
        self._last_began_ns = 0
        self._last_stats = _NOTHING

    @property
    def runtime(self) -> GoRuntime:
        """The Go runtime that it records."""
        return self._runtime

    @property
    def enabled(self) -> bool:
        """Whether it was started and not stopped. In a forked child it is not."""
        return self._recording is not None and not is_forked()

    @property
    def min_age(self) -> float:
        """The age of the window in seconds, from the next start on."""
        return self._min_age

    @property
    def max_bytes(self) -> int:
        """The size of the window, from the next start on."""
        return self._max_bytes

    def set_period(self, seconds: float) -> None:
        """Set the age of the window; it counts from the next :meth:`start`.

        :raises ValueError: it is not positive, or not a finite number.
        """
        if not (seconds > 0 and math.isfinite(seconds)):
            raise ValueError(f"the window's age must be a positive number of seconds: {seconds!r}")
        self._min_age = float(seconds)

    def set_size(self, nbytes: int) -> None:
        """Set the size of the window; it counts from the next :meth:`start`.

        :raises ValueError: it is not positive.
        """
        if nbytes <= 0:
            raise ValueError(f"the window's size must be a positive number of bytes: {nbytes!r}")
        self._max_bytes = int(nbytes)

    def start(self) -> None:
        """Start recording.

        :raises AlreadyEnabledError: it is started, or another recorder of this runtime is.
        :raises TracingConflictError: someone else traces the Go runtime. Nothing is left started.
        :raises ForkedProcessError: the library was loaded before a fork.
        """
        with self._lifecycle:
            self._runtime._library.check_fork()
            if self._recording is not None:
                raise AlreadyEnabledError("this flight recorder is started already")
            self._recording = Recording(
                self._runtime,
                RecordingOptions(
                    max_bytes=self._max_bytes,
                    min_age_ns=int(self._min_age * 1e9),
                    policy=self._policy,
                    plain=self._plain,
                    experiments=self._experiments,
                ),
            )

    def stop(self) -> None:
        """Stop recording and empty the window; snapshots stay. Waits for a write in progress.

        :raises NotEnabledError: it is not started.
        :raises FlightRecorderError: the first error, if the recording ended for one; it is stopped
            all the same.
        """
        with self._lifecycle:
            self._runtime._library.check_fork()
            recording = self._started()
            with self._writing, self._taking:
                recording.stop()
                self._last_stats = self._stats_of(recording, enabled=False)
                recording.close()
                self._recording = None
            if recording.failure is not None:
                raise recording.failure

    def _started(self) -> Recording:
        recording = self._recording
        if recording is None:
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

        A path gets the whole trace or keeps what it had. Recording goes on.

        :param last: only as many of the newest generations as reach back this many seconds.
        :param flush: False leaves out what the runtime has not handed over, which is up to a
            second, and does not wait for it: for a runtime that is stuck.
        :param timeout: how many seconds the flush may take.
        :returns: the bytes written.
        :raises NotEnabledError: it is not started.
        :raises SnapshotActiveError: another ``write_to`` is in progress; use its result.
        :raises TimeoutError: the flush takes too long.
        :raises OSError: it cannot be written; of a path nothing is left behind.
        :raises FlightRecorderError: the recording has ended for this error.
        """
        self._started()
        if not self._writing.acquire(blocking=False):
            raise SnapshotActiveError(
                "a write_to of this flight recorder is in progress; use its result, or snapshot(), "
                "which several callers share"
            )
        try:
            with self._taking:
                snapshot = self._take(last, flush, timeout)
            return snapshot.write_to(file)
        finally:
            self._writing.release()

    def snapshot(
        self, *, last: float | None = None, flush: bool = True, timeout: float | None = None
    ) -> Snapshot:
        """Return the window, up to now. Recording goes on.

        Callers at the same time share one, if it began after they called.

        The parameters and errors are :meth:`write_to`'s; it never raises SnapshotActiveError.
        """
        self._started()
        asked_ns = self._runtime.now_ns()
        with self._taking:
            whole = last is None and flush
            shared = self._last() if whole and self._last is not None else None
            if shared is not None and self._last_began_ns >= asked_ns:
                return shared
            began_ns = self._runtime.now_ns()
            snapshot = self._take(last, flush, timeout)
            if whole:
                self._last, self._last_began_ns = weakref.ref(snapshot), began_ns
            return snapshot

    def _take(self, last: float | None, flush: bool, timeout: float | None) -> Snapshot:
        recording = self._started()
        self._runtime._library.check_fork()
        if flush:
            self._runtime._annotations.announce_threads()
        for _ in range(_ATTEMPTS):
            held = recording.take(timeout) if flush else hold_all(recording.window()[1])
            header, now_ns = recording.window()[0], self._runtime.now_ns()
            if last is not None:
                ring = tuple(generation for generation, _ in held)
                kept = newest(ring, since_ns=now_ns - int(last * 1e9))
                held = held[len(ring) - len(kept) :]
            # There is nothing if the generation that the flush ended had outgrown the ceiling. The
            # next one may be smaller.
            if held or not flush:
                return Snapshot(header, held, taken_ns=now_ns)
        raise FlightRecorderError(
            "there is nothing to snapshot: each generation of the trace by itself outgrows the "
            f"window's ceiling of {recording.options.ceiling} bytes (many goroutines announce "
            "themselves in every one). Use a larger max_bytes."
        )

    def stats(self) -> RecorderStats:
        """Return what the recorder has and has done; after a stop, as it was then."""
        recording = self._recording
        if recording is None or is_forked():
            return self._last_stats
        try:
            return self._stats_of(recording, enabled=True)
        except NotEnabledError:  # stopped meanwhile
            return self._last_stats

    def _stats_of(self, recording: Recording, *, enabled: bool) -> RecorderStats:
        bridge = recording.statistics()
        _, ring = recording.window()
        ring_bytes = sum(generation.nbytes for generation in ring)
        active_bytes = recording.active_bytes(bridge)
        now_ns = self._runtime.now_ns()
        oldest_ns = min((generation.start_ns for generation in ring), default=None)
        plain = recording.options.plain
        return RecorderStats(
            enabled=enabled,
            generations=len(ring),
            window_bytes=(
                ring_bytes + active_bytes + bridge.queued_bytes if plain else bridge.window_bytes
            ),
            peak_window_bytes=recording.peak_bytes(bridge),
            ring_bytes=ring_bytes,
            active_bytes=active_bytes,
            queued_bytes=bridge.queued_bytes,
            oldest_ns=oldest_ns,
            age_ns=now_ns - oldest_ns if oldest_ns is not None else 0,
            total_bytes=bridge.bytes,
            total_batches=bridge.batches,
            total_generations=bridge.generations,
            dropped_generations=recording.dropped_generations(bridge),
            early_advances=bridge.early_advances,
            advance_bytes=recording.advance_bytes,
            overhead_bytes=recording.overhead_bytes,
            deliveries=bridge.deliveries,
            native_bytes=bridge.mapped_bytes,
        )

    def __repr__(self) -> str:
        state = "enabled" if self.enabled else "not enabled"
        return f"<FlightRecorder {state}, {self._min_age} s, {self._max_bytes} bytes>"


def newest(ring: tuple[Generation, ...], *, since_ns: int) -> tuple[Generation, ...]:
    """Return the end of a ring that reaches back to a time; the generation across it stays."""
    first = len(ring) - 1
    while first > 0 and ring[first].start_ns > since_ns:
        first -= 1
    return ring[max(first, 0) :]
