"""``flightrec doctor``."""

from __future__ import annotations

import os
from pathlib import Path

import flightrec
from tests.gomodules import run_command


def test_all_is_well(runtime: flightrec.GoRuntime) -> None:
    """Where recording works, it says so with the Go version, and ends with 0."""
    done = run_command("doctor")
    assert done.returncode == 0, done.stdout
    assert "Recording works here." in done.stdout
    assert f"{runtime.go_version}, " in done.stdout


def test_library_that_cannot_be_loaded(tmp_path: Path) -> None:
    """Where the library cannot be loaded, it says why, and ends with 1."""
    library = tmp_path / "libtext.so"
    library.write_text("not a library\n")
    done = run_command("doctor", env={**os.environ, "FLIGHTREC_LIBRARY": str(library)})
    assert done.returncode == 1
    assert "Recording does not work here." in done.stdout
    assert f"cannot load {library}" in done.stdout


def test_no_go(runtime: flightrec.GoRuntime) -> None:
    """Without Go it tells what then does not work; recording does."""
    done = run_command("doctor", "--go", "/nowhere/go")
    assert done.returncode == 0
    assert "FAIL  Go " in done.stdout
    assert "Recording works here." in done.stdout
    assert "Building Go packages does not work here." in done.stdout
