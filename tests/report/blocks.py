"""Reads a report's data as ``report/FORMAT.md`` describes it: a second reader beside the page's."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
import zlib
from array import array
from pathlib import Path
from typing import Any

_CODES = {"u8": "B", "u16": "H", "u32": "I", "i32": "i", "f64": "d"}
_BLOCK = re.compile(r'<script type="application/octet-stream" class="block">([^<]*)</script>')
_ABOUT = re.compile(r'<script type="application/json" id="about">([^<]*)</script>')


def about(report: Path) -> dict[str, Any]:
    """What the report says beside its tables."""
    found = _ABOUT.search(report.read_text("utf-8"))
    assert found is not None
    value: dict[str, Any] = json.loads(found[1])
    return value


def tables(report: Path) -> dict[str, dict[str, list[Any]]]:
    """The report's tables, column by column; times count from the trace's begin."""
    found: dict[str, dict[str, list[Any]]] = {}
    for text in _BLOCK.findall(report.read_text("utf-8")):
        data = zlib.decompress(base64.b64decode(text, validate=True))
        (length,) = struct.unpack_from("<I", data)
        header = json.loads(data[4 : 4 + length])
        columns = {
            name: _column(description, data[4 + length :], header["rows"])
            for name, description in header["columns"].items()
        }
        for name, description in header["columns"].items():
            if "before" in description:
                ends = columns[description["before"]]
                columns[name] = [
                    end - value for end, value in zip(ends, columns[name], strict=True)
                ]
        table = found.setdefault(header["table"], {name: [] for name in columns})
        for name, values in columns.items():
            table[name] += values
    return found


def _column(description: dict[str, Any], data: bytes, rows: int) -> list[Any]:
    if description["type"] == "none":
        numbers: list[Any] = [0] * rows
    else:
        assert description["at"] % 8 == 0
        part = data[description["at"] : description["at"] + description["size"]]
        numbers = list(array(_CODES[description["type"]], part))
    if description["kind"] == "delta":
        values = [description["first"]]
        for number in numbers:
            values.append(values[-1] + number)
        return values
    if description["kind"] == "dictionary":
        return [description["values"][number] for number in numbers]
    return [
        None if number.__class__ is float and math.isnan(number) else number for number in numbers
    ]
