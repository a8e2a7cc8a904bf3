"""What the commands that read a trace share."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["format_name", "is_gzip", "output_file", "unpacked", "without_collector"]

_WRITERS = {22: "Go 1.22", 23: "Go 1.23 or 1.24", 25: "Go 1.25", 26: "Go 1.26+"}


def format_name(version: int) -> str:
    """Which Go writes a format, by the version in a trace's header."""
    return _WRITERS.get(version, f"Go 1.{version}")


def is_gzip(path: Path) -> bool:
    """Whether a file is gzip'd."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextlib.contextmanager
def output_file(path: str) -> Iterator[BinaryIO]:
    """Standard output for ``-``, else a file that is there once it is written to its end."""
    from flightrec.export.files import whole_file

    if path == "-":
        yield sys.stdout.buffer
    else:
        with whole_file(path) as file:
            yield file


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A gzip'd trace as a plain file, for Go's tools; it is gone at the end."""
    # Slow to load, and most commands read traces as they are.
    import gzip
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="flightrec-") as folder:
        plain = Path(folder) / (path.stem or "trace")
        with gzip.open(path, "rb") as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield plain


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Have no cyclic garbage collection meanwhile.

    Reading a trace makes millions of objects and no cycles; that the collector looks at them
    again and again costs a third of the time. Only a command, whose process is its own, may
    turn it off.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
