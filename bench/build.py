"""The library that the benchmarks load: the bundled one with Go's own recorder built in."""

from __future__ import annotations

from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.gobuild.bundled import LIBRARY_SUFFIX, build_bridge
from flightrec.toolchain import Toolchain, find_toolchain

__all__ = ["FOLDER", "build_library"]

#: The first Go with a flight recorder of its own.
MINIMUM_VERSION = (1, 25)

FOLDER = Path(__file__).resolve().parent.parent / "build" / "bench"  # not tracked


def build_library() -> tuple[Path, Toolchain]:
    """Build the library with the toolchain that flightrec finds.

    :raises ToolchainError: there is no Go of at least 1.25, no C compiler, or the build failed.
    """
    toolchain = find_toolchain()
    if toolchain.version < MINIMUM_VERSION:
        raise ToolchainError(
            f"{toolchain.go} ({toolchain.source}) is {toolchain.version_text}, which has no flight "
            "recorder of its own to compare with: the benchmarks need Go 1.25 or newer. Name one "
            "with FLIGHTREC_GO."
        )
    library = FOLDER / f"libbench{LIBRARY_SUFFIX}"
    # The bundled library's flags, so that what is measured is what is shipped; but with symbols,
    # for profilers.
    build_bridge(library, toolchain, "./cmd/benchlib", "-tags=flightrec_reference")
    return library, toolchain
