"""The annotations of the runtime that this process has loaded."""

from __future__ import annotations

from flightrec.annotate.bridge import Annotations

__all__ = ["activate", "active"]


class _Active:
    """An attribute of an object is quicker to read than a function is to call."""

    annotations: Annotations | None = None  # there can be only one runtime


#: Where :func:`flightrec.traced` looks; None before a library is loaded.
active = _Active()


def activate(annotations: Annotations) -> None:
    """Make these the annotations that :func:`flightrec.traced` uses."""
    active.annotations = annotations
