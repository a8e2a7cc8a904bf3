"""Names with ``*`` and ``?``, as rules write them."""

from __future__ import annotations

import fnmatch

__all__ = ["matches"]


def matches(glob: str, name: str) -> bool:
    """Say whether a name matches: ``*`` is any text, ``?`` any one character.

    Brackets are no set of characters: they stand in routes and in generic Go names.
    """
    return fnmatch.fnmatchcase(name, glob.replace("[", "[[]"))
