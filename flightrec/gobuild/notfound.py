"""Saying that a published program needs its version."""

from __future__ import annotations

import re

from flightrec.errors import ToolchainError

__all__ = ["looks_published", "not_here"]

_WORDS = (
    "no required module provides package",
    "cannot find module providing package",
    "cannot find main module",
    "there is no go.mod in it or above it",
    "not in std",
    "import lookup disabled",
)


def looks_published(name: str) -> bool:
    """Say whether a package's name begins with a host, as those of published modules do."""
    first, slash, _ = name.partition("/")
    return bool(slash) and "." in first.strip(".")


def not_here(name: str, error: ToolchainError) -> ToolchainError:
    """Return the error for a package that Go does not find from the current folder.

    Another error, such as that of a package which cannot be read, is returned as it is.
    """
    said = error.output or str(error)
    if not any(words in said for words in _WORDS):
        return error
    return ToolchainError(
        f"{name} is not a package of the Go module in this folder, nor one that it requires. To "
        f"have the published one downloaded, add its version: {name}@latest",
        output=re.sub(r"\s+", " ", said),
    )
