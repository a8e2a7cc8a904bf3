"""As much of protobuf's encoding as an export needs."""

from __future__ import annotations

from typing import Final

from flightrec.trace.varint import encode_uvarint

__all__ = ["Times", "fixed64", "integer", "message", "text", "varint"]

_WORD: Final = 1 << 64


def varint(value: int) -> bytes:
    """A number as a base-128 varint; a negative one as protobuf's int64 has it."""
    return encode_uvarint(value % _WORD)


def integer(field: int, value: int) -> bytes:
    """A field with an integer, a bool or an enum's value."""
    return varint(field << 3) + varint(value)


def fixed64(field: int, value: int) -> bytes:
    """A field with a fixed64."""
    return varint(field << 3 | 1) + (value % _WORD).to_bytes(8, "little")


def message(field: int, *parts: bytes) -> bytes:
    """A field with a message of these parts, or with bytes."""
    data = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


def text(field: int, value: str) -> bytes:
    """A field with a string."""
    return message(field, value.encode("utf-8", "replace"))


class Times(dict[int, bytes]):
    """Encodes times as varints, quicker than :func:`varint` as they are near one another.

    ``low[time & 0x3FFF] + times[time >> 14]`` is the varint of a time of at least 1 << 14.
    """

    low: Final = tuple(bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14))

    def __missing__(self, high: int) -> bytes:
        if len(self) > _KEPT:
            self.clear()
        found = self[high] = varint(high)
        return found


# How many are kept: some 0.3 s of a trace.
_KEPT: Final = 20_000
