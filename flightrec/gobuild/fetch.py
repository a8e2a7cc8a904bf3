"""Downloading a published Go package, for ``flightrec build import/path@version``."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.gobuild.modules import read_go_mod
from flightrec.toolchain import Toolchain

__all__ = ["Fetched", "fetch_package"]


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A published package.

    :ivar folder: the package's, in a copy of its module.
    :ivar module: the module's path.
    :ivar version: its version: ``v2.8.4`` for ``@latest``.
    :ivar sum: its checksum, as in go.sum.
    """

    folder: Path
    module: str
    version: str
    sum: str


def fetch_package(package: str, toolchain: Toolchain, scratch: Path) -> Fetched:
    """Download the module that holds ``import/path@version``.

    The folder is in a copy of the module under the user's cache folder: Go does not let an overlay
    change files in its module cache. The copy is made once, and always has the same path, which
    Go's build cache goes by.

    :raises ToolchainError: no module of that name and version can be downloaded, or it cannot be
        built outside of its repository; Go's words are in ``output``.
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
            _refuse_folders_elsewhere(package, copy, toolchain, scratch)
            return Fetched(
                folder=copy.joinpath(*parts[end:]),
                module=module,
                version=answer["Version"],
                sum=answer.get("Sum", ""),
            )
        # What Go says of the whole path names the trouble (offline, no such version) best.
        refusal = refusal or answer.get("Error", "") or done.stderr.strip()
    raise ToolchainError(f"cannot download {package}: {refusal}", output=refusal)


def _refuse_folders_elsewhere(
    package: str, module: Path, toolchain: Toolchain, scratch: Path
) -> None:
    """Refuse a module that replaces others by folders, which are not published with it.

    ``go install`` refuses every replace line. Replacements by published modules are respected here:
    they make the program that its author builds.
    """
    gomod = module / "go.mod"
    content = read_go_mod(gomod, toolchain) if gomod.is_file() else {}
    elsewhere = [
        f"{replace['Old']['Path']} => {replace['New']['Path']}"
        for replace in content.get("Replace") or ()
        if not replace["New"].get("Version")
        and not (module / replace["New"]["Path"] / "go.mod").is_file()
    ]
    if not elsewhere:
        return
    done = toolchain.run(
        "install", "-n", package, cwd=scratch, env={"GOWORK": "off", "GOFLAGS": ""}, check=False
    )
    lines = [s for s in done.stderr.splitlines() if not s.startswith("go: downloading ")]
    said = " ".join(" ".join(lines).split())
    more = f" and {len(elsewhere) - 1} more" if len(elsewhere) > 1 else ""
    raise ToolchainError(
        f"{package} cannot be built by itself: its go.mod replaces modules by folders of its "
        f"repository ({elsewhere[0]}{more}). Clone the repository, and name the package's folder "
        "in it." + (f" Go says: {said}" if done.returncode else ""),
        output=done.stderr.strip(),
    )


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
