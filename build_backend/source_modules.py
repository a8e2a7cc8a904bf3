"""Importing flightrec's own modules from this source tree, before it is built."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "load_from_source"]

ROOT = Path(__file__).resolve().parent.parent


def load_from_source(name: str) -> Any:
    """Import a module of the flightrec that is being built.

    Without running ``flightrec/__init__.py``, which imports much more than a build needs, and
    before any flightrec that may be installed.
    """
    if "flightrec" not in sys.modules:
        package = sys.modules["flightrec"] = types.ModuleType("flightrec")
        package.__path__ = [str(ROOT / "flightrec")]
    return importlib.import_module(name)
