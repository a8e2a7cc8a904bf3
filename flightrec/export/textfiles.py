"""Exports as text: JSON lines, and a folder of CSV files."""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flightrec.export.perfetto import BinaryOutput
from flightrec.tables.interning import Row
from flightrec.tables.read import TableReader
from flightrec.tables.schema import Table, Type, tables_named
from flightrec.tables.text import csv_cell

__all__ = ["write_csv", "write_jsonl"]


def write_jsonl(reader: TableReader, out: BinaryOutput) -> None:
    """Write a JSON object a line: ``table``, then the row's columns. All of it is ASCII."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    for chunk in reader:
        for table in tables_named(chunk):
            names = ("table", *table.names)
            lines = [
                encode(dict(zip(names, (table.name, *row), strict=True)))
                for row in chunk.rows(table.name)
            ]
            out.write(("\n".join(lines) + "\n").encode())


def write_csv(reader: TableReader, folder: Path) -> None:
    """Write a CSV file for each table into a folder: RFC 4180, UTF-8, a header line.

    Missing values are empty, booleans 0 and 1; text that a spreadsheet would take for a formula has
    a quote before it.
    """
    with ExitStack() as stack:
        writers: dict[str, Any] = {}
        for table in tables_named(reader.tables):
            path = folder / f"{table.name}.csv"
            file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
            writers[table.name] = csv.writer(file)
            writers[table.name].writerow(table.names)
        for chunk in reader:
            for table in tables_named(chunk):
                rows = chunk.rows(table.name)
                writers[table.name].writerows(_cells(table, rows))


def _cells(table: Table, rows: list[Row]) -> list[list[object]]:
    texts = [i for i, column in enumerate(table.columns) if column.type in (Type.NAME, Type.TEXT)]
    bools = [i for i, column in enumerate(table.columns) if column.type is Type.BOOL]
    out = []
    for row in rows:
        cells = list(row)
        for i in texts:
            cells[i] = csv_cell(cells[i])
        for i in bools:
            cells[i] = int(cells[i])
        out.append(cells)
    return out
