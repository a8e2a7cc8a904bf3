"""Exports as Parquet: a folder with a file for each table. Needs pyarrow."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flightrec.errors import FlightRecorderError
from flightrec.tables.read import TableReader
from flightrec.tables.schema import Table, Type, tables_named

__all__ = ["MissingPackageError", "write_parquet"]


class MissingPackageError(FlightRecorderError):
    """An optional package is not installed. ``package`` is its name."""

    def __init__(self, package: str, what: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: pip install 'go-flightrec[{extra}]'")
        self.package = package


def write_parquet(reader: TableReader, folder: Path) -> None:
    """Write a Parquet file for each table into a folder.

    The columns are int64, bool and string, those with few different values dictionary-encoded; what
    each means is in its metadata, as ``doc``. Raises MissingPackageError without pyarrow.
    """
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as exc:
        raise MissingPackageError("pyarrow", "Parquet", "parquet") from exc
    with ExitStack() as stack:
        writers: dict[str, Any] = {}
        for table in tables_named(reader.tables):
            names = [column.name for column in table.columns if column.type is Type.NAME]
            writers[table.name] = stack.enter_context(
                parquet.ParquetWriter(
                    folder / f"{table.name}.parquet",
                    _schema(arrow, table),
                    use_dictionary=names,
                    compression="zstd",
                )
            )
        for chunk in reader:
            for name in chunk:
                writer = writers[name]
                columns = chunk.columns(name)
                writer.write_table(arrow.table(columns, schema=writer.schema))


def _schema(arrow: Any, table: Table) -> Any:
    types = {
        Type.INT: arrow.int64(),
        Type.BOOL: arrow.bool_(),
        Type.NAME: arrow.string(),
        Type.TEXT: arrow.string(),
    }
    fields = [
        arrow.field(
            column.name,
            types[column.type],
            nullable=not column.required,
            metadata={"doc": column.doc},
        )
        for column in table.columns
    ]
    return arrow.schema(fields, metadata={"doc": table.doc})
