"""``python -m flightrec.gobuild``: build the bundled library into its place in a source tree."""

from __future__ import annotations

import sys
from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.gobuild.bundled import LIBRARY_NAME, build_bundled_library
from flightrec.toolchain import find_toolchain


def main() -> int:
    """Build to the path given, or to where ``flightrec.load()`` looks."""
    output = Path(__file__).parent.parent / "_lib" / LIBRARY_NAME
    if len(sys.argv) > 1:
        output = Path(sys.argv[1])
    try:
        toolchain = find_toolchain()
        build_bundled_library(output, toolchain)
    except ToolchainError as exc:
        print(f"flightrec: {exc}", file=sys.stderr)
        return 2
    print(f"{output}: {toolchain.version_text} ({toolchain.source})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
