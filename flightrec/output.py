"""Writing a snapshot's bytes: whole or not at all to a path, without another copy of them."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

__all__ = ["BinaryWriter", "write_file", "write_path"]

#: How many pieces one writev takes; POSIX lets every system have at least 16, Linux has 1024.
_PIECES = 1024 if not hasattr(os, "sysconf") else max(16, os.sysconf("SC_IOV_MAX"))


class BinaryWriter(Protocol):
    """Anything with a ``write`` that takes bytes: a file, a socket's makefile, ``BytesIO``."""

    def write(self, data: memoryview, /) -> object:
        """Write the bytes, and return how many, or None for all of them."""


def write_path(path: str | os.PathLike[str], pieces: Sequence[memoryview]) -> int:
    """Write the pieces to a file so that nobody ever sees half of it; return the bytes written.

    They go to a temporary file in the same folder, which then takes the path's place. What was
    there before stays if anything fails, and nothing else is left behind. A path that is a device
    or a pipe is written to directly.

    :raises OSError: the cause, as the system has it: no such folder, no permission, disk full.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb", buffering=0) as file:
            return write_file(file, pieces)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        try:
            written = write_descriptor(descriptor, pieces)
        finally:
            os.close(descriptor)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return written


def write_descriptor(descriptor: int, pieces: Sequence[memoryview]) -> int:
    """Write the pieces to a file descriptor; the GIL is not held while the system writes."""
    total = sum(map(len, pieces))
    if not hasattr(os, "writev"):
        with io.FileIO(descriptor, "wb", closefd=False) as file:
            return write_file(file, pieces)
    waiting = [piece for piece in pieces if len(piece)]
    first = 0
    while first < len(waiting):
        written = os.writev(descriptor, waiting[first : first + _PIECES])
        while first < len(waiting) and written >= len(waiting[first]):
            written -= len(waiting[first])
            first += 1
        if written:
            waiting[first] = waiting[first][written:]
    return total


def write_file(file: BinaryWriter, pieces: Iterable[memoryview]) -> int:
    """Write the pieces to a binary file object; return the bytes written.

    :raises OSError: the file takes no more: its ``write`` returned 0, or None from a raw file.
    :raises BaseException: whatever its ``write`` raises.
    """
    raw = isinstance(file, io.RawIOBase)
    total = 0
    for piece in pieces:
        rest = piece
        while len(rest):
            written = file.write(rest)
            if written is None and not raw:
                written = len(rest)  # many a writer returns nothing; it raises if it cannot
            if not isinstance(written, int) or not 0 < written <= len(rest):
                raise OSError(
                    f"short write: the file took {written!r} of {len(rest)} bytes "
                    f"after {total} bytes of the snapshot"
                )
            total += written
            rest = rest[written:]
    return total
