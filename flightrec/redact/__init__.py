"""The same trace without the program's names and messages, so that it can be shared."""

from __future__ import annotations

from flightrec.redact.names import CLASSES
from flightrec.redact.rewrite import redact

__all__ = ["CLASSES", "redact"]
