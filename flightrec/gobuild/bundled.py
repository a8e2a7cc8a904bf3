"""The bridge's Go sources, and the library with the bundled workloads that is made of them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.gobuild.modules import ModuleView
from flightrec.gobuild.overlays import DEFAULT_OVERLAYS, Outcome, Overlay, apply_overlays
from flightrec.toolchain import Toolchain

__all__ = [
    "LIBRARY_NAME",
    "LIBRARY_SUFFIX",
    "bridge_source",
    "build_bridge",
    "build_bundled_library",
]

LIBRARY_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
LIBRARY_NAME = f"libgobridge{LIBRARY_SUFFIX}"

_PACKAGE = Path(__file__).parent.parent


def bridge_source() -> Path:
    """Return the folder of the Go module ``flightrec/gobridge`` that belongs to this flightrec.

    :raises ToolchainError: the installation is incomplete.
    """
    # In a wheel, and in a source tree or an editable install.
    for folder in (_PACKAGE / "_gobridge", _PACKAGE.parent / "gobridge"):
        if (folder / "go.mod").is_file():
            return folder
    raise ToolchainError(
        "the bridge's Go sources are missing from this installation; install go-flightrec again"
    )


def build_bundled_library(output: Path, toolchain: Toolchain) -> tuple[Outcome, ...]:
    """Build the library that ``flightrec.load()`` loads: the bridge and the bundled workloads.

    :returns: which overlays are in.
    :raises ToolchainError: no C compiler, or the build failed.
    """
    # -s -w: a third smaller; stacks in traces do not come from the symbol table.
    return build_bridge(output, toolchain, "./cmd/libgobridge", "-ldflags=-s -w")


def build_bridge(
    output: Path,
    toolchain: Toolchain,
    package: str,
    *flags: str,
    folder: Path | None = None,
    overlays: Sequence[Overlay] = DEFAULT_OVERLAYS,
) -> tuple[Outcome, ...]:
    """Build a package that imports the bridge itself into a library.

    :param package: as seen from ``folder``, by default the bridge's own.
    :param overlays: what to change in Go's own sources.
    :returns: which overlays are in.
    :raises ToolchainError: no C compiler, or the build failed.
    """
    toolchain.require_c_compiler()
    output.parent.mkdir(parents=True, exist_ok=True)
    bridge = bridge_source()
    with tempfile.TemporaryDirectory(prefix="flightrec-build-") as scratch:
        view = ModuleView(
            scratch=Path(scratch),
            flags=[],
            env={},
            overlay={},
            goflags=[],
            modcache=Path(),
            goroot=toolchain.root,
        )
        outcomes = apply_overlays(overlays, view, bridge, toolchain)
        toolchain.run(
            "build",
            "-buildmode=c-shared",
            "-trimpath",  # no path of the building machine ends up in a wheel
            "-buildvcs=false",
            "-mod=readonly",
            *flags,
            *view.write(),
            f"-o={output.absolute()}",
            package,
            cwd=folder or bridge,
            # The surroundings' workspace and flags are meant for other code.
            env={"CGO_ENABLED": "1", "GOWORK": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"},
        )
    return outcomes
