"""The SQL schema, made from the tables' declaration."""

from __future__ import annotations

from typing import Final

from flightrec.tables.schema import FILE, Column, Table, Type

__all__ = ["create_indexes", "create_table", "insert"]

_TYPES: Final = {
    Type.INT: "INTEGER",
    Type.BOOL: "INTEGER",
    Type.NAME: "TEXT",
    Type.TEXT: "TEXT",
}


def create_table(table: Table) -> str:
    """The statement that makes a table."""
    columns = (FILE, *table.columns) if table.per_file else table.columns
    declared = ",\n  ".join(map(_column, columns))
    return f"CREATE TABLE {table.name} (\n  {declared}\n)"


def create_indexes(table: Table) -> list[str]:
    """The statements that make a table's indexes."""
    found = []
    for names in table.indexes:
        columns = ("file", *names) if table.per_file else names
        name = f"{table.name}_by_{'_'.join(names)}"
        found.append(f"CREATE INDEX IF NOT EXISTS {name} ON {table.name} ({', '.join(columns)})")
    return found


def insert(table: Table, file: int) -> str:
    """The statement that adds a row to a table; the values are those of the row, without a file."""
    marks = ", ".join("?" * len(table.columns))
    # The file is the same for all of them: a constant need not be bound for each.
    first = f"{file}, " if table.per_file else ""
    return f"INSERT INTO {table.name} VALUES ({first}{marks})"


def _column(column: Column) -> str:
    return f"{column.name} {_TYPES[column.type]}{' NOT NULL' if column.required else ''}"
