"""Writes the report: the page, a trace's tables and its explanation (``report/FORMAT.md``)."""

from __future__ import annotations

import base64
import importlib.resources
import json
import struct
import zlib
from typing import Any, BinaryIO, Final

from flightrec._version import __version__
from flightrec.errors import TraceFormatError
from flightrec.report.columns import Described, Encoder
from flightrec.report.story import story
from flightrec.tables import TableReader
from flightrec.tables.interning import Row
from flightrec.tables.schema import TABLES, USUAL, Table
from flightrec.trace.source import Source
from flightrec.trace.why.survey import Survey

__all__ = ["REPORT_TABLES", "write_report"]

#: The tables that are in a report.
REPORT_TABLES: Final = tuple(name for name in USUAL if name != "generations")

#: Of ``report/FORMAT.md``; raised when the page of another version could not read it.
_FORMAT: Final = 1
_MARK: Final = b"<!--flightrec-data-->"
# Level 6 makes a tenth less of it, and takes three times as long.
_LEVEL: Final = 3
# Of columns, so that typed arrays can lie on them.
_ALIGN: Final = 8
# A table is written so many rows at a time, as a block costs as much as a thousand rows in it.
_ROWS: Final = 1 << 14


def write_report(source: Source, file: BinaryIO) -> TraceFormatError | None:
    """Write a report of *source*, which is what :func:`flightrec.trace.read` takes, to *file*.

    Memory is bounded by what one generation makes and the distinct stacks. Of a broken trace
    what comes before the broken place is in the report, and its error is returned. A source that
    can be read only once is to be read into memory before. Raises what that function raises.
    """
    head, tail = _page()
    file.write(head)
    # What an explanation needs of a first look at the trace is noted while its tables are made.
    survey = Survey(waits=True)
    reader = TableReader(source, REPORT_TABLES, strict=False, seen=survey.add)
    waiting: dict[str, list[Row]] = {name: [] for name in REPORT_TABLES}
    for chunk in reader:
        for name in chunk:
            rows = waiting[name]
            rows += chunk.rows(name)
            if len(rows) >= _ROWS:
                _block(file, TABLES[name], rows, Encoder(reader.begin_ns))
                rows.clear()
    (values,) = waiting.pop("snapshots")
    snapshot = dict(zip(TABLES["snapshots"].names, values, strict=True))
    for name, rows in waiting.items():
        if rows:
            _block(file, TABLES[name], rows, Encoder(reader.begin_ns))
    about = {
        "format": _FORMAT,
        "flightrec": __version__,
        # JavaScript's numbers cannot hold it after 104 days of uptime.
        "origin_ns": str(snapshot["begin_ns"]),
        "total_ns": snapshot["end_ns"] - snapshot["begin_ns"],
        "snapshot": _told(snapshot),
        "explanation": story(source, survey, reader.error, snapshot["begin_ns"]),
    }
    file.write(b'<script type="application/json" id="about">')
    file.write(_json_in_html(about))
    file.write(b"</script>\n")
    file.write(tail)
    return reader.error


def _told(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What the page is told of the trace as a whole."""
    wall = snapshot["wall_offset_ns"]
    sidecar = snapshot["sidecar"]
    return {
        **{key: snapshot[key] for key in ("path", "format", "nbytes", "events")},
        **{key: snapshot[key] for key in ("error", "reason", "rule")},
        # JavaScript's numbers cannot hold it.
        "wall_offset_ns": None if wall is None else str(wall),
        "sidecar": None if sidecar is None else json.loads(sidecar),
    }


def _block(file: BinaryIO, table: Table, rows: list[Row], encoder: Encoder) -> None:
    """Write some rows of a table."""
    described: dict[str, Described] = {}
    data = bytearray()
    for column, description, found in encoder.table(table, list(zip(*rows, strict=True))):
        described[column] = {**description, "at": len(data), "size": len(found)}
        data += found
        data += bytes(-len(data) % _ALIGN)
    header = json.dumps({"table": table.name, "rows": len(rows), "columns": described}).encode(
        "ascii"
    )
    packed = zlib.compress(struct.pack("<I", len(header)) + header + data, _LEVEL)
    file.write(b'<script type="application/octet-stream" class="block">')
    file.write(base64.b64encode(packed))
    file.write(b"</script>\n")


def _json_in_html(value: Any) -> bytes:
    """JSON that no HTML parser takes for anything but text: plain ASCII, and no ``<``."""
    return json.dumps(value).replace("<", "\\u003c").encode("ascii")


def _page() -> tuple[bytes, bytes]:
    """What of the page stands before its data, and what after it."""
    asset = importlib.resources.files("flightrec.report").joinpath("assets/report.html")
    head, _, tail = asset.read_bytes().partition(_MARK)
    return head, tail
