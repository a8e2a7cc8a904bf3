"""A file that is written over a long time, and takes its path's place at the end.

Until then the bytes are in ``NAME.partial`` beside it, which stays if the process dies: what a
:class:`PartialFile` was given until then is whole. Nobody deletes such a file or writes over it; a
further one is called ``NAME.partial-2`` and so on.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from flightrec.newfile import inherit, private
from flightrec.output import write_descriptor

__all__ = ["PartialFile", "partial_path"]


class PartialFile:
    """A file on its way to its path. Not thread-safe.

    :ivar path: where it is now.
    :ivar nbytes: how many bytes it has.
    :raises OSError: it cannot be made.
    """

    _process = 0  #: that has made the file, once it is there

    def __init__(self, target: Path) -> None:
        self.target = target
        self.nbytes = 0
        self.path, self._file = _create(target)
        self._process = os.getpid()

    def write(self, pieces: Sequence[memoryview]) -> None:
        """Write all of the pieces, or none of them.

        :raises OSError: they cannot be written; the file has what it had.
        """
        try:
            self.nbytes += write_descriptor(self._file.fileno(), pieces)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), self.nbytes)
                os.lseek(self._file.fileno(), self.nbytes, os.SEEK_SET)
            raise

    def finish(self) -> None:
        """Put it in its path's place, with the mode and owner of what was there before.

        :raises OSError: it cannot be put there; it stays where it is.
        """
        with self._file:
            inherit(self.target, self._file.fileno())
        self.path.replace(self.target)
        self.path = self.target

    def close(self, *, keep: bool = True) -> None:
        """Leave it where it is, unless it has no bytes or is not to be kept: it is deleted then."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError), self._file:
            if self.nbytes and keep:
                return
            if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
                return  # somebody has deleted ours, and this is another one
            self._file.close()  # Windows deletes no open file
            self.path.unlink()

    def __del__(self) -> None:
        # An exception may come before anybody has it. In a forked child it is the parent's.
        if self._process == os.getpid():
            self.close()


def partial_path(target: Path, number: int = 1) -> Path:
    """Return where a file is before it is in its place; number: if earlier ones are taken."""
    suffix = ".partial" if number == 1 else f".partial-{number}"
    return target.with_name(target.name + suffix)


def _create(target: Path) -> tuple[Path, io.FileIO]:
    for number in itertools.count(1):
        path = partial_path(target, number)
        with contextlib.suppress(FileExistsError):
            return path, io.FileIO(path, "xb", opener=private)
    raise AssertionError("not reached")
