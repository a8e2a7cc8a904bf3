"""Asks Go's own summarizer about a trace. Needs Go 1.26, whose reckoning ours follows."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.trace.toolchains import Toolchain, toolchains

__all__ = ["go_summary", "summarizing_toolchain"]

_SOURCE: Final = Path(__file__).resolve().parent / "gosummary" / "main.go.txt"


@functools.cache
def summarizing_toolchain() -> Toolchain | None:
    """The newest toolchain, if it is new enough."""
    found = toolchains()
    return found[-1] if found and found[-1].minor >= 26 else None


def go_summary(toolchain: Toolchain, trace: Path, folder: Path) -> Any:
    """What Go's summarizer makes of a trace. The program for it is kept in ``folder``."""
    done = subprocess.run(
        [str(_program(toolchain, folder)), str(trace)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _program(toolchain: Toolchain, folder: Path) -> Path:
    built = folder / f"gosummary-{toolchain.version}"
    if not built.exists():
        overlay = folder / "gosummary.json"
        # A file in Go's own tree may import Go's internal packages.
        place = toolchain.goroot / "src" / "cmd" / "gosummary" / "main.go"
        overlay.write_text(json.dumps({"Replace": {str(place): str(_SOURCE)}}))
        subprocess.run(
            [toolchain.go, "build", "-overlay", str(overlay), "-o", str(built), "cmd/gosummary"],
            cwd=folder,
            env=toolchain.environment | {"GOFLAGS": ""},
            check=True,
        )
    return built
