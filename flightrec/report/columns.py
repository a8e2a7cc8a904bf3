"""Columns of tables as the page reads them: numbers of a few bytes each (``report/FORMAT.md``)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import sub
from typing import Any, Final, TypeAlias, cast

from flightrec.tables.schema import Column, Table, Type

__all__ = ["Described", "Encoder", "packed"]

#: What a block's header says of a column: its encoding and, but for offsets, where its bytes are.
Described: TypeAlias = dict[str, Any]

# Numbers' types: the name in JavaScript, struct's code for it, and what it holds.
_UNSIGNED: Final = (("u8", "B", 1 << 8), ("u16", "H", 1 << 16), ("u32", "I", 1 << 32))
_FEW: Final = 256
# JavaScript's numbers hold integers exactly up to here.
_EXACT: Final = (1 << 53) - 1


def packed(values: Collection[int] | Collection[float]) -> tuple[str, bytes]:
    """Numbers as an array of the smallest type that holds them; the type's name, and its bytes.

    Floating point of 64 bits where no integer of 32 bits will do.
    """
    if not values:
        return "u8", b""
    # Times are multiples of the trace clock's unit, so there are few different ones.
    distinct = set(values)
    low, high = min(distinct), max(distinct)
    if low >= 0:
        for name, code, top in _UNSIGNED:
            if high < top:
                return name, _bytes(code, values)
    elif low >= -(1 << 31) and high < 1 << 31:
        return "i32", _bytes("i", values)
    return "f64", _bytes("d", values)


def _bytes(code: str, values: Collection[Any]) -> bytes:
    # Several times as quick as an array of them.
    return bytes(values) if code == "B" else struct.pack(f"<{len(values)}{code}", *values)


class Encoder:
    """Encodes the columns of a table's rows; times count from ``origin``, in ns."""

    def __init__(self, origin: int) -> None:
        self._origin = origin

    def table(
        self, table: Table, columns: Sequence[Sequence[Any]]
    ) -> list[tuple[str, Described, bytes]]:
        """Each column's name, what describes it, and its bytes.

        An interval's begin is told by its length: that is smaller, and most are short.
        """
        interval = "end_ns" in table.names and "begin_ns" in table.names
        ends = columns[table.names.index("end_ns")] if interval else ()
        found = []
        for column, values in zip(table.columns, columns, strict=True):
            if interval and column.name == "begin_ns":
                described, data = _plain(list(map(sub, ends, values)))
                described["before"] = "end_ns"
            else:
                described, data = self._column(column, values)
            found.append((column.name, described, data))
        return found

    def _column(self, column: Column, values: Sequence[Any]) -> tuple[Described, bytes]:
        if column.name in ("time_ns", "end_ns"):
            return self._times(values)
        if column.name == "waited_ns":
            return _numbers(values)
        if column.name.endswith("_ns") and not column.required:
            return self._moments(values)
        if column.type is Type.INT and column.required:
            distinct = set(values)
            if len(distinct) > _FEW and len(distinct) * 4 > len(values) and _exact(distinct):
                return _plain(values)
            return _dictionary(distinct, values)
        return _dictionary(set(values), values)

    def _times(self, values: Sequence[int]) -> tuple[Described, bytes]:
        """Times of which each comes soon after the one before."""
        first = values[0] - self._origin
        described, data = _plain(list(map(sub, values[1:], values)))
        return {**described, "kind": "delta", "first": first}, data

    def _moments(self, values: Iterable[int | None]) -> tuple[Described, bytes]:
        """Times that need not be there."""
        origin, nan = self._origin, float("nan")
        found = [nan if value is None else value - origin for value in values]
        return {"kind": "plain", "type": "f64"}, _bytes("d", found)


def _exact(values: Iterable[int]) -> bool:
    return all(-_EXACT <= value <= _EXACT for value in values)


def _numbers(values: Sequence[int | None]) -> tuple[Described, bytes]:
    """Numbers that need not be there, and that are there as a rule."""
    if None not in values:
        return _plain(cast(Sequence[int], values))
    nan = float("nan")
    found = [nan if value is None else value for value in values]
    return {"kind": "plain", "type": "f64"}, _bytes("d", found)


def _plain(values: Collection[int] | Collection[float]) -> tuple[Described, bytes]:
    kind, data = packed(values)
    return {"kind": "plain", "type": kind}, data


def _dictionary(distinct: set[Any], values: Sequence[Any]) -> tuple[Described, bytes]:
    """Values of which there are few: a list of them, and an index into it for each row."""
    # In order, so that a trace always makes the same report.
    listed = sorted(distinct - {None})
    if len(listed) < len(distinct):
        listed.append(None)
    described: Described = {"kind": "dictionary", "values": [_json(value) for value in listed]}
    if len(listed) == 1:
        return {**described, "type": "none"}, b""
    code: Callable[[Any], int] = {value: i for i, value in enumerate(listed)}.__getitem__
    described["type"], data = _codes(len(listed), list(map(code, values)))
    return described, data


def _codes(count: int, codes: list[int]) -> tuple[str, bytes]:
    for name, code, top in _UNSIGNED:
        if count <= top:
            return name, _bytes(code, codes)
    raise OverflowError(f"{count} distinct values in a column of one chunk")


def _json(value: Any) -> Any:
    """A value as JSON has it; an integer that JavaScript cannot hold as text."""
    if value.__class__ is int and not -_EXACT <= value <= _EXACT:
        return str(value)
    return value
