"""Writing a snapshot's bytes, without another copy of them."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterable, Sequence
from typing import Protocol

from flightrec.destination import open_output
from flightrec.errors import EmptySnapshotError

__all__ = ["BinaryWriter", "DescriptorFile", "write_descriptor", "write_file", "write_path"]

#: A trace of this size is its header, with nothing behind it.
_HEADER_BYTES = 16

#: How many pieces one writev takes; POSIX lets every system have at least 16, Linux has 1024.
_PIECES = 1024 if not hasattr(os, "sysconf") else max(16, os.sysconf("SC_IOV_MAX"))


class BinaryWriter(Protocol):
    """Anything with a ``write`` that takes bytes: a file, a socket's makefile, ``BytesIO``."""

    def write(self, data: memoryview, /) -> object:
        """Write the bytes, and return how many, or None for all of them."""


def write_path(path: str | os.PathLike[str], pieces: Sequence[memoryview]) -> int:
    """Write a trace's pieces to a path; return the bytes written.

    A file gets all of it or keeps what it had: see :func:`flightrec.newfile.new_file`. It is not
    synced to the disk: after a power cut within the next seconds it may be empty or the old one. A
    device, a pipe or an open file (``/dev/stdout``, ``/dev/fd/N``) is written to.

    :raises EmptySnapshotError: there is nothing to write; the path is left alone.
    :raises OSError: the cause, as the system has it: no such folder, no permission, disk full.
    """
    if sum(map(len, pieces)) <= _HEADER_BYTES:
        raise EmptySnapshotError(
            f"there is nothing to write to {os.fspath(path)}, which was left as it was: no "
            "generation of the trace is complete yet. Flush, or wait a second."
        )
    with open_output(path) as descriptor:
        return write_descriptor(descriptor, pieces)


def write_descriptor(descriptor: int, pieces: Sequence[memoryview]) -> int:
    """Write the pieces to a file descriptor; the GIL is not held while the system writes."""
    total = sum(map(len, pieces))
    if not hasattr(os, "writev"):
        with io.FileIO(descriptor, "wb", closefd=False) as file:
            return write_file(file, pieces)
    waiting = [piece for piece in pieces if len(piece)]
    first = 0
    while first < len(waiting):
        try:
            written = os.writev(descriptor, waiting[first : first + _PIECES])
        except BlockingIOError:  # somebody has set a pipe or terminal so: wait as if it were not
            _await_room(descriptor)
            continue
        while first < len(waiting) and written >= len(waiting[first]):
            written -= len(waiting[first])
            first += 1
        if written:
            waiting[first] = waiting[first][written:]
    return total


def _await_room(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll()


class DescriptorFile:
    """A file descriptor of somebody else's as a binary writer, which takes all that it is given."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: memoryview, /) -> int:
        """Write the bytes, and return how many."""
        return write_descriptor(self._descriptor, [data])


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
