"""The README's example is what a newcomer runs first."""

from __future__ import annotations

import re
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


def test_there_is_an_example_of_about_ten_lines() -> None:
    """The README has a Python example, and it is short."""
    (code,) = python_blocks()
    assert 8 <= len(code.splitlines()) <= 12
