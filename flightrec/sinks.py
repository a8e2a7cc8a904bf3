"""Where a stream's generations go: files that take each other's place, or a pipe or file object."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from flightrec.abi import Generation
from flightrec.destination import find_destination
from flightrec.errors import StreamOverrunError
from flightrec.output import BinaryWriter, DescriptorFile, write_file
from flightrec.partialfile import PartialFile, partial_path

__all__ = ["FileSink", "PathSink", "Sink", "open_sink"]


class Sink(Protocol):
    """Takes whole generations. Used by one thread at a time."""

    files: tuple[Path, ...]  #: that are complete

    @property
    def partial(self) -> Path | None:
        """The file that is not complete, if there is one."""

    def write(self, pieces: Sequence[memoryview], shown: Generation, *, missed: int) -> None:
        """Write a generation.

        :param shown: its metadata.
        :param missed: how many generations are missing before it.
        """

    def finish(self, *, complete: bool) -> None:
        """Nothing more comes; complete: nor is anything missing at the end."""

    def discard(self) -> None:
        """Close it; of a file nothing is to stay."""


class PathSink:
    """Files at a path: another one after so many bytes or seconds, and after a gap.

    A trace has no gaps, so what comes after one is a trace of its own.
    """

    def __init__(
        self, path: Path, *, rotate_bytes: int | None = None, rotate_seconds: float | None = None
    ) -> None:
        self.files: tuple[Path, ...] = ()
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._rotate_seconds = rotate_seconds
        self._file: PartialFile | None = PartialFile(path)
        self._start = 0  # of the file, trace clock units

    @property
    def partial(self) -> Path | None:
        """The file that is not complete, unless it has gone because nothing was written."""
        file = self._file
        return None if file is None or file.path == file.target else file.path

    def write(self, pieces: Sequence[memoryview], shown: Generation, *, missed: int) -> None:
        """Write a generation, perhaps to a new file."""
        file = self._file
        if file is not None and file.nbytes and (missed or self._is_full(file, shown)):
            self._complete()
            file = None
        if file is None:
            file = self._file = PartialFile(_next_path(self._path))
        if not file.nbytes:
            self._start = shown.min_time
            pieces = [memoryview(bytes(shown.header)), *pieces]
        file.write(pieces)

    def _is_full(self, file: PartialFile, shown: Generation) -> bool:
        if self._rotate_bytes is not None and file.nbytes + shown.bytes > self._rotate_bytes:
            return True
        seconds = (shown.min_time - self._start) / shown.frequency
        return self._rotate_seconds is not None and seconds >= self._rotate_seconds

    def _complete(self) -> None:
        file = self._file
        if file is not None and file.nbytes:
            file.finish()
            self.files = (*self.files, file.target)
            self._file = None

    def finish(self, *, complete: bool) -> None:
        """Put the last file in its place; one that is not complete stays partial."""
        file = self._file
        try:
            if complete:
                self._complete()
        finally:
            if file is not None:
                file.close()
                if not file.nbytes:
                    self._file = None

    def discard(self) -> None:
        """Delete the file that is not complete."""
        file, self._file = self._file, None
        if file is not None:
            file.close(keep=False)


def _next_path(path: Path) -> Path:
    """Return the next free name: ``NAME-0002.trace`` after ``NAME.trace``.

    One whose file somebody writes, or has left partial, is not free.
    """
    for number in itertools.count(2):
        at = path.with_name(f"{path.stem}-{number:04}{path.suffix}")
        if not at.exists() and not partial_path(at).exists():
            return at
    raise AssertionError("not reached")


class FileSink:
    """A binary file object, a pipe, a device: one trace, which ends where a generation is missing.

    :param opened: what was opened for it, to be closed at the end.
    """

    def __init__(self, file: BinaryWriter, opened: contextlib.ExitStack | None = None) -> None:
        self.files: tuple[Path, ...] = ()
        self.partial = None
        self._file = file
        self._opened = opened
        self._begun = False

    def write(self, pieces: Sequence[memoryview], shown: Generation, *, missed: int) -> None:
        """Write a generation.

        :raises StreamOverrunError: one is missing before it.
        """
        if missed and self._begun:
            raise StreamOverrunError(
                f"the trace was read too slowly: it ends before {missed} missing generations, "
                "because a trace cannot have gaps. Read it faster, use a larger buffer_bytes, or "
                "write to a path, where a new file begins after a gap.",
                missed=missed,
            )
        if not self._begun:
            pieces = [memoryview(bytes(shown.header)), *pieces]
        self._begun = True
        write_file(self._file, pieces)

    def finish(self, *, complete: bool) -> None:
        """Close what was opened."""
        del complete
        self.discard()

    def discard(self) -> None:
        """Close what was opened."""
        if self._opened is not None:
            self._opened.close()


def open_sink(
    file: str | os.PathLike[str] | BinaryWriter,
    *,
    rotate_bytes: int | None,
    rotate_seconds: float | None,
) -> Sink:
    """Open what a stream is to be written to.

    :raises OSError: it cannot be written to.
    :raises ValueError: rotation of what is not a file at a path.
    """
    rotates = rotate_bytes is not None or rotate_seconds is not None
    if isinstance(file, (str, os.PathLike)):
        destination = find_destination(Path(file).absolute())
        if not destination.is_stream:
            return PathSink(
                destination.path, rotate_bytes=rotate_bytes, rotate_seconds=rotate_seconds
            )
    if rotates:
        raise ValueError(f"only a file at a path can be rotated, not {file!r}")
    if not isinstance(file, (str, os.PathLike)):
        return FileSink(file)
    with contextlib.ExitStack() as opened:
        if destination.descriptor is not None:  # its owner may close it meanwhile
            descriptor = os.dup(destination.descriptor)
            opened.callback(os.close, descriptor)
        else:
            descriptor = opened.enter_context(destination.path.open("wb", buffering=0)).fileno()
        return FileSink(DescriptorFile(descriptor), opened.pop_all())
