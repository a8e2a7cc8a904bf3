"""Parts of a trace: whole generations, which are a trace by themselves."""

from __future__ import annotations

from typing import Final

from flightrec.trace.batches import read_header
from flightrec.trace.source import Input, Source

__all__ = ["Section"]

_HEADER: Final = 16


class Section:
    """A trace's header, and its bytes from one offset to another, to be read like a file.

    The offsets must be where generations begin; ``end`` None is the trace's end.
    """

    def __init__(self, source: Source, begin: int, end: int | None) -> None:
        self._input = Input(source)
        while self._input.left < _HEADER and self._input.more():
            pass
        self._header = bytes(self._input.buffer[:_HEADER])
        read_header(self._input)
        self._begin = begin
        self._end = end

    def read(self, _size: int, /) -> bytes:
        """The next bytes, as they come; empty at the end."""
        if self._header:
            header, self._header = self._header, b""
            return header
        data = self._input
        while True:
            if not data.left and not data.more():
                return b""
            at = data.offset(data.position)
            first = max(0, self._begin - at)
            last = data.left if self._end is None else min(data.left, self._end - at)
            if last <= 0:
                return b""
            found = data.buffer[data.position + first : data.position + last]
            data.position += data.left if first >= data.left else last
            if found:
                return bytes(found)

    def close(self) -> None:
        """Close the source, if it was opened here."""
        self._input.close()
