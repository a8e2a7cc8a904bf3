"""Runs one statement over traces and writes what it finds."""

from __future__ import annotations

from flightrec.sql.formats import FORMATS, Output
from flightrec.sql.load import Database

__all__ = ["run_statement"]


def run_statement(database: Database, statement: str, output_format: str, out: Output) -> int:
    """Load what a statement reads, run it, write its rows; return how many there are.

    :raises sqlite3.Error: the statement is wrong, or fails.
    """
    database.need_for(statement)
    cursor = database.connection.execute(statement)
    if cursor.description is None:
        return 0
    names = [column[0] for column in cursor.description]
    return FORMATS[output_format](names, cursor, out)
