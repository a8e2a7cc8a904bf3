"""What the file beside a snapshot says of it: why it was taken, and by which rule."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from flightrec.tables.text import valid_text

__all__ = ["Sidecar", "read_sidecar"]

# A sidecar is a few kilobytes; what is much larger is something else.
_LIMIT = 1 << 20


class Sidecar(NamedTuple):
    """Reason and rule, as far as they are told, and the whole as JSON text."""

    reason: str | None = None
    rule: str | None = None
    text: str | None = None


def read_sidecar(path: str | os.PathLike[str]) -> Sidecar:
    """What stands in ``TRACE.json`` beside a trace, or with its suffix replaced by ``.json``.

    An empty one where there is none, or none that can be made sense of.
    """
    trace = Path(path)
    for file in (trace.with_name(trace.name + ".json"), trace.with_suffix(".json")):
        try:
            with file.open("rb") as opened:
                found: Any = json.loads(opened.read(_LIMIT + 1)[:_LIMIT])
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            text = json.dumps(found, ensure_ascii=True)
            return Sidecar(_text(found.get("reason")), _text(found.get("rule")), text)
    return Sidecar()


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return valid_text(value) if isinstance(value, str) else json.dumps(value)
