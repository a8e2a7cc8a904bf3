"""Names that a program has given: of tasks, regions and logs."""

from __future__ import annotations

from typing import Final

__all__ = ["cut", "quoted"]

# A name may be of any length.
_LONG: Final = 80


def quoted(name: str) -> str:
    """A name for people: in quotes, on one line, and without its middle if it is very long."""
    return repr(cut(name))


def cut(name: str) -> str:
    """A name without its middle if it is very long."""
    if len(name) <= _LONG:
        return name
    return f"{name[: _LONG // 2]}…{name[1 - _LONG // 2 :]}"
