"""One recording: a session of the bridge, the thread that takes its deliveries, and the ring."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import threading
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any

from flightrec import abi
from flightrec.abi import Option, RunFlag, Status
from flightrec.assembly import Assembler
from flightrec.errors import FlightRecorderError, NotEnabledError
from flightrec.generation import Generation, Hold, NativeGeneration, hold_all, native_holds
from flightrec.library import error_for, is_forked
from flightrec.ring import RetentionPolicy, early_advance_bytes, trim
from flightrec.runtime import GoRuntime

__all__ = ["Recording", "RecordingOptions"]

#: The smallest window whose ceiling is kept; a smaller one may grow to the ceiling of this one.
SMALLEST_HARD_WINDOW_BYTES = 4 << 20

#: In plain Python: how much waits before the delivery thread is woken.
_PLAIN_DELIVERY_BYTES = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOptions:
    """What a recording is committed to when it starts."""

    max_bytes: int
    min_age_ns: int
    policy: RetentionPolicy
    plain: bool
    experiments: tuple[str, ...]
    replay: bool = False

    @property
    def ceiling(self) -> int:
        """The most that ring, active generation and queue may have together, in bytes.

        Of at least 5 MiB. A generation that does not fit below it is lost whole, unless the window
        is smaller than 4 MiB.
        """
        return max(self.max_bytes, SMALLEST_HARD_WINDOW_BYTES) * 5 // 4

    @property
    def hard(self) -> bool:
        """Whether a generation that does not fit below the ceiling is lost."""
        return self.max_bytes >= SMALLEST_HARD_WINDOW_BYTES

    @property
    def plain_queue(self) -> int:
        """In plain Python: how much of the ceiling is the queue's, in bytes."""
        return max(self.max_bytes // 2, 4 * _PLAIN_DELIVERY_BYTES)


class Recording:
    """A recording that runs from its making until :meth:`close`.

    The delivery thread is a Python thread that waits in the bridge; each delivery calls
    :meth:`_consume` on it. Other threads read what it publishes under the lock.
    """

    def __init__(self, runtime: GoRuntime, options: RecordingOptions) -> None:
        self.runtime = runtime
        self.options = options
        self._cdll = runtime.cdll
        self._lock = threading.RLock()  # a signal handler may interrupt who has it
        self._ring: tuple[Generation, ...] = ()
        self._gone: deque[Generation] = deque(maxlen=64)  # the last ones dropped for the ceiling
        self._header = b""
        self._assembler = Assembler()  # of plain Python only
        self._active = _Active()
        self._released = 0  # the newest generation that has left the ring; the bridge frees them
        self._overhead = 0
        self._advance_bytes = early_advance_bytes(options.max_bytes, 0, options.ceiling)
        self._peak_plain = 0
        self._refusal: BaseException | None = None
        self._failure: BaseException | None = None
        self._closed = False
        # ctypes frees a callback with its last reference, and the bridge still has it.
        self._consumer = abi.CONSUMER(self._consume)

        flags = Option(0)
        if options.plain:
            flags |= Option.CHUNKS
        if options.replay:
            flags |= Option.REPLAY
        if not options.hard:
            flags |= Option.SOFT
        if "allocfree" in options.experiments:
            flags |= Option.ALLOCFREE
        handle = ctypes.c_uint64()
        runtime._library.call(
            "flightrec_session_open",
            abi.Options(
                window_limit=options.plain_queue if options.plain else options.ceiling,
                advance_bytes=self._advance_bytes,
                deliver_bytes=_PLAIN_DELIVERY_BYTES if options.plain else 0,
                flags=flags,
            ),
            handle,
        )
        self.session = handle.value
        self._thread = threading.Thread(
            target=self._deliver, name="flightrec-delivery", daemon=True
        )
        self._thread.start()
        with _annotations_lock:
            runtime._annotations.recordings += 1
        _running.add(self)

    # ---- the delivery thread

    def _deliver(self) -> None:
        error = abi.Error()
        status = self._cdll.flightrec_session_deliver(self.session, self._consumer, None, error)
        if status == Status.REFUSED:
            self._failure = self._refusal
        elif status:
            self._failure = error_for("flightrec_session_deliver", status, error)

    def _consume(self, _context: int | None, runs: Any, count: int) -> int:
        # What leaves a ctypes callback as an exception is printed and lost: it is kept here and
        # ends the recording.
        try:
            for i in range(count):
                if self.options.plain:
                    self._consume_chunk(runs[i])
                else:
                    self._consume_run(runs[i])
        except BaseException as exc:
            self._refusal = exc
            return -1
        return self._released

    def _consume_run(self, run: abi.Run) -> None:
        flags = run.flags
        if flags & (RunFlag.HEADER | RunFlag.DROPPED):
            if flags & RunFlag.HEADER:
                self._header = ctypes.string_at(run.data, run.bytes)
            else:
                self._drop(run.generation)
                if run.overhead:
                    self._pace(run.overhead)
            return
        active = self._active
        if active.number != run.generation:
            active = self._active = _Active(run.generation)
        active.add(run)
        if not flags & RunFlag.ENDS:
            return
        self._active = _Active()
        self._keep(
            NativeGeneration(
                number=active.number,
                nbytes=active.nbytes,
                batches=active.batches,
                start_ns=self.runtime.ticks_to_ns(active.min_time, active.frequency),
                end_ns=self.runtime.now_ns(),
                units_per_second=active.frequency,
                library=self.runtime._library,
                session=self.session,
            )
        )
        if run.overhead:
            self._pace(run.overhead)

    def _consume_chunk(self, run: abi.Run) -> None:
        if run.flags & RunFlag.DROPPED:
            if self._assembler.generation <= run.generation:
                self._assembler.discard()
            self._drop(run.generation)
        elif run.data:
            self._make_room(run.bytes)
            chunk = ctypes.string_at(run.data, run.bytes)
            finished = self._assembler.write(chunk, now_ns=self.runtime.now_ns())
            self._header = self._assembler.header
            if finished is not None:
                self._keep(finished)
            held = self._assembler.nbytes + sum(generation.nbytes for generation in self._ring)
            self._peak_plain = max(self._peak_plain, held)
        if run.overhead:
            self._pace(run.overhead)

    def _make_room(self, nbytes: int) -> None:
        """In plain Python: let go of the oldest until so much more fits below the ceiling."""
        options, assembler = self.options, self._assembler
        limit = options.ceiling - options.plain_queue
        others = assembler.nbytes + nbytes
        with self._lock:
            self._ring = trim(self._ring, others, limit, least=0 if options.hard else 1)
        if options.hard and others > limit:
            assembler.lose()

    def _keep(self, finished: Generation) -> None:
        """Put a finished generation in the ring, and let go of what the policy does not keep."""
        before = self._ring
        kept = self.options.policy(
            before,
            finished,
            max_bytes=self.options.max_bytes,
            min_age_ns=self.options.min_age_ns,
            now_ns=finished.end_ns,
        )
        everything = (*before, finished)
        if not kept or everything[len(everything) - len(kept) :] != kept:
            raise ValueError(
                "the retention policy must return the finished generation and, before it, the "
                f"newest of the ring; it returned {kept!r}"
            )
        with self._lock:
            self._ring = kept  # type: ignore[assignment]
        if len(kept) < len(everything):
            self._released = everything[len(everything) - len(kept) - 1].number

    def _drop(self, number: int) -> None:
        """Forget the generations that the bridge has dropped to keep below the ceiling."""
        if self._active.number <= number:
            self._active = _Active()
        with self._lock:
            if not self.options.plain:  # where they have their bytes with them
                self._gone.extend(g for g in self._ring if g.number <= number)
            self._ring = tuple(g for g in self._ring if g.number > number)

    def _pace(self, overhead: int) -> None:
        """Learn from a generation that was ended early how much it grew after that."""
        self._overhead = overhead if not self._overhead else (3 * self._overhead + overhead) // 4
        wanted = early_advance_bytes(self.options.max_bytes, self._overhead, self.options.ceiling)
        if abs(wanted - self._advance_bytes) * 8 > self._advance_bytes:
            self._advance_bytes = wanted
            self._cdll.flightrec_session_set_advance_bytes(self.session, wanted, None)

    # ---- other threads

    @property
    def failure(self) -> BaseException | None:
        """The first error, once the recording has ended for it."""
        return self._failure

    def window(self) -> tuple[bytes, tuple[Generation, ...]]:
        """Return the header and the ring."""
        with self._lock:
            return self._header, self._ring

    def flush(self, timeout: float | None = None) -> None:
        """End the active generation, and return when it is in the ring.

        :raises TimeoutError: it takes longer than ``timeout`` seconds.
        :raises FlightRecorderError: the recording has ended; its first error.
        """
        self._flush(timeout, None)

    def take(self, timeout: float | None = None) -> tuple[tuple[Generation, Hold], ...]:
        """End the active generation, and take hold of the ring as it is then, oldest first.

        The bridge holds the generations when the flush is done, so that this thread need not enter
        Go to do it: beside a busy Go program it would wait for that, and some would be gone.

        The errors are those of :meth:`flush`.
        """
        first = ctypes.POINTER(abi.Holding)()
        try:
            self._flush(timeout, first)
        except BaseException:  # of a signal handler, say, and the flush was done all the same
            list(native_holds(self.runtime._library, self.session, first))
            raise
        return hold_all(self._ring) if self.options.plain else self._taken(first)

    def _taken(self, first: Any) -> tuple[tuple[Generation, Hold], ...]:
        holds = list(native_holds(self.runtime._library, self.session, first))
        with self._lock:
            # One may have left the ring for the ceiling since, and one that the policy has let
            # go of may still have been in the window.
            known = {g.number: g for g in (*self._gone, *self._ring) if g.number > self._released}
        return tuple((known[number], hold) for number, hold in holds if number in known)

    def _flush(self, timeout: float | None, holdings: Any) -> None:
        if threading.current_thread() is self._thread:
            raise FlightRecorderError(
                "cannot flush on the delivery thread: it would wait for itself. Take the snapshot "
                "on another thread."
            )
        self.runtime._library.check_fork()
        error = abi.Error()
        timeout_ns = -1 if timeout is None else max(0, int(timeout * 1e9))
        status = self._cdll.flightrec_session_flush(self.session, timeout_ns, holdings, error)
        if status == Status.OK:
            return
        if status == Status.TIMEOUT:
            raise TimeoutError(f"the Go runtime did not end the generation within {timeout} s")
        if status not in (Status.PANIC, Status.UNKNOWN):
            self._thread.join()  # the session has ended, and this thread has its first error
            if self._failure is not None:
                raise self._failure
        raise error_for("flightrec_session_flush", status, error)

    def feed(self, chunk: bytes) -> None:
        """Hand a chunk to a replay session, as the trace reader would.

        :raises TraceFormatError: this chunk or one before it was refused.
        """
        self.runtime._library.call("flightrec_session_feed", self.session, chunk, len(chunk))

    def statistics(self) -> abi.SessionStatistics:
        """Return the bridge's counters."""
        out = abi.SessionStatistics()
        if self._closed:
            raise NotEnabledError("the recording has ended")
        self.runtime._library.call("flightrec_session_stats", self.session, out)
        return out

    @property
    def advance_bytes(self) -> int:
        """The size at which a generation is ended early, in bytes."""
        return self._advance_bytes

    @property
    def overhead_bytes(self) -> int:
        """What a generation grew by after its early end was asked for, smoothed, in bytes."""
        return self._overhead

    def peak_bytes(self, statistics: abi.SessionStatistics) -> int:
        """The most that ring, active generation and queue have had together, in bytes."""
        if self.options.plain:
            # The queue's own peak, which may have been at another time.
            return self._peak_plain + int(statistics.peak_window_bytes)
        return int(statistics.peak_window_bytes)

    def dropped_generations(self, statistics: abi.SessionStatistics) -> int:
        """How many generations were lost to the ceiling before Python had all of them."""
        return int(statistics.dropped_generations) + self._assembler.lost

    def active_bytes(self, statistics: abi.SessionStatistics) -> int:
        """The size of the active generation, in bytes."""
        return self._assembler.nbytes if self.options.plain else int(statistics.active_bytes)

    def stop(self) -> None:
        """Stop the tracer and wait until all that it wrote is in the ring. May be called again."""
        if threading.current_thread() is self._thread:
            raise FlightRecorderError(
                "cannot stop on the delivery thread: it would wait for itself. Stop on another "
                "thread."
            )
        self.runtime._library.call("flightrec_session_stop", self.session)
        self._thread.join()

    def close(self) -> None:
        """Stop, and free what no snapshot holds. Once only; may be called again after an error."""
        self.stop()
        if self._closed:
            return
        self._closed = True
        _running.discard(self)
        with _annotations_lock:
            self.runtime._annotations.recordings -= 1
        with self._lock:
            self._ring = ()
        self.runtime._library.call("flightrec_session_close", self.session)


class _Active:
    """What is known of the generation that is being written."""

    __slots__ = ("batches", "frequency", "min_time", "nbytes", "number")

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.nbytes = self.batches = self.min_time = self.frequency = 0

    def add(self, run: abi.Run) -> None:
        self.nbytes += run.bytes
        self.batches += run.batches
        if run.min_time and (not self.min_time or run.min_time < self.min_time):
            self.min_time = run.min_time
        self.frequency = run.frequency or self.frequency


_annotations_lock = threading.Lock()
_running: weakref.WeakSet[Recording] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Stop what still records when the interpreter ends: no Go thread may call into it then."""
    if is_forked():
        return
    for recording in list(_running):
        with contextlib.suppress(Exception):
            recording.close()
