"""What happened, in the words of :func:`flightrec.trace.explain`, for the report's first screen."""

from __future__ import annotations

from typing import Any

from flightrec.errors import TraceFormatError
from flightrec.tables.text import valid_text
from flightrec.trace.source import Source
from flightrec.trace.why import explain_surveyed
from flightrec.trace.why.model import Explanation
from flightrec.trace.why.survey import Survey
from flightrec.trace.why.text import headline
from flightrec.trace.why.words import step_text

__all__ = ["story"]


def story(
    source: Source, survey: Survey, failure: TraceFormatError | None, begin_ns: int
) -> dict[str, Any] | None:
    """The explanation of a trace as JSON has it, times in ns since *begin_ns*.

    *survey* has seen all of its events, and *failure* is where it is broken. None where it is too
    broken to say anything.
    """
    try:
        found = explain_surveyed(source, survey, failure)
    except TraceFormatError:
        return None
    subject = found.subject
    return {
        "headline": valid_text(headline(found)),
        "lines": _lines(found),
        "notes": [valid_text(note) for note in found.notes],
        "kind": str(subject.kind),
        "id": subject.id,
        "goid": subject.goid,
        "begin_ns": subject.begin_ns - begin_ns,
        "end_ns": subject.end_ns - begin_ns,
    }


def _lines(found: Explanation) -> list[dict[str, Any]]:
    """The tree of what the time went to, each part below what it is a part of."""
    depths: list[int] = []
    lines = []
    for part in found.parts:
        depths.append(0 if part.parent is None else depths[part.parent] + 1)
        text = step_text(part, f"goroutine {part.goid}").rstrip(",")
        line = {"depth": depths[-1], "ns": part.ns, "goid": part.goid, "text": valid_text(text)}
        lines.append(line)
    return lines
