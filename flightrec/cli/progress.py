"""A progress bar for commands that read a file, on a terminal and only when it takes long."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

__all__ = ["ProgressFile"]

# Nothing is shown before so many seconds have passed, and no oftener than this.
_PATIENCE: Final = 1.0
_INTERVAL: Final = 0.1
_WIDTH: Final = 30


class ProgressFile:
    """A file that shows on standard error how much of it has been read; nothing if that is no
    terminal. ``-`` is standard input.

    A context manager: the bar is gone at its end. :meth:`clear` wipes it before other output.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self._file: BinaryIO
        if self.name != "-":
            self._file = Path(path).open("rb")  # noqa: SIM115 (it is this object's)
        elif sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed", "-")
        else:
            self._file = sys.stdin.buffer
        self._size = os.fstat(self._file.fileno()).st_size
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._next = time.monotonic() + _PATIENCE
        self._shown = False
        self._done = 0

    def read(self, size: int, /) -> bytes:
        """Read on, and show how far that is."""
        try:
            data = self._file.read(size)
        except OSError as exc:  # the system does not say which file
            exc.filename = self.name
            raise
        self._done += len(data)
        if self._live and self._size and time.monotonic() >= self._next:
            self._show()
        return data

    @property
    def size(self) -> int:
        """The file's bytes; of a pipe, those that have been read."""
        return self._size or self._done

    def seekable(self) -> bool:
        """It can be read again."""
        return self._file.seekable()

    def tell(self) -> int:
        """How far it has been read."""
        return self._file.tell()

    def seek(self, position: int, /) -> int:
        """Read on from another place."""
        self._done = self._file.seek(position)
        return self._done

    def _show(self) -> None:
        self._next = time.monotonic() + _INTERVAL
        self._shown = True
        share = min(1.0, self._done / self._size)
        bar = "#" * round(share * _WIDTH)
        print(f"\r[{bar:.<{_WIDTH}}] {share:4.0%}\033[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Wipe the bar."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._shown = False

    def __enter__(self) -> ProgressFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.clear()
        self._file.close()
