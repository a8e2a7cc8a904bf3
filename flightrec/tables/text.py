"""Text as tables hold it: always valid Unicode."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["valid_text"]

_BYTES: Final = re.compile("[\ud800-\udfff]")


def valid_text(text: str) -> str:
    r"""The text, with bytes that were not UTF-8 written as ``\xNN``.

    A trace's strings keep such bytes as surrogate escapes, which no database, JSON reader or
    terminal takes.
    """
    return text if text.isascii() else _BYTES.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
