"""The Go runtime inside this process."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightrec import annotate
from flightrec.annotate import Annotations, Region, Task
from flightrec.departure import DEFAULT_DEPARTURE_TIMEOUT, Departure, DepartureWatch
from flightrec.library import Library, bundled_library, is_forked, open_library
from flightrec.newsthread import end_all
from flightrec.workload import WorkloadHandle, Workloads

__all__ = ["GoRuntime", "load", "runtime_of"]

#: How long the end of the process waits for each thread that waits for news, in seconds.
_END_SECONDS = 1.0


class GoRuntime:
    """A Go shared library with flightrec's bridge inside, and the Go runtime that it started.

    Get one from :func:`load`. There is one in a process, it cannot be unloaded, and it does not
    survive ``fork``: in the child its methods raise :class:`ForkedProcessError`. Safe to use from
    any thread.
    """

    # A test may put a clock of its own into the time module. The trace's goes on.
    _monotonic_ns = staticmethod(time.monotonic_ns)

    def __init__(self, library: Library) -> None:
        self._library = library
        self._departures = DepartureWatch(library)
        self._annotations = Annotations(library)
        self._workloads = Workloads(library, self._annotations)
        facts = library.describe("runtime")
        self._go_version: str = facts["go_version"]
        self._overlays: tuple[str, ...] = tuple(facts["overlays"])
        self._units: int = facts["clock_units_per_second"]

    @property
    def path(self) -> Path:
        """Where the library was loaded from."""
        return self._library.path

    @property
    def cdll(self) -> ctypes.CDLL:
        """The library itself, for functions that it exports beside the bridge's.

        Set ``argtypes`` and ``restype`` as with any ctypes function; a call releases the GIL.
        """
        return self._library.cdll

    @property
    def go_version(self) -> str:
        """``runtime.Version()``: ``"go1.26.8"``."""
        return self._go_version

    @property
    def overlays(self) -> tuple[str, ...]:
        """The changes of Go's own sources that the library was built with, by name.

        ``flightrec build`` makes them all where it finds the places; ``docs/overlays.md`` says what
        each is for. Without ``"reader-slice"``, for example, snapshots under load can take seconds.
        """
        return self._overlays

    @property
    def clock_units_per_second(self) -> int:
        """How many units the trace clock counts in a second: 15_625_000 on Linux and macOS.

        0 on Windows: there only the trace itself has it.
        """
        return self._units

    def clock_now(self) -> int:
        """Return the time of the trace clock, in its units (``runtime.traceClockNow``).

        On Linux that is ``time.monotonic_ns() // 64``.
        """
        self._library.check_fork()
        return int(self._library.cdll.flightrec_clock_now())

    def now_ns(self) -> int:
        """Return the time of the trace clock in ns: the time that events in a trace have."""
        if sys.platform == "linux":
            return self._monotonic_ns()  # the same clock, without a call into Go
        return self.ticks_to_ns(self.clock_now())

    def ticks_to_ns(self, ticks: int, units_per_second: int = 0) -> int:
        """Return a trace time in ns; ``units_per_second`` is the trace's, where it tells."""
        return ticks * 1_000_000_000 // (units_per_second or self._units or 1_000_000_000)

    def workloads(self) -> tuple[str, ...]:
        """Return the names of the Go functions that :meth:`run` can call, sorted.

        They are the bundled library's, or those that the Go code gave to ``gobridge.Register``.
        A program that ``flightrec build`` built has its ``main`` function as ``"main"``.
        """
        return self._workloads.names()

    def start(self, name: str, /, **arguments: Any) -> WorkloadHandle:
        """Start a workload on a goroutine of its own, and do not wait for it.

        :param arguments: anything that ``json.dumps`` takes; the Go function gets them as JSON.
        :raises WorkloadError: there is no workload of that name.
        """
        handle = self._workloads.prepare(name)
        try:
            self._workloads.start(handle, arguments)
            return handle
        except BaseException:  # of a signal handler, when it had just been started
            handle.cancel()
            raise

    def run(self, name: str, /, **arguments: Any) -> Any:
        """Start a workload, wait for it, and return what it returned (as JSON has it).

        Ctrl-C cancels it; so does any other exception that a signal handler raises.

        :raises WorkloadPanicError: it panicked; the process goes on.
        :raises WorkloadError: it returned an error, or there is none of that name.
        """
        handle = self._workloads.prepare(name)
        try:
            self._workloads.start(handle, arguments)
            return handle.result()
        except BaseException:
            handle.cancel()
            raise

    def log(self, category: str, message: str) -> None:
        """Put a message in the Go trace (``runtime/trace.Log``), in the current task if any."""
        annotate.log(self._annotations, None, category, message)

    def task(self, name: str, *, parent: Task | None = None) -> Task:
        """Begin a task in the Go trace (``runtime/trace.NewTask``).

        In a ``with`` statement it is the current task, and ends with it. Otherwise call its
        ``end``, from any thread. Its parent is the current task unless ``parent`` says another.
        """
        self._library.check_fork()
        return Task(self._annotations, name, parent)

    def region(self, name: str) -> Region:
        """Return a region of the Go trace (``runtime/trace.StartRegion``) for a ``with`` statement.

        It belongs to the current task, if there is one, and to this thread. It may cross an
        ``await`` or a ``yield``; see :class:`flightrec.Region`.
        """
        return Region(self._annotations, name, annotate.current_task_number)

    def on_departure(
        self,
        callback: Callable[[Departure], object],
        *,
        as_program: bool = False,
        timeout: float | None = DEFAULT_DEPARTURE_TIMEOUT,
    ) -> None:
        """Have a function called when Go is about to end the process, before it does.

        That is when Go code calls ``os.Exit``, panics with nobody to recover it, or brings about a
        fatal error (a concurrent map write, the unlock of an unlocked mutex): the moment to write a
        snapshot. The function runs on a thread of its own, and the goroutine waits for it. Only
        libraries from ``flightrec build`` have the hooks for this. It is not called for errors
        inside the runtime, such as a stack overflow or no more memory, nor for signals that kill.

        :param callback: called with a :class:`Departure`; replaces the one of an earlier call.
        :param as_program: panics and fatal errors end the process with status 2, as in an ordinary
            Go program; otherwise by SIGABRT, as in a Go library. The workload ``main`` then runs as
            a program's main function does: a panic in it ends the process.
        :param timeout: how many seconds the goroutine waits for the function at most. Then the
            process ends all the same, and says so on standard error. None: without limit.
        :raises ValueError: the timeout is not a positive number.
        :raises FlightRecorderError: the function's thread cannot be started; nothing has changed.
        """
        self._library.check_fork()
        self._departures.watch(callback, as_program=as_program, timeout=timeout)

    @property
    def departures_watched(self) -> bool:
        """Whether :meth:`on_departure` has a function to call."""
        return self._departures.watches

    def setenv(self, name: str, value: str | None) -> None:
        """Set an environment variable in Go (``os.Setenv``); None unsets it.

        Go sees the environment that the process was started with, and not what Python has put
        in ``os.environ`` since. Use this instead. Settings in GODEBUG
        that can change while a program runs take effect at once. Go also sets the variable in the
        C library, which is not safe while another thread reads the environment there.
        """
        to = None if value is None else value.encode()
        self._library.call("flightrec_setenv", name.encode(), to)

    def __repr__(self) -> str:
        return f"<GoRuntime {self._go_version} {os.fspath(self.path)!r}>"


