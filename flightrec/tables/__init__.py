"""A trace as tables: typed columns, made of the events once, for all that look at a trace.

::

    from flightrec.tables import read_tables

    for chunk in read_tables("snapshot.trace"):
        for table in chunk:
            print(table, len(chunk.rows(table)))

:data:`TABLES` says what there is; SQL, exports, reports and data frames are made of these tables
and not of events. ``docs/tables.md`` is the same as text.
"""

from __future__ import annotations

from flightrec.tables.chunk import Chunk
from flightrec.tables.interning import Interner, Row
from flightrec.tables.read import TableReader, read_columns, read_tables
from flightrec.tables.schema import TABLES, USUAL, Column, Table, Type, tables_named

__all__ = [
    "TABLES",
    "USUAL",
    "Chunk",
    "Column",
    "Interner",
    "Row",
    "Table",
    "TableReader",
    "Type",
    "read_columns",
    "read_tables",
    "tables_named",
]
