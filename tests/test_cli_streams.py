"""The command line with closed, full and narrow-minded standard streams."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flightrec.toolchain import Toolchain
from tests.helpers import DEADLINE, ROOT
from tests.helpers_run import Libraries

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")


@pytest.fixture(scope="session")
def libraries(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what builds one of the tests' programs, once."""
    return Libraries(go, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small trace."""
    path = tmp_path_factory.mktemp("trace") / "s.trace"
    done = shell(f'"$@" run idle duration=0.1 -q -o {path}')
    assert done.returncode == 0, done.stderr
    return path


def shell(
    script: str, encoding: str | None = None, unbuffered: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script in which "$@" is flightrec."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    if encoding is not None:
        env["PYTHONIOENCODING"] = encoding
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "flightrec"]
    return subprocess.run(
        ["bash", "-c", script, "bash", *command],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_status_with_closed_streams(
    closing: str, libraries: Callable[[str], Path], tmp_path: Path
) -> None:
    """A program's status is ours with any standard stream closed, and the snapshot is written."""
    script = f'"$@" run {libraries("ends")} -o {tmp_path}/s.trace -- "exit" {closing}'
    done = shell(script)
    assert done.returncode == 7
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "s.trace").stat().st_size > 100


def test_closed_stream_is_nobody_elses(libraries: Callable[[str], Path], tmp_path: Path) -> None:
    """What a program prints to a closed standard output lands in no file that we have opened."""
    script = f'"$@" run {libraries("ends")} -o {tmp_path}/s.trace -- "much output" >&-'
    assert shell(script).returncode == 0
    assert shell(f'"$@" validate {tmp_path}/s.trace').returncode == 0


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-"])
@pytest.mark.parametrize("command", ["validate", "info", "events"])
def test_commands_with_closed_streams(command: str, closing: str, trace: Path) -> None:
    """Commands that read a trace do their work and have its status."""
    done = shell(f'"$@" {command} {trace} {closing}')
    assert (done.returncode, done.stderr) == (0, b"")
    done = shell(f'"$@" {command} /dev/null {closing}')
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["validate {}", "events {}", "doctor --go /x"])
def test_full_output(command: str, unbuffered: str, trace: Path) -> None:
    """Output that cannot be written is told in one sentence, with status 2."""
    done = shell(f'"$@" {command.format(trace)} >/dev/full', unbuffered=unbuffered)
    assert done.returncode == 2
    (said,) = done.stderr.decode().splitlines()
    assert said.startswith("flightrec: ")
    assert said.endswith("No space left on device")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("command", ["run --help", "info {}", "events {}", "validate /…µ→"])
def test_narrow_encoding(command: str, encoding: str, trace: Path) -> None:
    """What an encoding cannot show is shown by something similar, on either stream."""
    done = shell(f'"$@" {command.format(trace)}', encoding)
    assert b"Traceback" not in done.stderr
    assert done.returncode == (2 if "validate" in command else 0)
    if encoding == "ascii" and command == "run --help":
        assert b"[KEY=VALUE ...] [-- ARGS ...]" in done.stdout
    if encoding == "ascii" and "validate" in command:
        assert b"flightrec: /...u->: No such file" in done.stderr


def test_file_name_that_is_no_text(tmp_path: Path) -> None:
    """The bytes of a file name that is no UTF-8 are shown as they are."""
    done = shell(f'"$@" validate "{tmp_path}/"$\'\\xff\'')
    assert done.stderr.endswith(b"/\xff: No such file or directory\n")


def test_standard_error_that_nobody_reads(libraries: Callable[[str], Path], tmp_path: Path) -> None:
    """A broken standard error costs a program neither its status nor its snapshot."""
    script = f'"$@" run {libraries("ends")} -o {tmp_path}/s.trace -- exit 2> >(exec 0<&-)'
    assert shell(script).returncode == 7
    assert (tmp_path / "s.trace").stat().st_size > 100
