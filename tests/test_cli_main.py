"""The command line as such: exit codes, errors, help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flightrec import __version__
from flightrec.cli import main
from tests.gomodules import run_command


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version says which flightrec it is."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"flightrec {__version__}\n"


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Help shows every command with a line about it."""
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("build", "validate", "view", "doctor"):
        assert f"    {command} " in out


@pytest.mark.parametrize(
    "arguments", [[], ["frobnicate"], ["validate"], ["build", "--godebug", "x", "p"]]
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage ends with 2 and says so on standard error."""
    assert main(arguments) == 2
    assert "usage: flightrec" in capsys.readouterr().err


def test_error_is_one_sentence_without_traceback(tmp_path: Path) -> None:
    """An error is told in a sentence on standard error, with exit code 2."""
    done = run_command("build", tmp_path / "nowhere", "-o", tmp_path / "lib.so")
    assert done.returncode == 2
    assert done.stderr == f"flightrec: there is no folder {tmp_path / 'nowhere'}\n"
    assert done.stdout == ""


def test_error_of_the_operating_system(tmp_path: Path) -> None:
    """A file that is not there is told by its name, with exit code 2."""
    done = run_command("validate", tmp_path / "none.trace")
    assert done.returncode == 2
    assert "none.trace: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_reader_that_goes_away() -> None:
    """A pipe that is closed early, as by head, is no error."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flightrec", "doctor"],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(write)
    assert done.stderr == b""
    assert done.returncode == 0


def test_commands_import_lazily() -> None:
    """Showing help loads neither the Go library nor what only some commands need."""
    script = (
        "import sys, flightrec.cli; flightrec.cli.main(['--help']); "
        "print(sorted(m for m in ('sqlite3', 'http.server') if m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("module", ["flightrec.cli.validate", "flightrec.cli.session"])
def test_ctrl_c_during_imports(module: str) -> None:
    """Ctrl-C while a command's modules are imported ends with 130, without a traceback."""
    script = f"""
import sys
from flightrec.cli import main

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
sys.exit(main(["run", "idle", "duration=1"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
