"""Go workloads: functions registered in Go that Python calls by name."""

from __future__ import annotations

import ctypes
import itertools
import json
import threading
from collections.abc import Generator
from typing import Any

from flightrec import abi
from flightrec.abi import NewsKind, Status
from flightrec.annotate import Annotations, current_task_number
from flightrec.errors import FlightRecorderError, WorkloadError, WorkloadPanicError
from flightrec.finished import Finished
from flightrec.library import Library, error_for
from flightrec.newsthread import NewsThread

__all__ = ["WorkloadHandle", "Workloads"]


class WorkloadHandle:
    """A workload that was started. Any thread may use it.

    Ctrl-C ends waits at once. Dropping a handle does not stop its workload.
    """

    def __init__(self, name: str, workloads: Workloads, number: int) -> None:
        self._name = name
        self._workloads = workloads
        self._library = workloads.library
        self._number = number
        self._finished = Finished()
        self._answer: tuple[int, bytes, str] | None = None  # status, text, reason
        self._failure: BaseException | None = None  # for which there is no answer
        self._decoded: tuple[Any] | None = None

    @property
    def name(self) -> str:
        """The workload's name."""
        return self._name

    @property
    def done(self) -> bool:
        """Whether it has returned, failed or panicked."""
        return self._finished.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is done, for at most ``timeout`` seconds; return :attr:`done`.

        :raises ForkedProcessError: it was not done when this process was forked.
        :raises FlightRecorderError: the interpreter is ending (in ``atexit`` functions).
        """
        if not self._finished.is_set():
            self._library.check_fork()
            self._workloads.check_open()
        return self._finished.wait(timeout)

    def cancel(self) -> None:
        """Cancel the workload's context, and do not wait. Does nothing if it is done."""
        if self._finished.is_set():
            return
        self._library.check_fork()
        # It may finish meanwhile: then its number is unknown, which is as good.
        self._library.cdll.flightrec_workload_cancel(self._number, None)

    def result(self, timeout: float | None = None) -> Any:
        """Wait, and return what the Go function returned, as ``json.loads`` reads it.

        :param timeout: in seconds.
        :raises TimeoutError: it takes longer; it goes on.
        :raises WorkloadPanicError: it panicked.
        :raises WorkloadError: it returned an error, or was cancelled and said so by one; or its
            result cannot be read in Python (a number with too many digits, say).
        """
        if not self.wait(timeout):
            raise TimeoutError(f"workload {self._name!r} did not finish within {timeout} s")
        if self._answer is None:
            raise self._failure or FlightRecorderError(f"workload {self._name!r} has no result")
        if self._decoded is None:
            self._decoded = (self._decode(*self._answer),)
        return self._decoded[0]

    def _decode(self, status: int, text: bytes, reason: str) -> Any:
        """Return or raise what the workload came to. On the caller's thread: it may fail."""
        if status == Status.OK:
            try:
                return json.loads(text)
            except (ValueError, RecursionError) as exc:
                raise WorkloadError(
                    f"the result of workload {self._name!r} cannot be read: {exc}",
                    workload=self._name,
                    reason=str(exc),
                ) from exc
        if status == Status.PANIC:
            reason = reason.removeprefix("panic: ")
            raise WorkloadPanicError(
                f"workload {self._name!r} panicked: {reason}",
                workload=self._name,
                reason=reason,
                stack=text.decode(errors="replace"),
            )
        verb = "was cancelled" if status == Status.CANCELLED else "failed"
        raise WorkloadError(
            f"workload {self._name!r} {verb}: {reason}", workload=self._name, reason=reason
        )

    def _finish(self) -> None:
        """Fetch the result from Go, which forgets it, and wake whoever waits."""
        try:
            self._answer = self._fetch()
        except BaseException as exc:  # no memory, say
            self._fail(exc)
        finally:
            self._finished.set()

    def _fetch(self) -> tuple[int, bytes, str]:
        length, error = ctypes.c_size_t(), abi.Error()
        buffer = ctypes.create_string_buffer(4096)
        fetch = self._library.cdll.flightrec_workload_result
        while True:
            status = fetch(self._number, buffer, len(buffer), length, error)
            if status != Status.SHORT:
                break
            buffer = ctypes.create_string_buffer(length.value)
        text = ctypes.string_at(buffer, length.value)
        return status, text, error.text.decode(errors="replace")

    def _fail(self, failure: BaseException) -> None:
        """Have the result be an exception."""
        self._failure = failure
        self._workloads.discard(self._number)
        self._finished.set()

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in a coroutine of ``asyncio``, and return or raise what :meth:`result` does.

        Cancelling the wait cancels the workload; await ``asyncio.shield(handle)`` to let it run on.
        """
        from flightrec import aio  # asyncio takes its time to import

        return aio.workload_result(self)

    def __repr__(self) -> str:
        return f"<WorkloadHandle {self._name!r} {'done' if self.done else 'running'}>"


class Workloads:
    """The workloads of one library. Safe to use from any thread, and from signal handlers.

    One daemon thread, begun with the first workload, waits for news of any that has finished. So a
    wait in Python is one on a Python lock, which Ctrl-C interrupts, and not one inside Go.

    A workload is registered under its number before Go hears of it. So whatever exception comes
    between two lines, of a signal handler say, either the waiting thread finds the handle, or
    nobody wants the result.
    """

    def __init__(self, library: Library, annotations: Annotations) -> None:
        self.library = library
        self._annotations = annotations
        self._numbers = itertools.count(1)
        self._running: dict[int, WorkloadHandle] = {}  # changed by single operations only
        self._thread = NewsThread(
            library,
            NewsKind.WORKLOAD,
            self._collect,
            "flightrec-workloads",
            failed=self._fail,
        )
        self._closed = False

    def names(self) -> tuple[str, ...]:
        """Return the registered names, sorted."""
        return tuple(each["name"] for each in self.library.describe("workloads"))

    def prepare(self, name: str) -> WorkloadHandle:
        """Return the handle of a workload that :meth:`start` will start."""
        return WorkloadHandle(name, self, next(self._numbers))

    def start(self, handle: WorkloadHandle, arguments: dict[str, Any]) -> None:
        """Start a workload; see :meth:`flightrec.GoRuntime.start`. If it raises, none runs on."""
        self.library.check_fork()
        self.check_open()
        name, text = handle.name.encode(), json.dumps(arguments).encode()
        if not self._closed:
            self._thread.ensure()
        task = current_task_number() if self._annotations.on else 0
        error = abi.Error()
        try:
            self._running[handle._number] = handle
            status = self.library.cdll.flightrec_workload_start(
                name, text, task, handle._number, error
            )
            if status == Status.UNKNOWN:
                reason = error.text.decode().removeprefix("unknown: ")
                raise WorkloadError(reason, workload=handle.name, reason=reason)
            if status:
                raise error_for("flightrec_workload_start", status, error)
        except BaseException:
            self._running.pop(handle._number, None)
            handle.cancel()  # if it runs, nobody will ask for it
            raise

    def _collect(self, news: abi.News) -> None:
        handle = self._running.get(news.number)
        if handle is None:  # its start was interrupted
            self.discard(news.number)
        else:
            handle._finish()
            self._running.pop(news.number, None)

    def _fail(self, news: abi.News, exc: BaseException) -> None:
        if handle := self._running.pop(news.number, None):
            handle._fail(exc)

    def discard(self, number: int) -> None:
        """Have Go forget the result of a workload, if it has one."""
        self.library.cdll.flightrec_workload_result(number, None, 0, ctypes.c_size_t(), None)

    def check_open(self) -> None:
        """Raise FlightRecorderError if the interpreter is ending and this is its main thread.

        Other threads are daemons then, which end with the process wherever they wait.
        """
        if self._closed and threading.current_thread() is threading.main_thread():
            raise FlightRecorderError(
                "the interpreter is shutting down and no longer waits for workloads. An atexit "
                "function that uses them must be registered after flightrec.load()."
            )

    def close(self) -> None:
        """Have nobody wait any more, for the end of the process. Workloads that run go on."""
        self._closed = True
