"""``flightrec goroutine``: one goroutine's life as a timeline."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from flightrec.cli.events import add_span_options, span
from flightrec.cli.layout import clean, terminal_width, wrapped
from flightrec.cli.places import place_text, short
from flightrec.trace.names import quoted
from flightrec.trace.nanoseconds import ns_text

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.trace.stacks import Stack
    from flightrec.trace.summary.timeline import Annotation, Life, Stretch, Waker

__all__ = ["configure", "run"]

# Without --all a life that has more stretches than this has its short ones put together; a short
# one is less than this share of the life.
_MANY: Final = 100
_SHORT: Final = 0.01


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "goroutine",
        help="show one goroutine's life: its states, why it stopped, who woke it",
        description="Print a goroutine's life as a timeline: since when and how long it ran, was "
        "ready, waited or was in a syscall, why and where it stopped, who woke it, and its tasks, "
        "regions and logs. If there are very many stretches, short ones are merged. Exit code 1 "
        "if there is no such goroutine, or the trace is not valid.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument("goroutine", metavar="N", type=int, help="the goroutine's id")
    add_span_options(parser)
    parser.add_argument("--all", action="store_true", help="show every stretch, however short")
    parser.add_argument("--stacks", action="store_true", help="print stacks under the stretches")
    parser.add_argument("--json", action="store_true", help="one JSON object; times in ns")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the trace once and print."""
    from flightrec import trace
    from flightrec.cli.progress import ProgressFile
    from flightrec.cli.tracefile import without_collector
    from flightrec.errors import TraceFormatError
    from flightrec.trace.summary.timeline import lives

    broken: TraceFormatError | None = None
    first: list[int] = []

    def events(reader: trace.Reader) -> Iterator[trace.Event]:
        nonlocal broken
        try:
            for chunk in reader.chunks():
                if not first:
                    first.append(chunk[0].time)
                yield from chunk
        except TraceFormatError as exc:
            broken = exc

    with ProgressFile(args.file) as file, without_collector():
        try:
            with trace.read(file) as reader:
                found = lives(events(reader), args.goroutine)
        except TraceFormatError as exc:
            broken, found = exc, []
    begin = first[0] if first else 0
    since, until = span(args.since, args.until, begin)
    if args.json:
        print(json.dumps([_json(life, since, until) for life in found], indent=2))
    else:
        page = _Page(begin, since, until, everything=args.all, stacks=args.stacks)
        lines = [line for life in found for line in page.life(life)]
        print(clean("\n".join(lines)), end="\n" if lines else "")
    sys.stdout.flush()
    if broken is not None:
        print(f"flightrec: {args.file}: not a valid trace: {broken}", file=sys.stderr)
    elif not found:
        print(f"flightrec: {args.file}: there is no goroutine {args.goroutine}", file=sys.stderr)
    return 0 if found and broken is None else 1


