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

__all__ = ["load_runtime"]


def load_runtime(options: Options, shared: Path) -> GoRuntime:
    """Load the library that the ini file names, built if need be, or the bundled one.

    :param shared: a folder that lasts as long as the session, and that its workers share.
    :raises LibraryLoadError: it cannot be loaded.
    :raises ToolchainError: it cannot be built.
    """
    import flightrec

    if options.package is not None:
        return flightrec.load(_built(options.package, options.package_folder, shared))
    return flightrec.load(options.library)


def _built(package: str, folder: Path, shared: Path) -> Path:
    from flightrec.gobuild import build

    library = shared / f"flightrec-{slug(package)}.so"
    target = str(folder / package) if package.startswith(".") else package
    with _locked(library.with_suffix(".lock")):
        if not library.exists():
            new = library.with_suffix(".new.so")
            build(target, new)
            new.replace(library)
    return library


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time through."""
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
