"""An explanation as text, as wide as asked for."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final

from flightrec.trace.names import quoted
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.stacks import Frame
from flightrec.trace.why.model import (
    Explanation,
    Part,
    Subject,
    SubjectKind,
)
from flightrec.trace.why.words import place_text, short, step_text

__all__ = ["explanation_text", "headline"]

#: How wide text is where nobody says.
WIDTH: Final = 100

# Parts of less than this share of the whole, and beyond so many, are added up in one line.
_SHARE: Final = 0.02
_LINES: Final = 14
_DEPTH: Final = 8

# The headline follows a chain of waits so far.
_CHAIN: Final = 3

_SAVED: Final = "saved because"
_FRAMES: Final = 12
_UNIT: Final = re.compile(r"(\d) (?=(?:%|ns|µs|ms|s|min)(?![\w%]))")
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def explanation_text(
    explanation: Explanation, width: int = WIDTH, *, stacks: bool = False, bars: bool = True
) -> str:
    """The text: a sentence, then where the time went, then what the trace cannot tell."""
    lines = []
    if explanation.broken:
        lines += _wrapped(f"Careful: {explanation.broken}.", width)
    lines += _wrapped(headline(explanation), width)
    if explanation.parts:
        lines.append("")
        lines += _tree(explanation, width, stacks=stacks, bars=bars)
    for note in explanation.notes:
        lines.append("")
        lines += _wrapped(f"Note: {note}", width)
    text = "\n".join(lines) + "\n"
    # A name in a trace may have bytes that are not UTF-8.
    return text.encode("utf-8", "backslashreplace").decode()


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    # Names of packages have hyphens, and are copied from here. A number stays with its unit.
    text = _UNIT.sub("\\1\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def headline(explanation: Explanation) -> str:
    """What took how long, against what is usual, and the largest cause with the way to it."""
    subject = explanation.subject
    if subject.kind is SubjectKind.NOTHING:
        if not subject.duration_ns:
            return "There is nothing to explain: the trace has no events."
        return f"Nothing stands out. Looked at: {subject.why}."
    text = f"{_subject(subject)} took {ns_text(subject.duration_ns)}{_usual(subject)}."
    if subject.why.startswith(_SAVED):
        text = f"{subject.why[0].upper()}{subject.why[1:]}. {text}"
    total = subject.duration_ns or 1
    chain = _main_chain(explanation.parts)
    if not chain:
        return text
    first = chain[0]
    text += f" For {ns_text(first.ns)} ({100 * first.ns / total:.0f} %) {_clause(first, 'it')}."
    between = chain[1:-1]
    for part in between[:_CHAIN]:
        text += f" {_clause(part, f'Goroutine {part.goid}')}."
    if len(between) > _CHAIN:
        more = len(between) - _CHAIN
        text += f" So it goes on through {more} more wait{'s' * (more > 1)}."
    if len(chain) > 1:
        last = chain[-1]
        clause = _clause(last, f"goroutine {last.goid}") + _many(last)
        text += f" Meanwhile, for {ns_text(last.ns)}, {clause}."
    if first.sharers:
        others = "1 other goroutine" if first.sharers == 1 else f"{first.sharers} other goroutines"
        text += f" {others} waited at the same place at the same time."
    return text


def _many(part: Part) -> str:
    """How often, if that is not said already."""
    if part.count == part.turns:
        return ""
    many = f", {part.goroutines} goroutines" if part.goroutines > 1 else ""
    return f" ({part.count} times{many}, longest {ns_text(part.longest_ns)})"


def _clause(part: Part, who: str) -> str:
    return step_text(part, who).rstrip(",")


def _subject(subject: Subject) -> str:
    if subject.kind is SubjectKind.TASK:
        name = f"Task {subject.id} {quoted(subject.name)}"
    elif subject.kind is SubjectKind.GOROUTINE:
        name = f"Goroutine {subject.id}" + (f" ({short(subject.name)})" if subject.name else "")
    elif subject.kind is SubjectKind.LOG:
        name = f"Until {quoted(subject.name)} was logged by goroutine {subject.goid}"
    else:
        what = {SubjectKind.WAIT: "A wait", SubjectKind.DELAY: "A delay"}.get(
            subject.kind, "A pause"
        )
        name = f"{what} of goroutine {subject.goid} ({subject.name})"
    cut_off = []
    if subject.began_before:
        cut_off.append("begun before the window")
    if not subject.complete:
        cut_off.append("not ended in it" if cut_off else "not ended in the window")
    return f"{name}, {' and '.join(cut_off)}," if cut_off else name


def _usual(subject: Subject) -> str:
    if subject.usual is None:
        return ""
    count = subject.usual.count
    others = "1 other" if count == 1 else f"{count} others"
    return f" (median of {others} {ns_text(subject.usual.median_ns)})"


def _main_chain(parts: tuple[Part, ...]) -> list[Part]:
    """From the largest part at the top down to a leaf, by the largest each."""
    chain: list[Part] = []
    at = _largest(parts, None)
    while at is not None:
        chain.append(parts[at])
        at = _largest(parts, at)
    return chain


def _largest(parts: tuple[Part, ...], parent: int | None) -> int | None:
    # The parts of one parent stand in the order of their size.
    start = 0 if parent is None else parent + 1
    for i in range(start, len(parts)):
        if parts[i].parent == parent:
            return i
    return None


def _tree(explanation: Explanation, width: int, *, stacks: bool, bars: bool) -> Iterator[str]:
    parts = explanation.parts
    total = explanation.subject.duration_ns or 1
    bar = max(6, min(24, width // 8)) if bars else 0
    depths: list[int] = []
    shown, hidden, hidden_ns = 0, 0, 0
    hidden_below: set[int] = set()
    for i, part in enumerate(parts):
        depth = 0 if part.parent is None else depths[part.parent] + 1
        depths.append(depth)
        if part.parent is not None and part.parent in hidden_below:
            hidden_below.add(i)
            continue
        small = part.ns < _SHARE * total and shown > 0
        if small or shown >= _LINES or depth >= _DEPTH:
            hidden_below.add(i)
            hidden += 1
            hidden_ns += part.ns
            continue
        shown += 1
        yield from _part(part, depth, total, width, bar, stacks=stacks)
    if hidden:
        one = "a smaller part" if hidden == 1 else f"{hidden} smaller parts"
        yield from _line(hidden_ns, total, 0, width, bar, one)


def _part(
    part: Part, depth: int, total: int, width: int, bar: int, *, stacks: bool
) -> Iterator[str]:
    text = _clause(part, f"goroutine {part.goid}") + _many(part)
    yield from _line(part.ns, total, depth, width, bar, text)
    if not stacks:
        return
    indent = " " * (_COLUMNS + bar + 2 * min(depth, _DEPTH) + 4)
    for title, place in (
        ("", part.place),
        ("woken at", part.waker.place if part.waker else None),
        ("instead", part.instead),
    ):
        if place is None or not place.stack:
            continue
        if title:
            yield f"{indent}{title} {place_text(place)}:"
        yield from _stack(place.stack, indent + "  ")


def _stack(stack: tuple[Frame, ...], indent: str) -> Iterator[str]:
    for frame in stack[:_FRAMES]:
        yield f"{indent}{frame.function}  {frame.file}:{frame.line}"
    if len(stack) > _FRAMES:
        yield f"{indent}… {len(stack) - _FRAMES} more frames"


#: How wide amount and share are.
_COLUMNS: Final = 16


def _line(ns: int, total: int, depth: int, width: int, bar: int, text: str) -> Iterator[str]:
    head = f"{ns_text(ns):>8} {100 * ns / total:4.0f} % "
    if bar:
        head += _bar(ns / total, bar) + " "
    indent = " " * len(head) + "  " * depth
    room = max(20, width - len(indent))
    wrapped = _wrapped(text, room, "  ") or [""]
    yield head + "  " * depth + wrapped[0]
    for line in wrapped[1:]:
        yield indent + line


def _bar(share: float, width: int) -> str:
    eighths = round(min(1.0, share) * width * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[rest] if rest else "")
    return text.ljust(width)
