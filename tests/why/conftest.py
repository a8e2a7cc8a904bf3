"""Recordings of slow programs, made once for all tests of explanations."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

import flightrec
from flightrec.errors import ToolchainError
from flightrec.trace.why import Explanation, explain
from tests import helpers_go
from tests.helpers import DEADLINE, ROOT
from tests.why.cases import CASES, OTHERS, PYTHON_CASES, Case
from tests.why.checking import check_cause
from tests.why.words import SINCE, missing

SOURCE = ROOT / "tests" / "data" / "why"


def record(library: Path, folder: Path, names: Iterable[str]) -> Path:
    """Record programs of a library in a process of its own; return the folder."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.why.record", str(library), str(folder), *names],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def why_library(pytestconfig: pytest.Config, runtime: flightrec.GoRuntime) -> Path:
    """Build the library of slow programs with the loaded library's Go; kept between runs."""
    return helpers_go.build_test_library(pytestconfig.cache, runtime.go_version, SOURCE)


@contextmanager
def skip_without_modules() -> Iterator[None]:
    """Skip the test if modules cannot be downloaded for a build."""
    try:
        yield
    except ToolchainError as exc:
        text = f"{exc}\n{exc.output}"
        if re.search("cannot download|lookup disabled|dial tcp|no such host|proxy", text):
            pytest.skip(text)
        raise


class Corpus:
    """A folder of snapshots, and what is said of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: What stands out in a program's snapshot, explained once.
        self.explained: Callable[[str], Explanation] = cache(self._explain)

    def path(self, name: str) -> Path:
        """Return the snapshot of a program."""
        return self.folder / f"{name}.trace"

    def _explain(self, name: str) -> Explanation:
        return explain(self.path(name))


@pytest.fixture(scope="session")
def corpus(why_library: Path, go_minor: int, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Record every slow program, all in one process.

    On a busy machine a request may be slower for want of a CPU than for its cause. Such ones are
    recorded again, a few times.
    """
    found = Corpus(tmp_path_factory.mktemp("corpus"))
    cases = {case.name: case for case in (*CASES, *PYTHON_CASES) if case.since <= go_minor}
    names = [*OTHERS, *cases]
    for _ in range(6):
        record(why_library, found.folder, names)
        found = Corpus(found.folder)
        names = [name for name in names if not _is_right(found, name, cases.get(name), go_minor)]
        if not names:
            break
    return found


def _is_right(corpus: Corpus, name: str, case: Case | None, go_minor: int) -> bool:
    if go_minor >= SINCE.get(name, 0) and any(missing(name, corpus.explained(name))):
        return False
    try:
        if case is not None:
            check_cause(corpus.explained(name), case)
    except AssertionError:
        return False
    return True
