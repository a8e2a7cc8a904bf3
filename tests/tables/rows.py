"""Tables' rows by the names of their columns, for tests."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from flightrec.tables import TABLES, read_columns

__all__ = ["each", "tables_of"]


@functools.lru_cache(maxsize=8)
def tables_of(file: Path) -> dict[str, dict[str, list[Any]]]:
    """All tables of a trace; kept for the next test, so do not change them."""
    return read_columns(file, list(TABLES))


def each(tables: dict[str, dict[str, list[Any]]], name: str) -> list[dict[str, Any]]:
    """A table's rows as dicts."""
    columns = tables[name]
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
