"""The annotations of the runtime that this process has loaded."""

from __future__ import annotations

from flightrec.annotate.bridge import Annotations

__all__ = ["activate", "active"]

_active: Annotations | None = None  # there can be only one


def activate(annotations: Annotations) -> None:
    """Make these the annotations that :func:`flightrec.traced` uses."""
    global _active
    _active = annotations


def active() -> Annotations | None:
    """Return them; None before a library is loaded."""
    return _active
