"""Folders that several runs of the tests share, and environments with what only some tests need."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT

__all__ = ["alone_in", "group_python", "make_environment"]


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other processes out of it: two runs of the tests at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def requirements(group: str) -> list[str]:
    """Return the requirements of a dependency group."""
    # tomllib is not in Python 3.10.
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    match = re.search(rf"^{group} = \[(.*?)\]", text, re.MULTILINE)
    assert match is not None
    return re.findall(r'"([^"]+)"', match[1])


def group_python(cache: pytest.Cache, group: str) -> Path:
    """Return the Python of a dependency group's environment, or skip and say why there is none."""
    try:
        return make_environment(cache.mkdir(f"flightrec-{group}"), group)
    except OSError as exc:
        pytest.skip(f"the packages of {group!r} cannot be installed here: {exc}")


def make_environment(parent: Path, group: str) -> Path:
    """Make an environment with a dependency group below a folder, once, and return its Python.

    :raises OSError: it cannot be made; says why.
    """
    wanted = requirements(group)
    key = hashlib.sha256(repr((sys.version, wanted)).encode()).hexdigest()[:12]
    folder = parent / key
    python = folder / "bin" / "python"
    with alone_in(folder):
        if not (folder / "ready").exists():
            _make(folder, python, wanted)
            (folder / "ready").touch()
    return python


def _make(folder: Path, python: Path, wanted: list[str]) -> None:
    commands = (
        [sys.executable, "-m", "venv", folder],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted],
    )
    for command in commands:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(" ".join((done.stderr or done.stdout).strip().splitlines()[-1:]))
