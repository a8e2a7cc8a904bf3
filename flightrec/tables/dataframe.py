"""Tables as data frames of pandas or polars, whichever is installed."""

from __future__ import annotations

import importlib
from typing import Any, Literal

from flightrec.errors import FlightRecorderError
from flightrec.tables.read import read_columns
from flightrec.tables.schema import TABLES, Table, Type
from flightrec.trace.source import Source

__all__ = ["NoDataFrameError", "to_dataframe"]


class NoDataFrameError(FlightRecorderError):
    """Neither pandas nor polars is installed, or not the one that was asked for."""


def to_dataframe(
    table: str,
    source: Source,
    *,
    library: Literal["pandas", "polars"] | None = None,
    strict: bool = True,
) -> Any:
    """One table of a trace as a data frame.

    ::

        states = to_dataframe("goroutine_states", "snapshot.trace")

    *table* is a name of docs/tables.md, *source* what :func:`flightrec.trace.read` takes, *library*
    which kind of data frame (by default pandas, or polars if that alone is installed). Columns of
    few different texts are categories. Integers are Int64, which has missing values. With *strict*
    a broken trace raises TraceFormatError, otherwise what comes before the broken place is there.

    Raises ValueError for an unknown table or library, NoDataFrameError where none is installed.
    """
    if table not in TABLES:
        raise ValueError(f"there is no table {table}; there are {', '.join(TABLES)}")
    if library not in (None, "pandas", "polars"):
        raise ValueError(f"library is 'pandas' or 'polars', not {library!r}")
    name, module = _find(library)
    columns = read_columns(source, [table], strict=strict)[table]
    make = _pandas if name == "pandas" else _polars
    return make(module, TABLES[table], columns)


def _find(library: str | None) -> tuple[str, Any]:
    for name in (library,) if library else ("pandas", "polars"):
        try:
            return name, importlib.import_module(name)
        except ImportError:
            continue
    wanted = library or "pandas or polars"
    raise NoDataFrameError(f"a data frame needs {wanted}: pip install {library or 'pandas'}")


def _pandas(pandas: Any, table: Table, columns: dict[str, list[Any]]) -> Any:
    types = {Type.INT: "Int64", Type.BOOL: "bool", Type.NAME: "category", Type.TEXT: "object"}
    return pandas.DataFrame(
        {
            column.name: pandas.Series(columns[column.name], dtype=types[column.type])
            for column in table.columns
        }
    )


def _polars(polars: Any, table: Table, columns: dict[str, list[Any]]) -> Any:
    types = {
        Type.INT: polars.Int64,
        Type.BOOL: polars.Boolean,
        Type.NAME: polars.Categorical,
        Type.TEXT: polars.String,
    }
    schema = {column.name: types[column.type] for column in table.columns}
    return polars.DataFrame(columns, schema=schema)
