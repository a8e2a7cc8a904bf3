"""Downloading a published Go package, for ``flightrec build import/path@version``."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.toolchain import Toolchain

__all__ = ["fetch_package"]


def fetch_package(package: str, toolchain: Toolchain, scratch: Path) -> Path:
    """Download the module that holds ``import/path@version`` and return the package's folder.

    The folder is in a copy of the module under the user's cache folder: Go does not let an overlay
    change files in its module cache. The copy is made once, and always has the same path, which
    Go's build cache goes by.

    :raises ToolchainError: no module of that name and version can be downloaded; Go's words are in
        ``output``.
    """
    path, _, version = package.rpartition("@")
    parts = path.split("/")
    refusal = ""
    for end in range(len(parts), 0, -1):
        module = "/".join(parts[:end])
        done = toolchain.run(
            "mod", "download", "-json", f"{module}@{version}",
            cwd=scratch,
            env={"GOWORK": "off", "GOFLAGS": "-mod=mod", "GO111MODULE": "on"},
            check=False,
        )  # fmt: skip
        answer = json.loads(done.stdout) if done.stdout.strip() else {}
        if folder := answer.get("Dir"):
            copy = _copy_once(Path(folder), f"{module}@{answer['Version']}")
            return copy.joinpath(*parts[end:])
        # What Go says of the whole path names the trouble (offline, no such version) best.
        refusal = refusal or answer.get("Error", "") or done.stderr.strip()
    raise ToolchainError(f"cannot download {package}: {refusal}", output=refusal)


def _copy_once(module: Path, name: str) -> Path:
    copy = _cache_folder() / "modules" / name
    if copy.is_dir():
        return copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".copying-") as unfinished:
        made = Path(unfinished) / "module"
        # Contents only: the module cache's files are read-only, and a copy must be deletable.
        shutil.copytree(module, made, copy_function=shutil.copyfile)
        for folder, _, _ in os.walk(made):
            Path(folder).chmod(0o755)
        try:
            made.rename(copy)
        except OSError:
            if not copy.is_dir():  # else another process was faster
                raise
    return copy


def _cache_folder() -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "flightrec"
