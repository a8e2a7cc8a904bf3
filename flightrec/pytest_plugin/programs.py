"""The Go programs that the tests of a session start."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flightrec.errors import ToolchainError
from flightrec.pytest_plugin.golibrary import built_library
from flightrec.pytest_plugin.program import GoProgram, ProgramError, is_answered

if TYPE_CHECKING:
    from flightrec.pytest_plugin.options import Options

__all__ = ["ProgramStarter", "Programs"]

#: Of a program's output a report shows so many characters; all of it is in the test's folder.
_SHOWN: Final = 10_000


class Programs:
    """Those that run, and those that have ended since the test began."""

    def __init__(self) -> None:
        self._started: list[GoProgram] = []

    def named(self) -> Iterator[tuple[str, GoProgram]]:
        """Yield each with a name of its own: ``server``, ``server-2``."""
        seen: Counter[str] = Counter()
        for program in list(self._started):
            seen[program.name] += 1
            number = seen[program.name]
            yield program.name if number == 1 else f"{program.name}-{number}", program

    def add(self, program: GoProgram) -> None:
        """Add one."""
        self._started.append(program)

    def printed(self) -> list[tuple[str, str, str]]:
        """Return what they have printed, if anything: name, stream and text."""
        return [
            (name, stream, text[-_SHOWN:])
            for name, program in self.named()
            for stream, text in (("stdout", program.out), ("stderr", program.err))
            if text
        ]

    def forget_closed(self) -> None:
        """A test has ended: what was stopped is of no interest to the next one."""
        self._started = [program for program in self._started if not program.closed]


class ProgramStarter:
    """Starts Go programs in child processes under ``flightrec run``.

    It is the value of the fixtures ``go_program`` and ``go_program_factory``.

    :param shared: a folder that lasts as long as the session, and that its workers share.
    :param folder: makes a new folder for a program.
    """

    def __init__(
        self, options: Options, programs: Programs, shared: Path, folder: Callable[[], Path]
    ) -> None:
        self._options = options
        self._programs = programs
        self._shared = shared
        self._folder = folder
        self._started: list[GoProgram] = []

    def __call__(
        self,
        package: str | os.PathLike[str],
        *arguments: str | os.PathLike[str],
        ready_line: str | re.Pattern[str] | None = None,
        ready_port: int | tuple[str, int] | None = None,
        timeout: float = 30.0,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        tags: Sequence[str] = (),
        race: bool = False,
        instrument: Sequence[str] = (),
    ) -> GoProgram:
        """Build a package, once a session for all workers, run its ``main``, and wait for it.

        :param package: a folder, relative to the ini file; an import path; ``import/path@version``;
            or a library that ``flightrec build`` has made.
        :param arguments: the program's.
        :param ready_line: it is ready once it prints a line in which this pattern is found.
        :param ready_port: it is ready once it listens there: a port, or host and port.
        :param timeout: how long it may take to be ready, in seconds. The build does not count.
        :param env: environment variables, on top of those of the tests.
        :param cwd: the folder to run it in; by default an empty one of its own.
        :param tags: build tags.
        :param race: build it with the race detector.
        :param instrument: as of ``flightrec build``: ``net/http``, ``database/sql``.
        :raises ToolchainError: it cannot be built.
        :raises ProgramError: it ends before it is ready, or is not ready in time.
        """
        __tracebackhide__ = True
        port = ("localhost", ready_port) if isinstance(ready_port, int) else ready_port
        try:
            library = built_library(
                os.fspath(package),
                self._options.package_folder,
                self._shared,
                tags=tuple(tags),
                race=race,
                instrument=tuple(instrument),
            )
        except ToolchainError as exc:
            raise exc.with_traceback(None) from None  # how it is built is not the test's matter
        name = library.name.partition(".")[0].removeprefix("lib")
        if port is not None and is_answered(*port):
            raise ProgramError(
                f"{name} was not started: something else listens on {port[0]}:{port[1]} already",
                returncode=None,
                out="",
                err="",
            )
        folder = self._folder()
        own = folder / "cwd"
        own.mkdir()
        program = GoProgram(
            library,
            [os.fspath(argument) for argument in arguments],
            folder,
            name=name,
            options=(
                f"--max-bytes={self._options.max_bytes}B",
                f"--min-age={self._options.min_age:f}s",
            ),
            cwd=own if cwd is None else Path(cwd),
            env=env or {},
        )
        self._started.append(program)
        self._programs.add(program)
        if ready_line is not None:
            program.ready = program.wait_for_line(ready_line, timeout)
        if port is not None:
            program.wait_for_port(port[1], port[0], timeout)
        return program

    def close(self) -> None:
        """Stop all that it has started, the last one first.

        :raises ProgramError: the first thing that went wrong.
        """
        __tracebackhide__ = True
        with contextlib.ExitStack() as stack:
            for program in self._started:
                stack.callback(program.close)
