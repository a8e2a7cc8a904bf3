"""What a query found, as text: aligned, CSV, JSON or Markdown. No cell can do harm in any."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final, Protocol

from flightrec.tables.text import csv_cell, printable

__all__ = ["FORMATS", "Output", "Writer"]

Rows = Iterable[Sequence[Any]]


class Output(Protocol):
    """A text file, of which only ``write`` is used."""

    def write(self, text: str, /) -> object: ...


#: Writes rows with these column names to a file, and returns how many there were.
Writer = Callable[[Sequence[str], Rows, Output], int]

# Columns are as wide as the widest of the first so many rows needs, up to a bound.
_LOOKED_AT: Final = 1000
_WIDEST: Final = 120


def _table(names: Sequence[str], rows: Rows, out: Output) -> int:
    """Aligned columns, numbers to the right."""
    found = iter(rows)
    first = [[_shown(value) for value in row] for row in islice(found, _LOOKED_AT)]
    widths = [min(_WIDEST, max(map(_width, column))) for column in zip(names, *first, strict=True)]
    out.write(_line([_padded(name, width) for name, width in zip(names, widths, strict=True)]))
    out.write(_line(["-" * width for width in widths]))
    count = 0
    for cells in chain(first, ([_shown(value) for value in row] for row in found)):
        out.write(
            _line(
                [
                    _padded(text, width, right=_is_number(text))
                    for text, width in zip(cells, widths, strict=True)
                ]
            )
        )
        count += 1
    return count


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return value.hex()
    # A stack's frames: a row stays one line.
    return printable(str(value).replace("\n", " ⏎ "))


def _is_number(text: str) -> bool:
    return text.lstrip("-")[:1].isdigit() and text.lstrip("-").replace(".", "", 1).isdigit()


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _padded(text: str, width: int, *, right: bool = False) -> str:
    padding = " " * (width - _width(text))
    return padding + text if right else text + padding


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cells).rstrip() + "\n"


def _csv(names: Sequence[str], rows: Rows, out: Output) -> int:
    """RFC 4180; text that looks like a formula gets a quote before it."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    count = 0
    for row in rows:
        writer.writerow([csv_cell(_plain(value)) for value in row])
        count += 1
    return count


def _json(names: Sequence[str], rows: Rows, out: Output) -> int:
    """An array of objects, in ASCII."""
    count = 0
    for row in rows:
        values = dict(zip(names, map(_plain, row), strict=True))
        out.write(f"{',' if count else '['}\n  {json.dumps(values)}")
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _markdown(names: Sequence[str], rows: Rows, out: Output) -> int:
    """A table of GitHub's Markdown."""

    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |\n"

    out.write(line(map(_marked, names)))
    out.write(f"|{'---|' * len(names)}\n")
    count = 0
    for row in rows:
        out.write(line(_marked(_shown(value)) for value in row))
        count += 1
    return count


def _marked(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|~$" else c for c in text)


#: How ``--format`` names them.
FORMATS: Final[dict[str, Writer]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
}
