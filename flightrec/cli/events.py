"""``flightrec events``: a trace's events, as text or JSON."""

from __future__ import annotations

import argparse
import json
import re
import sys
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from flightrec.cli.options import UsageError
from flightrec.trace.plain import event_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flightrec.cli.options import Subparsers
    from flightrec.cli.progress import ProgressFile
    from flightrec.trace import Event

__all__ = ["Moment", "add_span_options", "configure", "moment", "run", "span"]

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_RELATIVE = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m)")


class Moment(NamedTuple):
    """A time in a trace, in ns: since its first event if ``relative``, else on its clock."""

    ns: int
    relative: bool

    def on_clock(self, first: int) -> int:
        """The time on the trace clock."""
        return self.ns + first if self.relative else self.ns


def moment(text: str) -> Moment:
    """Read a time such as ``1.5s`` (since the start) or ``5553982463424`` (ns, trace clock).

    :raises argparse.ArgumentTypeError: it is neither.
    """
    if text.isdecimal():
        return Moment(int(text), relative=False)
    match = _RELATIVE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"not a time: {text!r}; write 1.5s or 20ms after the start, or the trace's own ns"
        )
    return Moment(round(float(match[1]) * _UNITS[match[2]]), relative=True)


def span(since: Moment | None, until: Moment | None, first: int) -> tuple[int, int]:
    """Both ends of a stretch on the trace clock, of a trace that begins at ``first``.

    :raises UsageError: it ends before it begins.
    """
    begin = first if since is None else since.on_clock(first)
    end = sys.maxsize if until is None else until.on_clock(first)
    if end < begin and since is not None:
        raise UsageError("the stretch ends before it begins: --until is before --since")
    return begin, end


def add_span_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--since`` and ``--until``, each a :class:`Moment` or None."""
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="only from this time on: 1.5s or 20ms after the start, or ns on the trace clock",
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="only up to this time")


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "events",
        help="print a trace's events, in order",
        description="Print a trace's events in order, one a line: the time since the first one, "
        "then the event as `go tool trace -d=parsed` prints it. Exit code 1 if the trace is not "
        "valid, after the events before.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument(
        "--kind",
        action="append",
        metavar="KIND,…",
        help="only events of these kinds, such as Log or StateTransition, or of these types, such "
        "as GoroutineTransition; may be repeated",
    )
    parser.add_argument(
        "--goroutine",
        action="append",
        type=int,
        metavar="ID",
        help="only what happens on or to this goroutine; may be repeated",
    )
    add_span_options(parser)
    parser.add_argument("-n", "--limit", type=int, metavar="N", help="at most N events")
    parser.add_argument("--stacks", action="store_true", help="print stacks under the events")
    parser.add_argument("--json", action="store_true", help="a JSON object a line, with stacks")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the events."""
    from flightrec.cli.progress import ProgressFile
    from flightrec.cli.tracefile import without_collector
    from flightrec.errors import TraceFormatError

    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit is a number of events, not {args.limit}")
    wanted = _filter(args.kind, args.goroutine)
    line = _json_line if args.json else _text_line(stacks=args.stacks)
    with ProgressFile(args.file) as file, without_collector():
        try:
            for event, first in islice(_chosen(file, args.since, args.until, wanted), args.limit):
                file.clear()
                sys.stdout.write(line(event, first))
        except TraceFormatError as exc:
            sys.stdout.flush()
            file.clear()
            print(f"flightrec: {args.file}: not a valid trace: {exc}", file=sys.stderr)
            return 1
    return 0


def _chosen(
    file: ProgressFile,
    since: Moment | None,
    until: Moment | None,
    wanted: Callable[[Event], bool] | None,
) -> Iterator[tuple[Event, int]]:
    """The events to print, each with the time of the trace's first one."""
    from flightrec import trace

    with trace.read(file) as reader:
        first: int | None = None
        begin = end = 0
        for chunk in reader.chunks():
            if first is None:
                first = chunk[0].time
                begin, end = span(since, until, first)
            if chunk[-1].time < begin:
                continue
            for event in chunk:
                if event.time > end:
                    return
                if event.time >= begin and (wanted is None or wanted(event)):
                    yield event, first


def _filter(
    kinds: list[str] | None, goroutines: list[int] | None
) -> Callable[[Event], bool] | None:
    """What chooses events by ``--kind`` and ``--goroutine``; None if all are wanted."""
    from flightrec import trace

    classes = _classes([word for text in kinds or () for word in text.split(",") if word])
    ids = frozenset(goroutines or ())
    if kinds is None and not ids:
        return None

    def wanted(event: Event) -> bool:
        if kinds is not None and event.__class__ not in classes:
            return False
        if not ids or event.goroutine in ids:
            return True
        if isinstance(event, trace.GoroutineTransition):
            return event.goid in ids
        if isinstance(event, (trace.RangeBegin, trace.RangeActive, trace.RangeEnd)):
            kind, number = event.scope
            return kind is trace.ResourceKind.GOROUTINE and number in ids
        return False

    return wanted


def _classes(words: list[str]) -> frozenset[type[Event]]:
    from flightrec.trace import EVENT_CLASSES

    names: dict[str, set[type[Event]]] = {}
    for event_class in EVENT_CLASSES:
        for name in (str(event_class.kind), event_class.__name__):
            names.setdefault(name.lower(), set()).add(event_class)
    found: set[type[Event]] = set()
    for word in words:
        if word.lower() not in names:
            known = ", ".join(dict.fromkeys(str(one.kind) for one in EVENT_CLASSES))
            raise UsageError(f"there is no kind of event {word!r}; there are {known}")
        found |= names[word.lower()]
    return frozenset(found)


def _text_line(*, stacks: bool) -> Callable[[Event, int], str]:
    from flightrec.trace import go_text

    def line(event: Event, first: int) -> str:
        text = go_text(event, stacks=stacks).rstrip("\n")
        # A frame's name or file may have bytes that are not UTF-8.
        text = text.encode("utf-8", "backslashreplace").decode()
        return f"{(event.time - first) / 1e9:13.9f} {text}\n"

    return line


def _json_line(event: Event, _first: int) -> str:
    return json.dumps(event_dict(event), separators=(",", ":")) + "\n"
