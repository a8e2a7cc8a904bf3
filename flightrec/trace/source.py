"""Where a trace comes from: a path, an open file, bytes or a snapshot, plain or gzip'd."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from flightrec.trace.errors import TruncatedTraceError, broken

__all__ = ["HasBytes", "Input", "Readable", "Source", "WritesItself"]

_CHUNK: Final = 1 << 20
_PIECE: Final = 1 << 14  # of compressed data
_GZIP_MAGIC: Final = b"\x1f\x8b"


class Readable(Protocol):
    """A binary file, of which only ``read`` is used."""

    def read(self, size: int, /) -> bytes: ...


@runtime_checkable
class WritesItself(Protocol):
    """A snapshot, or anything else that can write its trace to a binary file."""

    def write_to(self, file: Any, /) -> object: ...


@runtime_checkable
class HasBytes(Protocol):
    """A snapshot, or anything else that can become bytes."""

    def __bytes__(self) -> bytes: ...


#: What a trace can be read from.
Source: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | WritesItself | HasBytes
)


class Input:
    """A trace's bytes from front to back, in a window that :meth:`more` moves along.

    ``buffer[position:]`` is what has been read and not yet used; ``offset(position)`` is where
    that is in the trace (in the decompressed one if it was gzip'd). A file that was opened here
    is closed by :meth:`close`, or when nobody reads on; one that was handed over is left open.
    """

    __slots__ = ("_base", "_close", "_read", "buffer", "position")

    def __init__(self, source: Source) -> None:
        self.buffer = b""
        self.position = 0
        self._base = 0
        self._read, self._close = _open(source)
        # Two bytes tell a gzip file; a reader of a pipe may hand them over one by one.
        while len(self.buffer) < len(_GZIP_MAGIC) and self.more():
            pass
        if self.buffer[:2] == _GZIP_MAGIC:
            self._read = _Gunzip(self.buffer, self._read).read
            self.buffer = b""
            self.more()

    def more(self) -> bool:
        """Read on; False at the end. ``buffer`` is replaced and ``position`` becomes 0."""
        chunk = self._read(_CHUNK)
        if not chunk:
            return False
        self._base += self.position
        self.buffer = self.buffer[self.position :] + chunk if self.left else chunk
        self.position = 0
        return True

    @property
    def left(self) -> int:
        """Bytes in the window that are not yet used."""
        return len(self.buffer) - self.position

    def offset(self, position: int) -> int:
        """Where ``buffer[position]`` is in the trace."""
        return self._base + position

    def close(self) -> None:
        """Close the file if it was opened here."""
        self._close()

    def __del__(self) -> None:
        # Whoever drops an iterator halfway, or before its first event, is done with the file.
        # A generator's finally does not see the latter.
        close = getattr(self, "_close", None)
        if close is not None:
            close()


def _nothing() -> None:
    pass


def _open(source: Source) -> tuple[Callable[[int], bytes], Callable[[], None]]:
    if isinstance(source, (str, os.PathLike)):
        file = Path(source).open("rb", buffering=0)  # noqa: SIM115
        return _checked(file.read), file.close
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Once(bytes(source)).read, _nothing
    read = getattr(source, "read", None)
    if read is not None:
        return _checked(read), _nothing
    if isinstance(source, WritesItself):
        held = io.BytesIO()
        source.write_to(held)
        return _Once(held.getvalue()).read, _nothing
    if isinstance(source, HasBytes):
        return _Once(bytes(source)).read, _nothing
    raise TypeError(
        "a trace is read from a path, a binary file, bytes or a snapshot, "
        f"not from {type(source).__name__}"
    )


class _Once:
    """Bytes that are in memory already, handed over in one piece and not copied."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, _size: int) -> bytes:
        data, self._data = self._data, b""
        return data


def _checked(read: Callable[[int], Any]) -> Callable[[int], bytes]:
    def checked(size: int) -> bytes:
        data = read(size)
        if isinstance(data, bytes):
            return data
        if data is None:
            raise BlockingIOError("a trace cannot be read from a file in non-blocking mode")
        if isinstance(data, str):
            raise TypeError("a trace is read from a binary file, not from one in text mode")
        return bytes(data)

    return checked


class _Gunzip:
    """Decompresses in pieces of bounded size, over all members of a gzip file.

    The decompressor copies what it leaves of its input at every call, so it is given little of it
    at a time.
    """

    __slots__ = ("_fresh", "_inflate", "_input", "_read")

    def __init__(self, start: bytes, read: Callable[[int], bytes]) -> None:
        self._fresh = memoryview(start)  # read, and not yet given to the decompressor
        self._input = b""  # what the decompressor has left
        self._read = read
        self._inflate = zlib.decompressobj(31)

    def read(self, size: int) -> bytes:
        while True:
            if self._inflate.eof:
                # Go's gzip reader takes further members too. Zeros may pad the last one.
                self._input = (self._inflate.unused_data or self._input).lstrip(b"\0")
                while not self._input:
                    if not self._more():
                        return b""
                    self._input = self._input.lstrip(b"\0")
                self._inflate = zlib.decompressobj(31)
            elif not self._input and not self._more():
                raise TruncatedTraceError("the gzip file is cut off")
            try:
                data = self._inflate.decompress(self._input, size)
            except zlib.error as error:
                raise broken(f"the gzip file is damaged: {error}") from error
            self._input = self._inflate.unconsumed_tail
            if data:
                return data

    def _more(self) -> bool:
        """Take the next piece as input; False at the end."""
        if not self._fresh:
            self._fresh = memoryview(self._read(_CHUNK))
        self._input = bytes(self._fresh[:_PIECE])
        self._fresh = self._fresh[_PIECE:]
        return bool(self._input)