_runtime: GoRuntime | None = None
_runtime_lock = threading.Lock()


def load(path: str | os.PathLike[str] | None = None) -> GoRuntime:
    """Load a Go library and start its runtime; return the same object if it is loaded already.

    :param path: a library that ``flightrec build`` made; by default the bundled one, or the one
        that the environment variable ``FLIGHTREC_LIBRARY`` names.
    :raises LibraryLoadError: it is not there, not a library for this platform, has no bridge or
        one of another ABI version; or another Go library is loaded in this process.
    :raises ForkedProcessError: a Go library was loaded before this process was forked.
    """
    global _runtime
    library = open_library(Path(path) if path is not None else bundled_library())
    with _runtime_lock:
        if _runtime is None:
            runtime = GoRuntime(library)
            annotate.activate(runtime._annotations)
            atexit.register(_at_exit)
            _runtime = runtime  # last: an exception before this line leaves all to be done again
        return _runtime


def runtime_of(given: GoRuntime | None) -> GoRuntime:
    """Return the Go runtime that is given, or the default one.

    :raises TypeError: it is something else.
    """
    if given is not None and not isinstance(given, GoRuntime):
        raise TypeError(f"runtime must be what flightrec.load() returns, not {given!r}")
    return given if given is not None else load()


def _at_exit() -> None:
    """Leave no thread in the bridge that would want the interpreter after it is gone."""
    if _runtime is not None and not is_forked():
        _runtime._workloads.close()
        end_all(_runtime._library, _END_SECONDS)
        _runtime._departures.join()
