"""The same batches over and over, as ever new generations: for hours of trace in a minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flightrec.wire import END_OF_GENERATION, EXPERIMENTAL_BATCH, parse_batch

__all__ = ["Template", "uvarint"]


class _Batch(NamedTuple):
    """A batch, cut where its generation and its time are."""

    kind: bytes  # with the experiment, if it has one
    m: bytes
    time: int
    rest: bytes  # size and payload


class Template:
    """A few real generations, from which any number of them can be made."""

    def __init__(self, generations: Sequence[Sequence[bytes]]) -> None:
        """Take the chunks of complete generations."""
        self._generations = [
            [_cut(chunk) for chunk in chunks if chunk[0] != END_OF_GENERATION]
            for chunks in generations
        ]
        self._ends = bytes([END_OF_GENERATION]) == bytes(generations[0][-1])
        times = [batch.time for generation in self._generations for batch in generation]
        self._span = max(times) - min(times) + 1

    @property
    def generations(self) -> int:
        """How many there are before they come again."""
        return len(self._generations)

    def chunks(self, number: int) -> Iterator[bytes]:
        """Yield the chunks of generation ``number``, from 1 on; times go on as well."""
        turn, index = divmod(number - 1, len(self._generations))
        generation = uvarint(number)
        for kind, m, time, rest in self._generations[index]:
            yield b"".join((kind, generation, m, uvarint(time + turn * self._span), rest))
        if self._ends:
            yield bytes([END_OF_GENERATION])


def _cut(chunk: bytes) -> _Batch:
    header = parse_batch(chunk)
    kind = 2 if header.event_type == EXPERIMENTAL_BATCH else 1
    return _Batch(
        chunk[:kind],
        uvarint(header.m),
        header.time,
        uvarint(header.size) + chunk[header.payload :],
    )


def uvarint(value: int) -> bytes:
    """Encode an unsigned number as Go's ``binary.AppendUvarint`` does."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
