"""Recordings of slow programs, made once for all tests of explanations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import flightrec
from tests import helpers_go
from tests.helpers import DEADLINE, ROOT
from tests.why.cases import CASES, PYTHON_CASES

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
    """Record every slow program, and one with nothing slow; return the folder of snapshots."""
    names = [case.name for case in (*CASES, *PYTHON_CASES) if case.since <= go_minor]
    return record(why_library, tmp_path_factory.mktemp("corpus"), [*names, "uniform"])
