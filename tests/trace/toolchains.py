"""The Go toolchains that the tests may use."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[2]


class Toolchain(NamedTuple):
    """A Go toolchain with its sources."""

    goroot: Path
    version: str

    @property
    def go(self) -> str:
        """The go command."""
        return str(self.goroot / "bin" / "go")

    @property
    def minor(self) -> int:
        """26 for Go 1.26.8."""
        match = re.match(r"go1\.(\d+)", self.version)
        assert match is not None, self.version
        return int(match[1])

    @property
    def environment(self) -> dict[str, str]:
        """An environment in which the go command is this one and fetches nothing."""
        return os.environ | {
            "GOROOT": str(self.goroot),
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=mod",
            "GOPROXY": "off",
        }

    def __str__(self) -> str:
        return self.version


@functools.cache
def toolchains() -> tuple[Toolchain, ...]:
    """Every toolchain found: on PATH, in FLIGHTREC_TOOLCHAINS, in ``.toolchains``; by version.

    FLIGHTREC_TOOLCHAINS has GOROOTs, or folders with toolchains in them, separated like PATH.
    """
    found: dict[str, Toolchain] = {}
    for goroot in _candidates():
        version = goroot / "VERSION"
        if (goroot / "bin" / "go").exists() and version.is_file():
            words = version.read_text().split()
            found.setdefault(words[0], Toolchain(goroot.resolve(), words[0]))
    return tuple(
        sorted(found.values(), key=lambda tool: [int(n) for n in re.findall(r"\d+", tool.version)])
    )


def _candidates() -> list[Path]:
    candidates = []
    go = shutil.which("go")
    if go is not None:
        goroot = subprocess.run(
            [go, "env", "GOROOT"], capture_output=True, text=True, check=True
        ).stdout.strip()
        candidates.append(Path(goroot))
    folders = [_ROOT / ".toolchains"]
    listed = os.environ.get("FLIGHTREC_TOOLCHAINS", "")
    folders += [Path(name) for name in listed.split(os.pathsep) if name]
    for folder in folders:
        candidates += [folder, folder / "go"]
        if folder.is_dir():
            for child in sorted(folder.iterdir()):
                candidates += [child, child / "go"]
    return candidates
