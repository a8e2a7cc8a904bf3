"""One run of Go code under the recorder, from its start to its exit status."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from flightrec.cli.signals import SignalHandlers, Stopped
from flightrec.cli.units import count, format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from flightrec import Departure, FlightRecorder, WorkloadHandle
    from flightrec.cli.fulltrace import TraceFile
    from flightrec.cli.snapshots import SnapshotWriter
    from flightrec.cli.voice import Voice
    from flightrec.cli.watching import Watching

__all__ = ["MAIN", "Session"]

#: The workload that a program's main function is.
MAIN = "main"
#: How long the Go runtime may take to cancel it, or to stop the trace at the end: it may be stuck.
_ANSWER_SECONDS = 1.0
#: How long a workload may take to return after it was cancelled.
_GRACE_SECONDS = 5.0
#: How often the main thread looks at signals and shows the status.
_LOOK_SECONDS = 0.2
_UNUSABLE = 2


class Session:
    """Runs a workload, or a program as its main, and has the snapshot written at its end.

    :param signals: they are installed when it runs.
    :param at_departure: is called last where Go ends the process, and not a return of :meth:`run`.
    """

    def __init__(
        self,
        recorder: FlightRecorder,
        snapshots: SnapshotWriter,
        voice: Voice,
        signals: SignalHandlers,
        watching: Watching,
        trace: TraceFile | None,
        *,
        at_departure: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._runtime = recorder.runtime
        self._snapshots = snapshots
        self._voice = voice
        self._signals = signals
        self._watching = watching
        self._trace = trace
        self._at_departure = at_departure
        self._status: int | None = None  # once it is certain
        self._answer: str | None = None  # of a workload
        self._stuck = False  # the Go runtime, as far as can be told

    def run(self, name: str, arguments: dict[str, Any], seconds: float | None) -> int:
        """Run it to its end; return its exit status.

        :param seconds: stop it after so long, with status 0.
        """
        self._runtime.on_departure(self._departs, as_program=True)
        handle = None
        try:
            # Before Go code runs: what it then asks for by signal.Notify takes their place.
            self._signals.install()
            self._recorder.start()
            if self._trace is not None:
                self._trace.start(self._recorder)
            self._watching.start()
            handle = self._runtime.start(name, **arguments)
            status = self._wait(name, handle, seconds)
            self._signals.stopping = True  # a signal meanwhile must not cost the snapshot
            self._watching.returned(status)
        except Stopped as stopped:
            status = 128 + stopped.number
            self._signals.stopping = True
            self._watching.stopped(stopped.number)
            if handle is not None:
                self._cancel(name, handle)
        with self._snapshots.writing:
            self._voice.release()
            written = self._recorder.enabled and self._write_last()
            self._status = status if written else status or _UNUSABLE
        self._watching.close()
        if self._recorder.enabled and not self._stuck:
            with contextlib.suppress(Exception):  # its error was told with the snapshot
                self._stop()
        if self._answer is not None:
            print(self._answer)
        if self._stuck:
            self._leave(self._status)  # what is done at exit would enter Go, and not come back
        return self._status

    def _wait(self, name: str, handle: WorkloadHandle, seconds: float | None) -> int:
        from flightrec import WorkloadError, WorkloadPanicError

        ends = None if seconds is None else time.monotonic() + seconds
        while not handle.wait(_until(ends)):
            if self._signals.dump_wanted:
                self._signals.dump_wanted = False
                self._snapshots.write_dump()
            if ends is not None and time.monotonic() >= ends:
                self._cancel(name, handle)
                return 0
            self._show_status()
        try:
            result = handle.result()
        except WorkloadPanicError as exc:
            self._voice.say(f"panic: {exc.reason}\n\n{exc.stack}".rstrip(), always=True)
            return 2
        except WorkloadError as exc:
            self._voice.say(f"flightrec: {exc}", always=True)
            return 1
        if name != MAIN and not self._voice.quiet:
            self._answer = json.dumps(result)
        return 0

    def _departs(self, departure: Departure) -> None:
        """Go calls os.Exit or panics: write the snapshot, on the thread that is told of it."""
        self._snapshots.writing.acquire()  # for good: nothing is to be begun that Go would cut off
        if self._status is not None:
            # The program's end was certain before this: a goroutine that was left over.
            self._leave(self._status)
        self._watching.departs(departure)
        self._voice.release()
        self._write_last()
        self._at_departure()

    def _write_last(self) -> bool:
        """Write the snapshot and end the trace; return whether both went well."""
        traced = self._trace is None or self._trace.finish(self._voice, stuck=self._stuck)
        return self._snapshots.write_last() and traced

    def _leave(self, status: int) -> NoReturn:
        self._at_departure()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status)

    def _stop(self) -> None:
        try:
            self._recorder.stop(timeout=_ANSWER_SECONDS)
        except TimeoutError:
            self._stuck = True

    def _cancel(self, name: str, handle: WorkloadHandle) -> None:
        from flightrec.rules.bounded import within
        from flightrec.salvage import did_not_answer

        if name == MAIN:  # which cannot be cancelled
            return
        if did_not_answer(self._recorder):
            self._stuck = True
            return
        try:
            within(_ANSWER_SECONDS, handle.cancel, "the Go runtime")
        except TimeoutError:
            self._stuck = True
        else:
            handle.wait(_GRACE_SECONDS)

    def _show_status(self) -> None:
        stats = self._recorder.stats()
        self._voice.show(
            f"window {format_size(stats.window_bytes)}, {format_duration(stats.age_ns / 1e9)}; "
            f"{stats.total_batches} batches, {count(stats.total_generations, 'generation')}"
        )


def _until(ends: float | None) -> float:
    if ends is None:
        return _LOOK_SECONDS
    return max(0.0, min(_LOOK_SECONDS, ends - time.monotonic()))
