"""The Go side of tests: having Go read traces, and building the test library."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

import flightrec
from flightrec.gobuild.bundled import build_bridge
from flightrec.gobuild.overlays import DEFAULT_OVERLAYS
from flightrec.gobuild.overlays.program_trace import PROGRAM_TRACE
from flightrec.threadnames import THREAD_CATEGORY
from flightrec.toolchain import Toolchain, find_toolchain, parse_version
from tests.environment import alone_in
from tests.helpers import ROOT
from tests.trace.toolchains import Toolchain as GoRoot
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import build_verdict_program

TEST_LIBRARY_SOURCE = Path(__file__).parent / "data" / "golib"


def minor(version: str) -> int:
    """26 for ``go1.26.8``."""
    return parse_version(version)[1]


def reading_toolchain(library_minor: int) -> Toolchain:
    """Return a toolchain that is not older than a library's, or skip the test."""
    candidates: list[Path | None] = [None, *(Path(tool.go) for tool in toolchains())]
    for candidate in candidates:
        try:
            toolchain = find_toolchain(candidate)
        except flightrec.ToolchainError:
            continue
        if toolchain.version >= (1, library_minor):
            return toolchain
    pytest.skip(f"there is no Go toolchain to read the traces of Go 1.{library_minor}")


class Event(NamedTuple):
    """An event of a trace, as ``go tool trace -d=parsed`` prints it."""

    kind: str
    goroutine: int
    time: int
    text: str

    def value(self, name: str) -> str:
        """Return a field of the event's text: of ``ID=1 Type="t"``, ``ID`` is 1."""
        match = re.search(rf'\b{name}=("(?:[^"\\]|\\.)*"|\S+)', self.text)
        assert match is not None, (name, self.text)
        return match[1].strip('"')


_EVENT = re.compile(r"^M=-?\d+ P=-?\d+ G=(-?\d+) (\w+) Time=(-?\d+) ?(.*)$")


class Judge:
    """Has traces read by Go's own reader."""

    def __init__(self, go: Toolchain, folder: Path) -> None:
        self.go = go
        self._folder = folder
        self._names = (folder / f"{number}.trace" for number in itertools.count())

    def _file(self, trace: bytes | Path | flightrec.Snapshot) -> Path:
        if isinstance(trace, Path):
            return trace
        path = next(self._names)
        path.write_bytes(bytes(trace))
        return path

    def check(self, trace: bytes | Path | flightrec.Snapshot) -> int:
        """Fail unless the trace is valid to its end; return how many events Go reads."""
        return self.check_all([trace])[0]

    def check_all(self, traces: Iterable[bytes | Path | flightrec.Snapshot]) -> list[int]:
        """Check many at once, by Go's reader in one process: ``go tool trace`` starts slowly."""
        paths = [self._file(trace) for trace in traces]
        done = subprocess.run(
            [str(self._program)],
            input="".join(f"{path.absolute()}\n" for path in paths),
            capture_output=True,
            text=True,
            check=True,
        )
        verdicts = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
        for path, (verdict, events, *reason) in zip(paths, verdicts, strict=True):
            assert verdict == "accept", f"{path}: {''.join(reason)}, after {events} events"
            assert int(events) > 0, path
        return [int(events) for _, events, *_ in verdicts]

    @functools.cached_property
    def _program(self) -> Path:
        built = self._folder / "goverdict"
        build_verdict_program(GoRoot(self.go.root, self.go.version_text), built)
        return built

    def events(self, trace: bytes | Path | flightrec.Snapshot) -> list[Event]:
        """Return the events that Go reads, in its order; fail unless the trace is valid.

        The logs that name Python's threads, which every recording has, are left out.
        """
        mode = "-d=parsed" if self.go.version >= (1, 24) else "-d=1"
        done = subprocess.run(
            [str(self.go.go), "tool", "trace", mode, str(self._file(trace))],
            env=self.go.env(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        matches = filter(None, map(_EVENT.match, done.stdout.splitlines()))
        events = (Event(m[2], int(m[1]), int(m[3]), m[4]) for m in matches)
        return [event for event in events if f'="{THREAD_CATEGORY}"' not in event.text]

    def messages(self, trace: bytes | Path | flightrec.Snapshot, category: str) -> list[str]:
        """Return the log messages of a category, in order; fail unless the trace is valid."""
        logs = [event for event in self.events(trace) if event.kind == "Log"]
        return [e.value("Message") for e in logs if e.value("Category") == category]


def build_test_library(
    cache: pytest.Cache, go_version: str, source: Path = TEST_LIBRARY_SOURCE
) -> Path:
    """Build a library of the tests' with the toolchain of the loaded one, or the nearest found.

    The result is kept in pytest's cache under a hash of all that goes into it.
    """
    go = reading_toolchain(minor(go_version))
    go.require_c_compiler()
    sources = [
        path
        for folder in (source, ROOT / "gobridge", ROOT / "flightrec" / "gobuild")
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".go", ".c", ".h", ".mod", ".py"} and not path.name.endswith("_test.go")
    ]
    digest = hashlib.sha256(go.version_text.encode())
    for path in sources:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    folder = cache.mkdir(f"flightrec-{source.name}")
    library = folder / f"{digest.hexdigest()[:24]}.so"
    with alone_in(folder):
        if library.exists():
            return library
        for old in folder.glob("*.so"):  # at most one for each Go version is of use
            if old.stat().st_mtime < folder.stat().st_mtime - 24 * 3600:
                old.unlink()
        # Without this one, so that the program's tracing is in the recorder's way.
        overlays = [overlay for overlay in DEFAULT_OVERLAYS if overlay is not PROGRAM_TRACE]
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            built = Path(scratch) / library.name
            build_bridge(built, go, ".", folder=source, overlays=overlays)
            built.replace(library)
    return library
