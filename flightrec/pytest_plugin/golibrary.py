"""The Go library that the tests of a session use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.pytest_plugin.folders import slug

if TYPE_CHECKING:
    from flightrec import GoRuntime
    from flightrec.pytest_plugin.options import Options

try:
    import fcntl
except ImportError:  # Windows, where Go libraries with the bridge cannot be loaded
    fcntl = None  # type: ignore[assignment]

__all__ = ["built_library", "load_runtime"]


def load_runtime(options: Options, shared: Path) -> GoRuntime:
    """Load the library that the ini file names, built if necessary, or the bundled one.

    :param shared: a folder that lasts as long as the session, and that its workers share.
    :raises LibraryLoadError: it cannot be loaded.
    :raises ToolchainError: it cannot be built.
    """
    import flightrec

    if options.package is not None:
        return flightrec.load(built_library(options.package, options.package_folder, shared))
    return flightrec.load(options.library)


def built_library(
    package: str,
    folder: Path,
    shared: Path,
    *,
    tags: tuple[str, ...] = (),
    race: bool = False,
    instrument: tuple[str, ...] = (),
) -> Path:
    """Return the library of a package, which is built if no process of the session has built it.

    :param package: a path, relative to ``folder`` if it exists there; or what Go calls it; or a
        library, which is returned as it is.
    :raises ToolchainError: it cannot be built.
    """
    from flightrec.cli.target import short_name
    from flightrec.gobuild import build

    path = (folder / package).absolute()
    if path.is_file():
        return path
    target = str(path) if package.startswith(".") or path.is_dir() else package
    key = " ".join(map(str, (target, tags, race, instrument)))
    library = shared / "flightrec-built" / slug(key) / f"lib{short_name(target)}.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    with _locked(library.with_suffix(".lock")):
        if not library.exists():
            new = library.with_suffix(".new.so")
            build(target, new, tags=tags, race=race, instrument=instrument)
            new.replace(library)
    return library


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time through."""
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
