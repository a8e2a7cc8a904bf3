"""Running ``flightrec run`` in child processes, and Go programs without it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from tests.helpers import DEADLINE, ROOT

PROGRAMS = Path(__file__).parent / "data" / "go" / "programs"


class Libraries:
    """Builds the tests' programs, each once in a run of the tests."""

    def __init__(self, go: Toolchain, folder: Path) -> None:
        self._go = go
        self._folder = folder / "flightrec-libraries"

    def __call__(self, name: str) -> Path:
        """Return the library of a program in ``tests/data/go/programs``."""
        path = self._folder / f"lib{name}.so"
        if not path.exists():
            build(PROGRAMS / name, path, go=self._go.go)
        return path


class Ended(NamedTuple):
    """What a child process left: its status as subprocess has it, and its output."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """What flightrec itself said."""
        return "".join(s for s in self.err.splitlines(True) if s.startswith("flightrec:"))

    @property
    def own(self) -> tuple[int, str, str]:
        """Status and output without what flightrec said."""
        lines = self.err.splitlines(keepends=True)
        return self.status, self.out, "".join(s for s in lines if not s.startswith("flightrec:"))


class Running:
    """A child process whose output is collected while it runs. Killed if the test forgets it."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.PIPE,
    ) -> None:
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._out: list[bytes] = []
        self._err: list[bytes] = []
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read_out, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_err, args=(self.process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_out(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._out.append(line)
            self._lines.put(line)
        self._lines.put(b"")

    def _read_err(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._err.append(line)

    def expect(self, line: str) -> None:
        """Wait until it has printed a line."""
        while (got := self._lines.get(timeout=DEADLINE).decode()) != f"{line}\n":
            assert got, f"it ended without saying {line!r}: {self.finish()}"

    def said(self, text: str) -> bool:
        """Return whether its standard error has a text so far."""
        return text in b"".join(self._err).decode()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def write(self, text: str) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def finish(self) -> Ended:
        """Close its input, wait for its end and return what it left."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            status = self.process.wait(2 * DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler shows its threads
            status = self.process.wait(DEADLINE)
            self._collect()
            raise AssertionError(f"it hangs:\n{b''.join(self._err).decode()}") from None
        self._collect()
        return Ended(status, b"".join(self._out).decode(), b"".join(self._err).decode())

    def _collect(self) -> None:
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "somebody else holds its output open"
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Runner:
    """Starts ``flightrec run`` in a folder of its own, with a snapshot beside it."""

    def __init__(self, folder: Path, temporary: Path | None = None) -> None:
        self.folder = folder
        self.snapshot = folder / "s.trace"
        #: Where flightrec and Go put temporary files.
        self.temporary = temporary or folder / "temporary"
        folder.mkdir(exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        self.started: list[Running] = []

    def start(
        self,
        target: str | Path,
        *arguments: str | Path,
        options: Sequence[str | Path] = (),
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> Running:
        """Start it; ``arguments`` are the program's, ``before`` a command that starts ours."""
        running = Running(
            [
                *before,
                *(sys.executable, "-X", "dev", "-W", "error", "-m", "flightrec", "run"),
                *(target, "-o", self.snapshot, *options, "--", *arguments),
            ],
            cwd=cwd or self.folder,
            env={"TMPDIR": str(self.temporary), **(env or {})},
        )
        self.started.append(running)
        return running

    def run(
        self,
        target: str | Path,
        *arguments: str | Path,
        options: Sequence[str | Path] = (),
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run it to its end, with an empty standard input."""
        return self.start(target, *arguments, options=options, cwd=cwd, env=env).finish()

    def close(self) -> None:
        """Kill what a failed test has left."""
        for running in self.started:
            if running.process.poll() is None:
                running.process.kill()
                running.finish()
