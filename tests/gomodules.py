"""Small Go modules for the tests to build, and what a built library does."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Prints its arguments and what another package adds.
HELLO = """\
package main

import "os"

func main() {
	os.Stdout.WriteString("hello")
	for _, arg := range os.Args[1:] {
		os.Stdout.WriteString(" " + arg)
	}
	os.Stdout.WriteString("\\n")
}
"""


def write_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def fingerprint(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Return mode, modification time and contents' digest of all that is in a folder."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        stat = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (stat.st_mode, stat.st_mtime_ns, digest)
    return found


_RUN = """\
import json, os, sys
import flightrec
runtime = flightrec.load(sys.argv[1])
runtime.run("main", args=json.loads(sys.argv[2]))
"""


def run_main(library: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run a built program's main in a process of its own, and return what it printed."""
    return run_python(_RUN, str(library), json.dumps(["program", *arguments]), env=env)


def run_python(script: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run a Python script in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_command(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m flightrec`` with exactly this environment, or this process's."""
    command: Sequence[str] = [sys.executable, "-m", "flightrec", *map(str, arguments)]
    return subprocess.run(
        command,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
