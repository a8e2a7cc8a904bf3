"""Recordings of slow programs, made once for all tests of explanations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import flightrec
from flightrec.trace.why import explain
from tests import helpers_go
from tests.helpers import DEADLINE, ROOT
from tests.why.cases import CASES, PYTHON_CASES, Case
from tests.why.checking import check_cause

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


@pytest.fixture(scope="session")
def corpus(why_library: Path, go_minor: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record every slow program; return the folder of snapshots.

    On a busy machine a request may be slower for want of a CPU than for its cause. Such ones are
    recorded again, a few times.
    """
    folder = tmp_path_factory.mktemp("corpus")
    cases = [case for case in (*CASES, *PYTHON_CASES) if case.since <= go_minor]
    for _ in range(4):
        record(why_library, folder, [case.name for case in cases])
        cases = [case for case in cases if not _is_right(folder, case)]
        if not cases:
            break
    record(why_library, folder, ["uniform"])
    return folder


def _is_right(folder: Path, case: Case) -> bool:
    try:
        check_cause(explain(folder / f"{case.name}.trace"), case)
    except AssertionError:
        return False
    return True
