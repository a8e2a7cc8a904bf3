"""A folder of its own for each test: its name, and how it is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from flightrec.pytest_plugin.plugin import GITIGNORE

__all__ = ["make_folder", "slug"]

#: Of a test's name so many characters are in its folder's name.
_READABLE: Final = 60
_HASH: Final = 8
_OTHER: Final = re.compile(r"[^A-Za-z0-9_.]+")


def slug(node_id: str) -> str:
    """Return a folder's name for a test: readable, of portable characters, and short.

    Different ids have different names: a hash of the whole id ends it.
    """
    import hashlib  # takes milliseconds, and most runs keep nothing

    digest = hashlib.sha256(node_id.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    path, _, test = node_id.partition("::")
    readable = f"{path.rpartition('/')[2].removesuffix('.py')}-{test}" if test else path
    readable = _OTHER.sub("-", readable).strip("-.")[:_READABLE].rstrip("-.")
    return f"{readable}-{digest}" if readable else digest


def make_folder(parent: Path, node_id: str, *, rerun: int, worker: str | None) -> Path:
    """Make a new folder for a test and return it; one that is there already is never used.

    :param rerun: how often the test has run before (pytest-rerunfailures).
    :param worker: of pytest-xdist; None without.
    :raises OSError: it cannot be made.
    """
    _make_parent(parent)
    name = slug(node_id)
    if rerun:
        name += f"-rerun{rerun}"
    if worker is not None:
        name += f"-{worker}"
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def _make_parent(parent: Path) -> None:
    if parent.is_dir():
        return
    parent.mkdir(parents=True, exist_ok=True)
    (parent / ".gitignore").write_text(GITIGNORE, encoding="utf-8")
