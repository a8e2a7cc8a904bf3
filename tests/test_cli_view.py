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


def browsed(file: Path, folder: Path, browser: str) -> subprocess.CompletedProcess[str]:
    """Run ``view`` with a browser and a folder for temporary files, and no Go."""
    folder.mkdir()
    environment = {**os.environ, "BROWSER": browser, "TMPDIR": str(folder), "FLIGHTREC_GO": ""}
    return subprocess.run(
        [sys.executable, "-m", "flightrec", "view", str(file)],
        capture_output=True,
        text=True,
        env={**environment, "PATH": "/usr/bin:/bin"},
        check=False,
    )


@pytest.mark.parametrize("packed", [False, True])
def test_opens_the_report(whole: Path, tmp_path: Path, packed: bool) -> None:
    """The browser is given the report, in a private folder, where it stays; gzip'd traces too."""
    file = tmp_path / "the snapshot.trace"
    file.write_bytes(gzip.compress(whole.read_bytes()) if packed else whole.read_bytes())
    asked = tmp_path / "asked"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >"{asked}"\n')
    browser.chmod(0o755)
    done = browsed(file, tmp_path / "scratch", f"{browser} %s")
    assert (done.returncode, done.stderr) == (0, "")
    report = Path(done.stdout.strip())
    assert asked.read_text().strip() == report.as_uri()
    assert report.name == "the snapshot.trace.html"
    assert report.parent.stat().st_mode & 0o77 == 0
    assert b'id="about"' in report.read_bytes()


def test_says_where_the_report_is_without_a_browser(whole: Path, tmp_path: Path) -> None:
    """Where no browser can be started, the report is there all the same, and is named."""
    done = browsed(whole, tmp_path / "scratch", "/nonexistent/browser %s")
    assert done.returncode == 2
    assert "no web browser" in done.stderr
    assert b'id="about"' in Path(done.stdout.strip()).read_bytes()


def test_broken_trace(whole: Path, tmp_path: Path) -> None:
    """Of a broken trace what comes before the broken place is shown; the code is 1."""
    broken = tmp_path / "broken.trace"
    broken.write_bytes(whole.read_bytes()[:-9])
    done = browsed(broken, tmp_path / "scratch", "true %s")
    assert done.returncode == 1
    assert "not a valid trace" in done.stderr
    assert Path(done.stdout.strip()).is_file()


def test_http_is_for_go(whole: Path) -> None:
    """An address without ``--go`` is refused."""
    done = run_command("view", whole, "--http", "localhost:0")
    assert done.returncode == 2
    assert "--go" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_serves_the_viewer_until_interrupted(whole: Path) -> None:
    """Go's viewer answers on the address asked for, and Ctrl-C ends it, leaving nothing."""
    viewer = subprocess.Popen(
        [sys.executable, "-m", "flightrec", "view", str(whole), "--go", "--http", "127.0.0.1:0"],
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
        [sys.executable, "-m", "flightrec", "view", str(packed), "--go", "--http", "127.0.0.1:0"],
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
        (
            "pprof",
            gzip.compress(b"\x0a\x04\x08\x01\x10\x02" * 9, mtime=0),
            "not a Go execution trace",
        ),
        ("empty", b"", "not a Go execution trace"),
        ("cut", gzip.compress(b"go 1.26 trace\0\0\0" + b"x" * 99, mtime=0)[:-30], "cut off"),
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
