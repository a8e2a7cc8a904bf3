"""``flightrec view``."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.gomodules import run_command
from tests.test_cli_validate import whole

__all__ = ["whole"]  # a fixture


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_serves_the_viewer_until_interrupted(whole: Path) -> None:
    """Go's viewer answers on the address asked for, and Ctrl-C ends it, leaving nothing."""
    viewer = subprocess.Popen(
        [sys.executable, "-m", "flightrec", "view", str(whole), "--http", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": "true"},
        start_new_session=True,  # Ctrl-C reaches all of a terminal's foreground processes
    )
    assert viewer.stderr is not None
    with viewer, viewer.stderr:
        said = ""
        while (match := re.search(r"http://[\d.:]+", said)) is None:
            line = viewer.stderr.readline()
            assert line, said
            said += line
        with urllib.request.urlopen(match[0]) as page:
            assert b"View trace" in page.read()
        os.killpg(viewer.pid, signal.SIGINT)
        viewer.wait(30)
    with pytest.raises(ProcessLookupError):
        os.killpg(viewer.pid, 0)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is told before any viewer starts."""
    done = run_command("view", tmp_path / "none.trace")
    assert done.returncode == 2
    assert "none.trace: No such file or directory" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_gzip(whole: Path, tmp_path: Path) -> None:
    """A gzip'd trace is shown too, which Go's viewer cannot do, and leaves no file behind."""
    packed = tmp_path / "packed.trace.gz"
    packed.write_bytes(gzip.compress(whole.read_bytes()))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    viewer = subprocess.Popen(
        [sys.executable, "-m", "flightrec", "view", str(packed), "--http", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": "true", "TMPDIR": str(scratch)},
        start_new_session=True,
    )
    assert viewer.stderr is not None
    with viewer, viewer.stderr:
        said = ""
        while re.search(r"http://[\d.:]+", said) is None:
            line = viewer.stderr.readline()
            assert line, said
            said += line
        os.killpg(viewer.pid, signal.SIGINT)
        assert viewer.wait(30) == 130
    assert [path for path in scratch.iterdir() if path.name.startswith("flightrec-")] == []


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("old", b"go 1.21 trace\0\0\0" + b"x" * 99, "Go 1.21"),
        ("text", b"something else altogether", "not a Go execution trace"),
        ("pprof", gzip.compress(b"\x0a\x04\x08\x01\x10\x02" * 9), "not a Go execution trace"),
        ("empty", b"", "not a Go execution trace"),
        ("cut", gzip.compress(b"go 1.26 trace\0\0\0" + b"x" * 99)[:-30], "cut off"),
    ],
)
def test_no_trace(name: str, data: bytes, reason: str, tmp_path: Path) -> None:
    """What is no trace, or one of an old Go, is refused in the words of ``info``."""
    file = tmp_path / name
    file.write_bytes(data)
    viewed, informed = run_command("view", file), run_command("info", file)
    assert viewed.returncode == informed.returncode == 1
    assert viewed.stderr == informed.stderr
    assert reason in viewed.stderr
