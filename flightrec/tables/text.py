"""Text as tables hold it, and as it may be shown and written without harm."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["csv_cell", "printable", "valid_text"]

_BYTES: Final = re.compile("[\ud800-\udfff]")


def valid_text(text: str) -> str:
    r"""The text, with bytes that were not UTF-8 written as ``\xNN``.

    A trace's strings keep such bytes as surrogate escapes, which no database, JSON reader or
    terminal takes.
    """
    return text if text.isascii() else _BYTES.sub(_escape, text)


def printable(text: str) -> str:
    r"""The text for a terminal: what controls one, or the direction of writing, as ``\xNN``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in text)


def csv_cell(value: object) -> object:
    """A value for a CSV file: text that a spreadsheet takes for a formula gets a quote first."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


# What OWASP's advice on CSV injection lists.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
