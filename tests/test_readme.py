"""The README's example is what a newcomer runs first."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("code", python_blocks())
def test_example_runs_as_printed(code: str, tmp_path: Path) -> None:
    """The README's Python runs as printed, and its snapshot has events."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^[1-9]\d* events$", done.stdout, re.M)
    assert (tmp_path / "pingpong.trace").stat().st_size > 16


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="needs bash and curl"
)
def test_slow_request_story(tmp_path: Path) -> None:
    """The commands on the first screen run as printed, and name the cause in the service's code."""
    with contextlib.closing(socket.socket()) as probe:
        if probe.connect_ex(("127.0.0.1", 8080)) == 0:
            pytest.skip("something listens on port 8080, which the story uses")
    story = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)[0]
    assert len(story.splitlines()) <= 10
    shutil.copytree(README.parent / "examples" / "slow_request", tmp_path / "examples/slow_request")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", story],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(README.parent)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "http GET /price" in done.stdout
    assert "waited for a sync.Mutex at main.(*priceList).price" in " ".join(done.stdout.split())
    assert "main.askWarehouse" in done.stdout


def test_there_is_an_example_of_about_ten_lines() -> None:
    """The README has a Python example, and it is short."""
    (code,) = python_blocks()
    assert 8 <= len(code.splitlines()) <= 12
