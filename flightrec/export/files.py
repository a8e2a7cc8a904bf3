"""Output that is there as a whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from flightrec.destination import find_destination

__all__ = ["whole_file", "whole_folder"]


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that is at ``path`` once all is written; gzip'd if that ends in ``.gz``.

    What was there before stays until then, and stays where an exception ends the block. A path
    that is no regular file, such as ``/dev/stdout`` or a pipe, is written to as it is.

    :raises OSError: the cause, as the system has it, with the path's own name.
    """
    destination = find_destination(path)
    target = destination.path
    if destination.is_stream:
        opened = target if destination.descriptor is None else destination.descriptor
        with open(opened, "wb", closefd=destination.descriptor is None) as file:
            yield cast(BinaryIO, file)
        return
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as raw:
            if target.suffix == ".gz":
                # No name and no time in it: the same trace makes the same file.
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                    yield cast(BinaryIO, packed)
            else:
                yield raw
        part.replace(target)
    except OSError as exc:
        if exc.filename == os.fspath(part):
            exc.filename = os.fspath(target)
        raise
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder that is at ``path`` once all is written.

    :raises FileExistsError: there is something already, other than an empty folder.
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(17, "there is something in it already", os.fspath(target))
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir()
        yield part
        if target.exists():
            target.rmdir()
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
