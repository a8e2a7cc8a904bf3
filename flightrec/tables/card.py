"""What a notebook shows for a snapshot: a few facts and a small picture, as HTML."""

from __future__ import annotations

from html import escape
from itertools import accumulate
from typing import Any, Final

from flightrec.errors import TraceFormatError
from flightrec.tables.interning import Row
from flightrec.tables.read import read_tables
from flightrec.tables.text import printable
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.source import Source

__all__ = ["snapshot_card"]

_TABLES: Final = ("snapshots", "goroutines", "goroutine_states", "ranges", "tasks", "logs")

# Reading takes a few tenths of a second for each mebibyte; a notebook shows a value at once.
_READ_AT_MOST: Final = 2 << 20

_WIDTH, _HEIGHT, _BUCKETS = 480, 60, 160
_FUNCTIONS: Final = 4
# A picture shows so many GC cycles: the longest.
_CYCLES: Final = 500
_MARK: Final = "GC concurrent mark phase"


def snapshot_card(source: Source, nbytes: int) -> str:
    """HTML for a snapshot (or any trace) of so many bytes, safe to put into a page.

    It has the window's length, what is in it, the start functions that ran longest, and how many
    goroutines were running and runnable over time. One of more than 2 MiB is not read: then only
    its size is told. A trace that cannot be read says why. Never raises for the trace's sake.
    """
    size = f"{nbytes / (1 << 20):.1f} MiB" if nbytes >= 1 << 20 else f"{nbytes / 1024:.1f} KiB"
    if nbytes > _READ_AT_MOST:
        return _card(size, ["large: see <code>flightrec info</code>, or save and open it"], "")
    rows: dict[str, list[Row]] = {name: [] for name in _TABLES}
    try:
        reader = read_tables(source, _TABLES, strict=False)
        for chunk in reader:
            for name in chunk:
                rows[name] += chunk.rows(name)
    except TraceFormatError as exc:
        return _card(size, [f"not a valid trace: {_html(exc)}"], "")
    begin, end = rows["snapshots"][0][3], rows["snapshots"][0][4]
    counted = [_count(len(rows[name]), name) for name in ("goroutines", "tasks", "logs")]
    facts = [
        f"{ns_text(end - begin)}, {_count(rows['snapshots'][0][6], 'events')}",
        ", ".join(counted),
        *_functions(rows),
    ]
    if reader.error is not None:
        facts.append(f"not a valid trace: {_html(reader.error)}")
    return _card(size, facts, _picture(rows, begin, end))


def _count(number: int, things: str) -> str:
    return f"{number:,} {things if number != 1 else things[:-1]}"


def _functions(rows: dict[str, list[Row]]) -> list[str]:
    """The start functions whose goroutines ran longest, but the recorder's own."""
    names = {row[0]: row[2] for row in rows["goroutines"] if row[3] != "recorder"}
    ran: dict[str, int] = {}
    for row in rows["goroutine_states"]:
        if row[2] == "Running" and row[0] in names:
            name = names[row[0]]
            ran[name] = ran.get(name, 0) + row[8] - row[1]
    longest = sorted(ran.items(), key=lambda entry: -entry[1])[:_FUNCTIONS]
    return [f"{ns_text(ns)} running in {_html(name or '(no name)')}" for name, ns in longest]


def _picture(rows: dict[str, list[Row]], begin: int, end: int) -> str:
    """How many goroutines were running (below) and runnable (above), with GC marked."""
    width = max(1, end - begin)
    running = _mean(rows["goroutine_states"], "Running", begin, width)
    runnable = _mean(rows["goroutine_states"], "Runnable", begin, width)
    both = [a + b for a, b in zip(running, runnable, strict=True)]
    top = max(1.0, *both)
    cycles = [row for row in rows["ranges"] if row[0] == _MARK]
    cycles.sort(key=lambda row: row[4] - row[5])
    marks = "".join(
        f'<rect x="{_x(row[4] - begin, width)}" y="0" height="{_HEIGHT}" '
        f'width="{max(0.5, (row[5] - row[4]) / width * _WIDTH):.1f}" fill="#f4a26155"/>'
        for row in cycles[:_CYCLES]
    )
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="goroutines running and '
        f'runnable over time, up to {top:.1f}">{_area(both, top, "#bbbbbb")}'
        f"{_area(running, top, '#2a9d8f')}{marks}</svg><br><small>goroutines running (green) and "
        f"runnable (grey): up to {top:.1f}; GC (orange)</small>"
    )


def _mean(states: list[Row], wanted: str, begin: int, width: int) -> list[float]:
    """How many goroutines were in a state, the mean of each of the buckets."""
    # Whole buckets are counted by where they begin and end, and the parts at both ends apart.
    whole, parts = [0.0] * (_BUCKETS + 1), [0.0] * (_BUCKETS + 1)
    for row in states:
        if row[2] != wanted:
            continue
        first = (row[1] - begin) * _BUCKETS / width
        last = (row[8] - begin) * _BUCKETS / width
        i, j = int(first), min(int(last), _BUCKETS)
        if i == j:
            parts[i] += last - first
            continue
        parts[i] += i + 1 - first
        parts[j] += last - j
        whole[i + 1] += 1
        whole[j] -= 1
    return [a + b for a, b in zip(accumulate(whole), parts, strict=True)][:_BUCKETS]


def _area(values: list[float], top: float, colour: str) -> str:
    step = _WIDTH / _BUCKETS
    points = " ".join(
        f"{i * step:.1f},{_HEIGHT - value / top * _HEIGHT:.1f} "
        f"{(i + 1) * step:.1f},{_HEIGHT - value / top * _HEIGHT:.1f}"
        for i, value in enumerate(values)
    )
    return f'<polygon points="0,{_HEIGHT} {points} {_WIDTH},{_HEIGHT}" fill="{colour}"/>'


def _x(ns: int, width: int) -> str:
    return f"{ns / width * _WIDTH:.1f}"


def _html(value: Any) -> str:
    return escape(printable(str(value)))


def _card(size: str, facts: list[str], picture: str) -> str:
    lines = "".join(f"<div>{fact}</div>" for fact in facts)
    return f"<div><b>Go trace</b>, {size}{lines}{picture}</div>"
