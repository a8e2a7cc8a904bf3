"""Text in columns, as wide as the terminal."""

from __future__ import annotations

import shutil
from typing import Final

__all__ = ["clean", "terminal_width", "wrapped"]

# Where there is no terminal, and what is never gone below.
_DEFAULT_WIDTH: Final = 100
_LEAST_WIDTH: Final = 40


def terminal_width() -> int:
    """How many columns there are: COLUMNS, or the terminal's, or 100."""
    return max(_LEAST_WIDTH, shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns)


def wrapped(prefix: str, text: str, width: int, most: int | None = None) -> list[str]:
    """Lines of a text behind a prefix, broken at spaces; ``most`` of them if it says how many.

    A word that is too long for a line is cut in its middle.
    """
    indent = " " * len(prefix)
    room = max(10, width - len(prefix))
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else _cut(word, room)
    lines.append(line)
    if most is not None and len(lines) > most:
        del lines[most:]
        lines[-1] = lines[-1][: room - 2].rstrip() + " …"
    return [(prefix if i == 0 else indent) + found for i, found in enumerate(lines)]


def _cut(word: str, room: int) -> str:
    if len(word) <= room:
        return word
    head = (room - 1) // 3
    return f"{word[:head]}…{word[-(room - 1 - head) :]}"


def clean(text: str) -> str:
    """The text without bytes that are not UTF-8 and control characters, which a name may have."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text.encode("utf-8", "backslashreplace").decode()
    )
