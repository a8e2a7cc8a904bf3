"""The bridge's Go sources, and the library with the bundled workloads that is made of them."""

from __future__ import annotations

import sys
from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.toolchain import Toolchain

__all__ = ["LIBRARY_NAME", "LIBRARY_SUFFIX", "bridge_source", "build_bundled_library"]

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


def build_bundled_library(output: Path, toolchain: Toolchain) -> None:
    """Build the library that ``flightrec.load()`` loads: the bridge and the bundled workloads.

    :raises ToolchainError: no C compiler, or the build failed.
    """
    toolchain.require_c_compiler()
    output.parent.mkdir(parents=True, exist_ok=True)
    toolchain.run(
        "build",
        "-buildmode=c-shared",
        "-trimpath",  # no path of the building machine ends up in a wheel
        "-ldflags=-s -w",  # a third smaller; stacks in traces do not come from the symbol table
        "-buildvcs=false",
        "-mod=readonly",
        f"-o={output.absolute()}",
        "./cmd/libgobridge",
        cwd=bridge_source(),
        # The surroundings' workspace and flags are meant for other code.
        env={"CGO_ENABLED": "1", "GOWORK": "off", "GOFLAGS": ""},
    )
