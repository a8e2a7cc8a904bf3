"""Writes the tables' part of ``docs/tables.md``: ``python -m flightrec.tables.document FILE``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from flightrec.tables.schema import FILE, TABLES, Column, Table

__all__ = ["document", "main"]

_BEGIN: Final = "<!-- made by python -m flightrec.tables.document -->\n"
_END: Final = "<!-- end of what is made -->\n"


def document(text: str) -> str:
    """The page with its part between the two marks made anew."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "".join(map(_section, TABLES.values())) + "\n" + _END + after


def main(arguments: list[str]) -> int:
    """Rewrite the page."""
    page = Path(arguments[0])
    page.write_text(document(page.read_text("utf-8")), "utf-8")
    return 0


def _section(table: Table) -> str:
    columns = (FILE, *table.columns) if table.per_file else table.columns
    lines = [f"\n### {table.name}\n\n{table.doc}\n\n| column | type | |\n|---|---|---|\n"]
    lines += map(_line, columns)
    return "".join(lines)


def _line(column: Column) -> str:
    doc = column.doc.replace("|", "\\|")
    if column.refers and column.name != column.refers.partition(".")[2]:
        doc += f" → `{column.refers}`"
    required = "" if column.required else ", may be NULL"
    return f"| `{column.name}` | {column.type.value}{required} | {doc} |\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
