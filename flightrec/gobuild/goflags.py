"""What the GOFLAGS variable asks for, where flightrec's own flags must be joined with it.

A flag on the command line replaces the same flag in GOFLAGS, so ``-overlay``, ``-modfile`` and
``-ldflags`` given by us would silently undo the user's.
"""

from __future__ import annotations

import re

__all__ = ["flag_values", "split_goflags"]

# As cmd/internal/quoted.Split: a field is quoted only if it begins with the quote.
_FIELD = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|(\S+))""")


def split_goflags(text: str) -> list[str]:
    """Split the value of GOFLAGS into flags."""
    return [next(group for group in m.groups() if group is not None) for m in _FIELD.finditer(text)]


def flag_values(flags: list[str], name: str) -> list[str]:
    """Return the values given to a flag as ``-name=value`` or ``--name=value``, in order."""
    pattern = re.compile(rf"--?{re.escape(name)}=(.*)", re.DOTALL)
    return [m[1] for flag in flags if (m := pattern.fullmatch(flag))]
