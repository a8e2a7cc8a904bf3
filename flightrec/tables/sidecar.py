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
    """What stands in the JSON file beside a trace (``S.json`` beside ``S.trace``).

    It is the metadata that :class:`flightrec.SnapshotDirectory` writes. The reason and the rule
    are those of the first that asked for the snapshot. An empty one where there is no such file,
    or none that makes sense.
    """
    trace = Path(path)
    if trace.suffix == ".json":
        return Sidecar()
    try:
        with trace.with_suffix(".json").open("rb") as file:
            found: Any = json.loads(file.read(_LIMIT))
    except (OSError, ValueError, RecursionError):
        return Sidecar()
    if not isinstance(found, dict):
        return Sidecar()
    reasons = found.get("reasons")
    first = reasons[0] if isinstance(reasons, list) and reasons else None
    if not isinstance(first, dict):
        first = {}
    # Plain ASCII: whatever is in it does no harm.
    return Sidecar(_text(first.get("reason")), _text(first.get("rule")), json.dumps(found))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return valid_text(value) if isinstance(value, str) else json.dumps(value)
