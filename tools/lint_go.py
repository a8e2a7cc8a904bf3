"""gofmt and go vet for every Go module in this tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flightrec.toolchain import find_toolchain

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Return 1 if a file is not formatted or vet finds something. ``--fix`` formats."""
    toolchain = find_toolchain()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    files = [name for name in listed if name.endswith(".go") and (ROOT / name).is_file()]
    gofmt = toolchain.root / "bin" / "gofmt"
    mode = "-w" if "--fix" in sys.argv else "-l"
    done = subprocess.run(
        [gofmt, mode, *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    failed = bool(done.returncode or done.stdout)
    if failed:
        print(f"gofmt, not formatted:\n{done.stdout}{done.stderr}")
    for module in sorted(name for name in listed if Path(name).name == "go.mod"):
        vet = toolchain.run(
            "vet", "./...", cwd=(ROOT / module).parent, env={"GOWORK": "off"}, check=False
        )
        if vet.returncode:
            failed = True
            print(f"go vet in {Path(module).parent}:\n{vet.stderr}")
    print("Go: " + ("not clean" if failed else f"{len(files)} files formatted and vetted"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
