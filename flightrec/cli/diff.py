"""``flightrec diff``: compare two traces, or two stretches of one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flightrec.cli.events import Moment, moment
from flightrec.cli.layout import clean, terminal_width, wrapped
from flightrec.cli.options import UsageError
from flightrec.cli.places import short
from flightrec.trace.names import cut
from flightrec.trace.nanoseconds import ns_text

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.trace import Summary
    from flightrec.trace.summary.comparison import Amount, Change, Comparison

__all__ = ["configure", "run"]

_TITLES: Final = {
    "task": "tasks",
    "region": "regions",
    "scheduling": "scheduling",
    "time": "time by start function and state",
    "wait": "waits by place",
    "syscall": "syscalls by place",
    "pause": "pauses",
    "GC": "GC",
}

# Of each kind so many are shown; a change must be of at least this share of what there was, or
# the median by this factor.
_FEW: Final = 8
_SHARE: Final = 0.1
_LEAST_NS_PER_SECOND: Final = 100_000


class _Span(NamedTuple):
    """A stretch of a trace."""

    since: Moment
    until: Moment


def _span(text: str) -> _Span:
    """Read a stretch such as ``1.5s..2s``."""
    since, dots, until = text.partition("..")
    if not dots or not since or not until:
        raise argparse.ArgumentTypeError(f"not a stretch: {text!r}; write it as 1.5s..2s")
    return _Span(moment(since), moment(until))


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "diff",
        help="compare two traces, or two stretches of one",
        description="Compare two traces: tasks, regions, scheduling, time by start function and "
        "state, waits and syscalls by place, pauses and GC. Totals are per second of each window, "
        "so that windows of different lengths can be compared; what changed most comes first. "
        "Exit code 1 if one of them is not a valid trace.",
    )
    parser.add_argument("a", metavar="A", help="the trace before, or the good one")
    parser.add_argument("b", metavar="B", nargs="?", help="the trace after; A itself if left out")
    parser.add_argument(
        "--a",
        dest="span_a",
        type=_span,
        metavar="TIME..TIME",
        help="only this stretch of A, such as 1.5s..2s after its start, or ns on the trace clock",
    )
    parser.add_argument(
        "--b", dest="span_b", type=_span, metavar="TIME..TIME", help="only this stretch of B"
    )
    parser.add_argument("--all", action="store_true", help="also show what hardly changed")
    parser.add_argument("--json", action="store_true", help="one JSON object; times in ns")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read both traces and print what changed."""
    from flightrec.errors import TraceFormatError
    from flightrec.trace.summary.comparison import compare

    if args.b is None and args.span_a == args.span_b:
        raise UsageError(
            "name a second trace, or two stretches of the first: --a 0s..2s --b 2s..4s"
        )
    summaries = []
    for file, span in ((args.a, args.span_a), (args.b or args.a, args.span_b)):
        try:
            summaries.append(_summary(file, span))
        except TraceFormatError as exc:
            print(f"flightrec: {file}: not a valid trace: {exc}", file=sys.stderr)
            return 1
    comparison = compare(summaries[0], summaries[1])
    if args.json:
        print(json.dumps(_json(comparison), indent=2))
    else:
        page = _Page(comparison, everything=args.all)
        print(clean("\n".join(page.lines(args.a, args.b or args.a))))
    return 0


def _summary(file: str, span: _Span | None) -> Summary:
    from flightrec import trace
    from flightrec.cli.progress import ProgressFile
    from flightrec.cli.stretch import stretch
    from flightrec.cli.tracefile import without_collector

    summarizer = trace.Summarizer(details=False)
    with ProgressFile(file) as opened, without_collector(), trace.read(opened) as reader:
        for chunk in reader.chunks() if span is None else stretch(reader.chunks(), *span):
            summarizer.add(chunk)
    summary = summarizer.summary()
    if not summary.event_count:
        raise UsageError(f"{file}: there is no event in that stretch")
    return summary


class _Page:
    def __init__(self, comparison: Comparison, *, everything: bool) -> None:
        self.comparison = comparison
        self.everything = everything
        self.width = terminal_width()

    def lines(self, a: str, b: str) -> Iterator[str]:
        for letter, file, summary in (
            ("A", a, self.comparison.before),
            ("B", b, self.comparison.after),
        ):
            text = f"{file}, {ns_text(summary.duration_ns)}"
            yield from wrapped(f"{letter}  ", text, self.width)
        yield "Totals are per second of the window."
        shown = False
        for kind, title in _TITLES.items():
            found = self.comparison.of(kind)
            changes = [change for change in found if self.everything or _matters(change)]
            if not changes:
                continue
            shown = True
            yield title
            for change in changes[:_FEW]:
                yield from self.change(change)
            if len(changes) > _FEW:
                yield f"{'':20}and {len(changes) - _FEW} more (--json)"
        if not shown:
            yield "Nothing changed by a tenth or more (--all shows all)."

    def change(self, change: Change) -> Iterator[str]:
        before, after = change.before_per_second, change.after_per_second
        numbers = f"{_rate(before):>9} → {_rate(after):>9} {_percent(before, after):>7}  "
        named = change.kind in ("task", "region")
        what = cut(change.what) if named else _shortened(change.what)
        yield from wrapped(numbers, f"{what}{_counts(change)}", self.width)


def _matters(change: Change) -> bool:
    """Whether it changed by a tenth, and is not next to nothing in both."""
    before, after = change.before_per_second, change.after_per_second
    if max(before, after) < _LEAST_NS_PER_SECOND:
        return False
    if change.weight >= _SHARE * max(before, after):
        return True
    median = change.before.median_ns
    return median is not None and abs(change.median_change_ns) >= _SHARE * median


def _rate(ns: float) -> str:
    return "none" if not ns else ns_text(ns)


def _percent(before: float, after: float) -> str:
    if not before:
        return "new"
    if not after:
        return "gone"
    if after >= 10_000 * before:
        return "× >9999"
    if after >= 10 * before:
        return f"× {after / before:.0f}"
    return f"{after / before - 1:+.0%}"


def _shortened(what: str) -> str:
    """A name with its packages' names only, not their paths."""
    return " ".join(
        short(word) if "/" in word and not word.startswith("(") else word
        for word in what.split(" ")
    )


def _counts(change: Change) -> str:
    before, after = change.before, change.after
    if before.median_ns is None and after.median_ns is None:
        return f" ({before.count:,} → {after.count:,} goroutines)"

    def told(amount: Amount) -> str:
        if amount.median_ns is None:
            return "none" if not amount.count else f"{amount.count:,}"
        median, longest = ns_text(amount.median_ns), ns_text(amount.max_ns)
        return f"{amount.count:,}, median {median}, longest {longest}"

    return f" ({told(before)} → {told(after)})"


def _json(comparison: Comparison) -> dict[str, Any]:
    def window(summary: Summary) -> dict[str, int]:
        return {"begin_ns": summary.begin_ns, "end_ns": summary.end_ns}

    def amount(found: Amount) -> dict[str, int | None]:
        return {
            "count": found.count,
            "total_ns": found.total_ns,
            "median_ns": found.median_ns,
            "max_ns": found.max_ns,
        }

    return {
        "before": window(comparison.before),
        "after": window(comparison.after),
        "changes": [
            {
                "kind": change.kind,
                "what": change.what,
                "before": amount(change.before),
                "after": amount(change.after),
                "before_ns_per_second": round(change.before_per_second),
                "after_ns_per_second": round(change.after_per_second),
            }
            for change in comparison.changes
        ],
    }
