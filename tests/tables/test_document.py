"""``docs/tables.md`` says what the tables are."""

from __future__ import annotations

from flightrec.sql.critical import CRITICAL_PATH
from flightrec.sql.views import VIEWS
from flightrec.tables import TABLES
from flightrec.tables.document import document
from tests.helpers import ROOT

PAGE = ROOT / "docs" / "tables.md"


def test_is_up_to_date() -> None:
    """The page is what ``python -m flightrec.tables.document docs/tables.md`` writes."""
    text = PAGE.read_text("utf-8")
    assert document(text) == text


def test_columns_refer_to_columns() -> None:
    """Every column that refers to another names one that there is."""
    for table in TABLES.values():
        for column in table.columns:
            if column.refers and column.refers != "snapshots.file":
                other, name = column.refers.split(".")
                assert name in TABLES[other].names


def test_every_column_is_explained() -> None:
    """Every table and column has a sentence that explains it, and names are unique."""
    for table in TABLES.values():
        assert table.doc.endswith(".")
        assert len(set(table.names)) == len(table.names)
        assert all(column.doc.endswith((".", ")")) for column in table.columns)


def test_views() -> None:
    """The page says what each view tells, and what ``critical_path`` has."""
    text = PAGE.read_text("utf-8")
    for view in VIEWS.values():
        assert view.name.endswith("_wall") or f"| `{view.name}` | {view.doc} |\n" in text
    for column in CRITICAL_PATH.columns:
        assert f"| `{column.name}` |" in text
        assert column.doc in text
