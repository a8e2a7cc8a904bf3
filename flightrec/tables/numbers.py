"""Numbers as tables hold them: 64 bits with a sign."""

from __future__ import annotations

from typing import Final, overload

__all__ = ["int64"]

_TOP: Final = 1 << 63


@overload
def int64(value: int) -> int: ...


@overload
def int64(value: int | None) -> int | None: ...


def int64(value: int | None) -> int | None:
    """A uint64 as the int64 with the same bits, as Go converts it; others as they are."""
    return value - (1 << 64) if value is not None and value >= _TOP else value