class _Page:
    def __init__(
        self, begin: int, since: int, until: int, *, everything: bool, stacks: bool
    ) -> None:
        self.begin = begin
        self.since = since
        self.until = until
        self.everything = everything
        self.stacks = stacks
        self.width = terminal_width()

    def at(self, ns: int) -> str:
        return f"{(ns - self.begin) / 1e9:.6f}"

    def life(self, life: Life) -> Iterator[str]:
        name = f" ({short(life.name)})" if life.name else ""
        yield from wrapped("", f"goroutine {life.goid}{name}: {self.origin(life)}", self.width)
        totals: dict[str, int] = {}
        for stretch in life.stretches:
            key = str(stretch.state).lower()
            totals[key] = totals.get(key, 0) + stretch.duration_ns
        sums = ", ".join(f"{state} {ns_text(ns)}" for state, ns in totals.items())
        yield from wrapped("", f"{len(life.stretches):,} stretches: {sums}", self.width)
        shown = [s for s in life.stretches if s.end_ns >= self.since and s.begin_ns <= self.until]
        if not shown:
            yield "It did not exist in the stretch that was asked for."
            return
        yield f"{'at s':>12} {'for':>9}"
        marks = [m for m in life.annotations if self.since <= m.time <= self.until]
        shortest = 0.0
        if not self.everything and len(shown) > _MANY:
            shortest = _SHORT * (shown[-1].end_ns - shown[0].begin_ns)
        together: list[Stretch] = []
        for stretch in shown:
            while marks and marks[0].time < stretch.begin_ns:
                yield from self.together(together)
                together = []
                yield from self.mark(marks.pop(0))
            if stretch.duration_ns < shortest:
                together.append(stretch)
                continue
            yield from self.together(together)
            together = []
            yield from self.stretch(stretch)
        yield from self.together(together)
        for left in marks:
            yield from self.mark(left)
        if life.ended and life.end_ns <= self.until:
            yield f"{self.at(life.end_ns):>12}           it ends"

    def origin(self, life: Life) -> str:
        if not life.created:
            return "was there before the trace"
        text = f"created at {self.at(life.begin_ns)} s"
        creator = life.creator
        if creator is None or creator.goroutine is None:
            thread = life.stretches and str(life.stretches[0].state) == "Syscall"
            return f"{text} {'for a C or Python thread' if thread else 'by a timer or the runtime'}"
        return f"{text} by {self.who(creator)}"

    def who(self, waker: Waker) -> str:
        if waker.goroutine is None:
            return "a timer, the network or the runtime"
        name = f" ({short(waker.name)})" if waker.name else ""
        where = f" in {place_text(waker.stack)}" if waker.stack else ""
        return f"goroutine {waker.goroutine}{name}{where}"

    def stretch(self, one: Stretch) -> Iterator[str]:
        text = str(one.state).lower()
        if one.reason:
            text += f" ({one.reason})"
        if one.proc is not None and text == "running":
            text += f" on P {one.proc}"
        if one.stack:
            text += f" in {place_text(one.stack)}"
        if one.waker is not None:
            text += f"; woken by {self.who(one.waker)}"
        if not one.begun:
            text += "; since before the trace"
        if not one.ended:
            text += "; goes on at the end"
        prefix = f"{self.at(one.begin_ns):>12} {ns_text(one.duration_ns):>9}  "
        yield from wrapped(prefix, text, self.width)
        if self.stacks:
            yield from self.frames("in", one.stack)
            if one.waker is not None:
                yield from self.frames("woken in", one.waker.stack)

    def frames(self, title: str, stack: Stack) -> Iterator[str]:
        if stack:
            yield f"{'':24}{title}"
            for frame in stack:
                yield f"{'':26}{frame.function}  {frame.file}:{frame.line}"

    def together(self, few: Sequence[Stretch]) -> Iterator[str]:
        """Short stretches as one line."""
        if len(few) == 1:
            yield from self.stretch(few[0])
        if len(few) < 2:
            return
        totals: dict[str, list[int]] = {}
        for one in few:
            found = totals.setdefault(str(one.state).lower(), [0, 0])
            found[0] += 1
            found[1] += one.duration_ns
        sums = ", ".join(f"{n:,} × {state} {ns_text(ns)}" for state, (n, ns) in totals.items())
        took = few[-1].end_ns - few[0].begin_ns
        prefix = f"{self.at(few[0].begin_ns):>12} {ns_text(took):>9}  "
        yield from wrapped(prefix, f"short ones: {sums}", self.width)

    def mark(self, event: Annotation) -> Iterator[str]:
        yield from wrapped(f"{self.at(event.time):>12} {'':>9}  ", _annotation(event), self.width)


def _annotation(event: Annotation) -> str:
    from flightrec.trace import Log, RegionBegin, TaskBegin, TaskEnd

    if isinstance(event, Log):
        task = f" (task {event.task})" if event.task else ""
        return f"log {event.category}: {event.message}{task}"
    does = "begins" if isinstance(event, (TaskBegin, RegionBegin)) else "ends"
    if isinstance(event, (TaskBegin, TaskEnd)):
        return f"task {event.task} {quoted(event.name)} {does}"
    return f"region {quoted(event.name)} {does}"


def _json(life: Life, since: int, until: int) -> dict[str, Any]:
    from flightrec.trace.plain import event_dict, stack_list

    def waker(one: Waker | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return {"goroutine": one.goroutine, "name": one.name, "stack": stack_list(one.stack)}

    return {
        "goroutine": life.goid,
        "name": life.name,
        "created": life.created,
        "ended": life.ended,
        "creator": waker(life.creator),
        "stretches": [
            {
                "state": str(one.state),
                "begin_ns": one.begin_ns,
                "end_ns": one.end_ns,
                "reason": one.reason,
                "proc": one.proc,
                "begun": one.begun,
                "ended": one.ended,
                "stack": stack_list(one.stack),
                "waker": waker(one.waker),
            }
            for one in life.stretches
            if one.end_ns >= since and one.begin_ns <= until
        ],
        "annotations": [
            event_dict(event, stacks=False)
            for event in life.annotations
            if since <= event.time <= until
        ],
    }
