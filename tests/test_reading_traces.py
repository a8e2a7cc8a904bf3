"""The pages about reading traces and about tables: their Python runs as printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flightrec
from tests.helpers import DEADLINE, ROOT


@pytest.mark.parametrize("page", ["reading-traces.md", "tables.md"])
def test_page(page: str, runtime: flightrec.GoRuntime, tmp_path: Path) -> None:
    """All Python on the page runs, one piece after the other, on a trace of its own making."""
    with flightrec.FlightRecorder(runtime, max_bytes=1 << 20) as recorder:
        runtime.run("pingpong", duration=0.02)
        recorder.write_to(tmp_path / "pingpong.trace")
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    pieces = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    # A data frame needs a package that may not be there; its own test has it.
    pieces = [piece for piece in pieces if "to_dataframe" not in piece]
    assert len(pieces) >= 2
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", "\n".join(pieces)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "FLIGHTREC_LIBRARY": str(runtime.path),
        },
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "chan receive" in done.stdout
