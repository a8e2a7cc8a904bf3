"""A Go program in a child process, under ``flightrec run``."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from flightrec.errors import FlightRecorderError
from flightrec.pytest_plugin.capture import Capture
from flightrec.pytest_plugin.child import command

if TYPE_CHECKING:
    from flightrec.testing import Window

__all__ = ["GoProgram", "ProgramError", "is_answered"]

T = TypeVar("T")

#: Between two looks at something that the program does, in seconds.
_LOOK: Final = 0.01
#: With these a Go program ends that panics, or in which the runtime finds a fatal error.
_CRASHES: Final = (2, -signal.SIGABRT)
_CRASH: Final = re.compile(r"^(panic|fatal error): .*$", re.MULTILINE)
#: Of what it has said last so much stands in an error.
_TOLD: Final = 200
#: How long a program that was killed may take to be gone, in seconds.
_GONE: Final = 30.0
#: How long it may take to answer a request for its window, in seconds.
_ANSWER: Final = 10.0


class ProgramError(FlightRecorderError):
    """A program did not do what a test waited for.

    :ivar returncode: with which status it has ended, as :mod:`subprocess` has it; None if it runs.
    :ivar out: what it had printed.
    :ivar err: the same, on standard error.
    """

    def __init__(self, message: str, *, returncode: int | None, out: str, err: str) -> None:
        said = _CRASH.search(err)
        last = said[0] if said is not None else err.rstrip().rpartition("\n")[2]
        super().__init__(f"{message}: {last[:_TOLD]}" if last else message)
        self.returncode = returncode
        self.out = out
        self.err = err


class GoProgram:
    """A program that runs in a child process and is recorded there.

    The fixtures ``go_program`` and ``go_program_factory`` make it. It is used by one thread, but
    any may ask for its window. As a context manager it is stopped at the end.

    :ivar name: the program's short name.
    :ivar pid: its process.
    :ivar ready: what ``ready_line`` has found.
    """

    def __init__(
        self,
        library: Path,
        arguments: Sequence[str],
        folder: Path,
        *,
        name: str,
        options: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
    ) -> None:
        self.name = name
        self.ready: re.Match[str] | None = None
        self.closed = False
        self._library = library
        self._arguments = list(arguments)
        self._trace = folder / f"{name}.trace"
        self._dump = folder / f"{name}-running.trace"
        self._out, self._err = Capture(folder / "stdout"), Capture(folder / "stderr")
        self._asked = False  # whether the test knows how it has ended
        theirs, self._ours = os.pipe()
        try:
            with self._out.path.open("wb") as out, self._err.path.open("wb") as err:
                self._process = subprocess.Popen(
                    [
                        *command(theirs),
                        *("run", str(library), "-o", str(self._trace), "-q", *options),
                        *("--", *arguments),
                    ],
                    cwd=cwd,
                    env={**os.environ, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    pass_fds=(theirs,),
                    start_new_session=True,  # Ctrl-C is for the tests
                )
        except BaseException:
            os.close(self._ours)
            raise
        finally:
            os.close(theirs)
        self.pid = self._process.pid

    def __repr__(self) -> str:
        return f"<GoProgram {self.name}, process {self.pid}, {self._state()}>"

    # ---- what it does

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return self._out.text

    @property
    def err(self) -> str:
        """What it has printed on standard error so far."""
        return self._err.text

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_for_line(self, pattern: str | re.Pattern[str], timeout: float = 30.0) -> re.Match[str]:
        """Wait until a line that it prints matches (``re.search``), and return the match.

        Lines that were printed before count as well, of both streams.

        :param timeout: in seconds.
        :raises ProgramError: it ends without, or takes longer.
        """
        __tracebackhide__ = True
        wanted = re.compile(pattern)
        places = [0, 0]

        def look(ended: bool) -> re.Match[str] | None:
            for number, stream in enumerate((self._out, self._err)):
                found, places[number] = stream.search(wanted, places[number], ended=ended)
                if found is not None:
                    return found
            return None

        return self._wait(look, timeout, f"printed a line with {wanted.pattern!r}")

    def wait_for_port(self, port: int, host: str = "localhost", timeout: float = 30.0) -> None:
        """Wait until something answers at a TCP port.

        :param timeout: in seconds.
        :raises ProgramError: it ends before, or takes longer.
        """
        __tracebackhide__ = True
        self._wait(lambda _: is_answered(host, port) or None, timeout, f"listened on {host}:{port}")

    def _wait(self, look: Callable[[bool], T | None], timeout: float, what: str) -> T:
        __tracebackhide__ = True
        due = time.monotonic() + timeout
        while True:
            ended = not self.running  # asked first: what it has printed at last is seen
            found = look(ended)
            if found is not None:
                return found
            if ended:
                self._asked = True
                raise self._error(f"{self.name} {self._state()} before it {what}")
            if time.monotonic() >= due:
                raise self._error(f"{self.name} has not {what} within {timeout:g} s; it still runs")
            time.sleep(_LOOK)

    def _state(self) -> str:
        status = self._process.poll()
        if status is None:
            return "running"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def _error(self, message: str) -> ProgramError:
        return ProgramError(message, returncode=self._process.poll(), out=self.out, err=self.err)

    # ---- its end

    @property
    def facts(self) -> dict[str, Any]:
        """What metadata says of it."""
        return {
            "pid": self.pid,
            "library": str(self._library),
            "arguments": self._arguments,
            "status": self._process.poll(),
        }

    @property
    def returncode(self) -> int | None:
        """With which status it has ended, as :mod:`subprocess` has it; None while it runs."""
        self._asked = True
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float = 30.0) -> int:
        """Wait until it ends by itself, and return its status.

        :param timeout: in seconds.
        :raises ProgramError: it takes longer.
        """
        __tracebackhide__ = True
        self._asked = True
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self._error(f"{self.name} has not ended within {timeout:g} s") from None

    def stop(self, timeout: float = 10.0) -> int:
        """End it by SIGTERM and return its status: 143 if it leaves that signal to its default.

        One that has ended already is no error. One that takes longer is killed; its window is what
        it was just before.

        :param timeout: in seconds.
        :raises ProgramError: it did not end by SIGTERM.
        """
        __tracebackhide__ = True
        self._asked = True
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._kill()
            raise self._error(
                f"{self.name} did not end within {timeout:g} s of SIGTERM, and was killed"
            ) from None

    def _kill(self) -> None:
        with contextlib.suppress(FlightRecorderError, OSError):
            self.dump()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # and what it has started
        self._process.wait(_GONE)

    def close(self) -> None:
        """Stop it if it runs.

        :raises ProgramError: it did not end by SIGTERM; or it had crashed or ended with an error,
            and the test has not asked about that.
        """
        __tracebackhide__ = True
        if self.closed:
            return
        self.closed = True
        asked, before = self._asked, self._process.poll()
        try:
            status = self.stop()
        finally:
            os.close(self._ours)
        if not asked and (before or status in _CRASHES):
            raise self._error(f"{self.name} {self._state()} during the test")

    def __enter__(self) -> GoProgram:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ---- its window

    @property
    def snapshot(self) -> Path:
        """The window at its end, as a file.

        :raises ProgramError: it still runs (see :meth:`dump`), or has left none.
        """
        if self.running:
            raise self._error(f"{self.name} still runs: stop() it, or dump() its window")
        for path in (self._trace, self._dump):
            if path.exists():
                return path
        raise self._error(f"{self.name} {self._state()} and left no snapshot")

    def dump(self) -> Path:
        """Write the window of the running program to a file, and return that.

        The next call replaces it.

        :raises FlightRecorderError: it does not run, or does not answer.
        """
        from flightrec.newfile import new_file

        __tracebackhide__ = True
        with new_file(self._dump) as file:
            self.ask_window(file, reason="dump()")
        return self._dump

    def ask_window(self, file: int, *, reason: str) -> dict[str, Any]:
        """Have the running program write its window to an open file; return the metadata.

        Any thread may call it. One whose Go runtime hangs writes all but the newest events.

        :raises FlightRecorderError: it does not run, or does not answer.
        """
        from flightrec.control.client import ask, find

        __tracebackhide__ = True
        if not self.running:
            raise self._error(f"{self.name} {self._state()}: its window until then is its snapshot")
        try:
            recorder = find(self.pid)
        except FlightRecorderError:
            raise self._error(f"{self.name} does not record yet, or not any more") from None
        request = {"do": "dump", "reason": reason}
        facts: dict[str, Any] = ask(recorder, request, timeout=_ANSWER, file=file)["metadata"]
        return facts

    def window(self) -> Window:
        """Return its window, for assertions: until now, or until its end.

        :raises FlightRecorderError: there is none.
        """
        from flightrec.testing import Window

        return Window(self.dump() if self.running else self.snapshot)


def is_answered(host: str, port: int) -> bool:
    """Whether something accepts connections at a TCP port."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
