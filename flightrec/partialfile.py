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

    def __init__(self, target: Path) -> None:
        self.target = target
        self.nbytes = 0
        self._file = _create(target)
        self.path = Path(self._file.name)

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
            if not keep and self._file._process in (None, os.getpid()):
                self._file.truncate(0)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # there is no file: it could not be made
            self.close()


class _NewFile(io.FileIO):
    """A file that is deleted when it is closed, if it is empty then.

    Its object is made together with the file, in C: an exception that a signal handler raises
    before anybody has the object drops it, and with it the file.
    """

    _process: int | None = None  # None: no other one can have it yet

    def close(self) -> None:
        if self.closed:
            return
        with contextlib.suppress(OSError):
            if self._process in (None, os.getpid()):  # in a forked child it is the parent's
                path, mine = Path(self.name), os.fstat(self.fileno())
                # Somebody may have deleted ours, and this be another one.
                if mine.st_size == 0 and os.path.samestat(mine, path.stat()):
                    super().close()  # Windows deletes no open file
                    path.unlink()
        super().close()


def partial_path(target: Path, number: int = 1) -> Path:
    """Return where a file is before it is in its place; number: if earlier ones are taken."""
    suffix = ".partial" if number == 1 else f".partial-{number}"
    return target.with_name(target.name + suffix)


def _create(target: Path) -> _NewFile:
    for number in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            file = _NewFile(partial_path(target, number), "xb", opener=private)
            file._process = os.getpid()
            return file
    raise AssertionError("not reached")
