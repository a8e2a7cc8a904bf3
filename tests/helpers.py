"""What many tests need: child processes, threads with deadlines, workloads that end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import flightrec

#: How many seconds anything that is to happen may take, on however busy a machine.
DEADLINE = 60.0

ROOT = Path(__file__).resolve().parents[1]

T = TypeVar("T")

_PREAMBLE = f"""
import faulthandler, os, signal, sys, threading, time
faulthandler.dump_traceback_later({DEADLINE}, exit=True)
import flightrec

def fork():
    # Its timer is a thread, for which a forked child would wait at its end.
    faulthandler.cancel_dump_traceback_later()
    return os.fork()
"""


class Child:
    """Runs Python code in a child process that has a library of its own choice."""

    def __init__(self, library: Path) -> None:
        self.library = library

    def run(
        self,
        code: str,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run the code to its end, with every warning an error; ``sys.argv[1:]`` is arguments.

        A child that hangs shows its stacks and fails. With ``check`` it must also end with
        status 0 and say nothing on its standard error.
        """
        command = [
            sys.executable,
            *("-X", "dev", "-W", "error"),
            *("-c", _PREAMBLE + textwrap.dedent(code)),
            *map(str, arguments),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FLIGHTREC_LIBRARY": str(self.library),
            **(env or {}),
        }
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=1.5 * DEADLINE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its own children as well
                out, err = process.communicate()
                err += "\n(it was killed for taking too long)"
        done = subprocess.CompletedProcess(command, process.returncode, out, err)
        if check and (done.returncode or done.stderr):
            raise AssertionError(
                f"the child ended with status {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done


class Thread:
    """A thread whose result or exception is collected, within a deadline."""

    def __init__(self, target: Callable[..., Any], *arguments: Any) -> None:
        self._result: Any = None
        self._error: BaseException | None = None

        def run() -> None:
            try:
                self._result = target(*arguments)
            except BaseException as exc:
                self._error = exc

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def result(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "the thread hangs"
        if self._error is not None:
            raise self._error
        return self._result


def together(count: int, target: Callable[[int], T]) -> list[T | BaseException]:
    """Call a function in as many threads at once; return what each returned or raised."""
    barrier = threading.Barrier(count)

    def run(number: int) -> T:
        barrier.wait(DEADLINE)
        return target(number)

    threads = [Thread(run, number) for number in range(count)]
    out: list[T | BaseException] = []
    for thread in threads:
        try:
            out.append(thread.result())
        except Exception as exc:
            out.append(exc)
    return out


@contextlib.contextmanager
def running(
    runtime: flightrec.GoRuntime, name: str, /, **arguments: Any
) -> Iterator[flightrec.WorkloadHandle]:
    """Have a workload run during a ``with`` block."""
    handle = runtime.start(name, **arguments)
    try:
        yield handle
        assert not handle.done, handle.result()
    finally:
        handle.cancel()
        with contextlib.suppress(flightrec.WorkloadError):
            handle.result(DEADLINE)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that has no event of its own, in the bridge; fail at the deadline."""
    pause = threading.Event()
    for _ in range(int(DEADLINE * 1000)):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError(f"it did not come to pass: {what}")


def fill_until(runtime: flightrec.GoRuntime, condition: Callable[[], object], what: str) -> None:
    """Fill the trace with many bytes in few events, which are soon read, until something is so."""

    def filled() -> object:
        for _ in range(250):
            runtime.log("fill", "x" * 1000)
        return condition()

    until(filled, what)
