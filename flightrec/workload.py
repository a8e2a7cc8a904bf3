"""Go workloads: functions registered in Go that Python calls by name."""

from __future__ import annotations

import ctypes
import json
import threading
import time
from collections.abc import Generator
from typing import Any

from flightrec import abi
from flightrec.abi import Status
from flightrec.annotate import Annotations, current_task_number
from flightrec.errors import WorkloadError, WorkloadPanicError
from flightrec.finished import Finished
from flightrec.library import Library, error_for
from flightrec.signals import takes_no_signals

__all__ = ["WorkloadHandle", "Workloads"]

#: How often a wait on the main thread looks for signals, in seconds.
_LOOK_UP = 0.1


class WorkloadHandle:
    """A workload that was started. Any thread may use it.

    Waits wake for Ctrl-C at once. A handle that is thrown away leaves its workload running.
    """

    def __init__(self, name: str, library: Library, handle: int) -> None:
        self._name = name
        self._library = library
        self._handle = handle
        self._finished = Finished()
        self._result: Any = None
        self._error: WorkloadError | None = None

    @property
    def name(self) -> str:
        """The workload's name."""
        return self._name

    @property
    def done(self) -> bool:
        """Whether it has returned, failed or panicked."""
        return self._finished.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is done, for at most ``timeout`` seconds; return :attr:`done`."""
        if threading.current_thread() is not threading.main_thread():
            return self._finished.wait(timeout)
        # The system may give the signal of a Ctrl-C to one of Go's threads, which does not wake
        # this one (measured: 1 in 20 beside busy goroutines), so it looks up now and then.
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _LOOK_UP if until is None else min(_LOOK_UP, until - time.monotonic())
            if self._finished.wait(max(left, 0)) or left < _LOOK_UP:
                return self._finished.is_set()

    def cancel(self) -> None:
        """Cancel the workload's context, and do not wait. Does nothing if it is done."""
        if self._finished.is_set():
            return
        self._library.check_fork()
        # It may finish meanwhile: then its handle is unknown, which is as good.
        self._library.cdll.flightrec_workload_cancel(self._handle, abi.Error())

    def result(self, timeout: float | None = None) -> Any:
        """Wait, and return what the Go function returned, as ``json.loads`` reads it.

        :param timeout: in seconds.
        :raises TimeoutError: it is not done after that time; it goes on.
        :raises WorkloadPanicError: it panicked.
        :raises WorkloadError: it returned an error, or was cancelled and said so by one.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"workload {self._name!r} is not done after {timeout} s")
        if self._error is not None:
            raise self._error
        return self._result

    def _finish(self) -> None:
        """Fetch the result from Go, which forgets it."""
        length, error = ctypes.c_size_t(), abi.Error()
        buffer = ctypes.create_string_buffer(4096)
        fetch = self._library.cdll.flightrec_workload_result
        while True:
            status = fetch(self._handle, buffer, len(buffer), length, error)
            if status != Status.SHORT:
                break
            buffer = ctypes.create_string_buffer(length.value)
        text = buffer.raw[: length.value].decode(errors="replace")
        reason = error.text.decode(errors="replace")
        if status == Status.OK:
            self._result = json.loads(text)
        elif status == Status.PANIC:
            reason = reason.removeprefix("panic: ")
            self._error = WorkloadPanicError(
                f"workload {self._name!r} panicked: {reason}",
                workload=self._name,
                reason=reason,
                stack=text,
            )
        else:
            verb = "was cancelled" if status == Status.CANCELLED else "failed"
            self._error = WorkloadError(
                f"workload {self._name!r} {verb}: {reason}", workload=self._name, reason=reason
            )
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
    """The workloads of one library. Safe to use from any thread.

    One daemon thread, begun with the first workload, waits in Go for any of them to finish. So a
    wait in Python is one on a Python event, which Ctrl-C interrupts, and not one inside Go.
    """

    def __init__(self, library: Library, annotations: Annotations) -> None:
        self._library = library
        self._annotations = annotations
        self._lock = threading.Lock()
        self._running: dict[int, WorkloadHandle] = {}
        self._thread: threading.Thread | None = None

    def names(self) -> tuple[str, ...]:
        """Return the registered names, sorted."""
        return tuple(json.loads(self._library.text("flightrec_workload_names")))

    def start(self, name: str, arguments: dict[str, Any]) -> WorkloadHandle:
        """Start a workload; see :meth:`flightrec.GoRuntime.start`."""
        self._library.check_fork()
        text = json.dumps(arguments).encode()
        task = current_task_number() if self._annotations.on else 0
        number, error = ctypes.c_uint64(), abi.Error()
        # The waiting thread takes the lock as well, so it cannot look for a handle too early.
        with self._lock:
            status = self._library.cdll.flightrec_workload_start(
                name.encode(), text, task, number, error
            )
            if status == Status.UNKNOWN:
                reason = error.text.decode().removeprefix("unknown: ")
                raise WorkloadError(reason, workload=name, reason=reason)
            if status:
                raise error_for("flightrec_workload_start", status, error)
            handle = WorkloadHandle(name, self._library, number.value)
            self._running[number.value] = handle
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._collect, name="flightrec-workloads", daemon=True
                )
                self._thread.start()
        return handle

    @takes_no_signals
    def _collect(self) -> None:
        number, error = ctypes.c_uint64(), abi.Error()
        while self._library.cdll.flightrec_workload_next(number, error) == Status.OK:
            with self._lock:
                handle = self._running.pop(number.value)
            handle._finish()

    def close(self) -> None:
        """End the waiting thread, for the end of the process. Workloads that run go on."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._library.cdll.flightrec_workload_wake()
            thread.join()
