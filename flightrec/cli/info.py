"""``flightrec info``: what is in a trace, on one screen."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "info",
        help="show what is unusual in a trace, and a summary",
        description="Summarise a trace on one screen: first what took far longer than others of "
        "its kind, then tasks, goroutines, where they blocked, GC and pauses. Exit code 1 if it is "
        "not valid; everything before the broken place is still summarised.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object, with more in it; times and durations in ns",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="show the goroutines and pauses of the runtime and the recorder too",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the trace once and print."""
    import json

    from flightrec import trace
    from flightrec.cli.layout import terminal_width
    from flightrec.cli.overview import overview
    from flightrec.cli.overview_text import overview_text
    from flightrec.cli.progress import ProgressFile
    from flightrec.cli.tracefile import without_collector
    from flightrec.errors import TraceFormatError

    broken: TraceFormatError | None = None
    summarizer = trace.Summarizer(details=False)
    with ProgressFile(args.file) as file, without_collector():
        try:
            with trace.read(file) as reader:
                summarizer.add(reader)
        except TraceFormatError as exc:
            broken = exc
    summary = summarizer.summary()
    facts = overview(summary, args.file, file.size)
    facts["error"] = None if broken is None else str(broken)
    if args.json:
        print(json.dumps(facts, indent=2))
    elif summary.version is not None:
        print(overview_text(facts, width=terminal_width(), everything=args.all), end="")
    if broken is not None:
        sys.stdout.flush()
        print(f"flightrec: {args.file}: not a valid trace: {broken}", file=sys.stderr)
        return 1
    return 0
