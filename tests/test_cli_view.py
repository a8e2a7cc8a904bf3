"""``flightrec view``."""

from __future__ import annotations

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
