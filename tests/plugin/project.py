"""A project with tests of its own, in a folder: pytest runs in a child process there."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import DEADLINE

__all__ = ["Project"]

_HOME = str(Path.home())


class Project:
    """Writes test files, runs them, and finds what was kept."""

    def __init__(self, pytester: pytest.Pytester, library: Path) -> None:
        self.pytester = pytester
        self.results = pytester.path / "flightrec-results"
        pytester._monkeypatch.setenv("FLIGHTREC_LIBRARY", str(library))
        # pytester has made it a new folder, in which Go would find an empty build cache.
        pytester._monkeypatch.setenv("HOME", _HOME)
        for name in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
            pytester._monkeypatch.delenv(name, raising=False)

    def write(self, code: str, name: str = "test_it.py") -> None:
        """Write a file of the project."""
        (self.pytester.path / name).write_text(textwrap.dedent(code), encoding="utf-8")

    def run(self, *arguments: str, timeout: float = 2 * DEADLINE) -> pytest.RunResult:
        """Run pytest to its end."""
        asyncio = () if "-p" in arguments else ("-p", "no:asyncio")
        return self.pytester.runpytest_subprocess(*asyncio, *arguments, timeout=timeout)

    def run_here(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process, whose Go runtime it records then."""
        return self.pytester.runpytest_inprocess("-p", "no:asyncio", *arguments)

    def folders(self) -> list[Path]:
        """Return the folders of tests of which something was kept, sorted."""
        return sorted(path for path in self.results.glob("*") if path.is_dir())

    def folder(self, part: str) -> Path:
        """Return the one folder whose name has this in it."""
        (found,) = (path for path in self.folders() if part in path.name)
        return found

    def facts(self, part: str, stem: str) -> dict[str, Any]:
        """Return the metadata of a window."""
        facts: dict[str, Any] = json.loads((self.folder(part) / f"{stem}.json").read_text())
        return facts

    def traces(self) -> Iterator[Path]:
        """Yield all windows that were kept."""
        yield from sorted(self.results.rglob("*.trace"))
