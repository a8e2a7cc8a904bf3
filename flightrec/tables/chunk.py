"""A part of the tables: the rows that one stretch of a trace makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flightrec.tables.interning import Row
from flightrec.tables.schema import TABLES

__all__ = ["Chunk"]


class Chunk:
    """Rows by table. A row is a tuple of the values of the table's columns, in their order.

    An interval's row is in the chunk in which it ends; the chunks of a trace together have all
    rows, and a stack or frame comes no later than the first row that refers to it.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[str]:
        """The names of the tables that have rows here, in the order of ``TABLES``."""
        return (name for name in TABLES if self._rows.get(name))

    def rows(self, table: str) -> list[Row]:
        """A table's rows here."""
        return self._rows.get(table, [])

    def columns(self, table: str) -> dict[str, list[Any]]:
        """The same, column by column."""
        names, rows = TABLES[table].names, self.rows(table)
        values = zip(*rows, strict=True) if rows else ((),) * len(names)
        return {name: list(found) for name, found in zip(names, values, strict=True)}
