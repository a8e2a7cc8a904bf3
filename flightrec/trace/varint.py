"""Unsigned varints as Go's ``encoding/binary`` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["VarintError", "all_uvarints", "encode_uvarint", "read_uvarint", "rest_of_uvarint"]

_MAX_BYTES: Final = 10


class VarintError(ValueError):
    """A varint that has more than 64 bits, or that the input ends in.

    :ivar truncated: whether more input could have made it whole.
    :ivar missing: whether the input had ended before its first byte.
    """

    def __init__(self, *, truncated: bool, missing: bool = False) -> None:
        super().__init__("a varint is cut off" if truncated else "a varint has more than 64 bits")
        self.truncated = truncated
        self.missing = missing


def read_uvarint(data: Sequence[int], at: int) -> tuple[int, int]:
    """The uvarint at ``data[at]`` and the index after it; VarintError where there is none."""
    value = shift = 0
    for i in range(at, min(at + _MAX_BYTES, len(data))):
        byte = data[i]
        if byte < 0x80:
            if shift == 63 and byte > 1:
                break
            return value | byte << shift, i + 1
        value |= (byte & 0x7F) << shift
        shift += 7
    else:
        if shift < 70:
            raise VarintError(truncated=True, missing=shift == 0)
    raise VarintError(truncated=False)


def all_uvarints(data: bytes) -> list[int] | None:
    """Everything in ``data`` as uvarints, in one quick loop.

    None where it is not all uvarints in their shortest form: then whoever asks must look closely.
    """
    out: list[int] = []
    append = out.append
    value = shift = 0
    for byte in data:
        if byte > 0x7F:
            value |= (byte & 0x7F) << shift
            shift += 7
        elif shift:
            if not byte or shift > 56:
                return None
            append(value | byte << shift)
            value = shift = 0
        else:
            append(byte)
    return None if shift else out


def encode_uvarint(value: int) -> bytes:
    """A number of 0 or more as a varint."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def rest_of_uvarint(data: Sequence[int], at: int, value: int) -> tuple[int, int]:
    """Like :func:`read_uvarint` for one whose first two bytes are read and make up ``value``.

    The decoder's loop takes varints of one and two bytes itself and comes here for longer ones.
    IndexError where the data ends in it.
    """
    shift = 14
    while True:
        byte = data[at]
        at += 1
        if byte < 0x80:
            if shift >= 63 and (shift > 63 or byte > 1):
                raise VarintError(truncated=False)
            return value | byte << shift, at
        if shift >= 63:
            raise VarintError(truncated=False)
        value |= (byte & 0x7F) << shift
        shift += 7
