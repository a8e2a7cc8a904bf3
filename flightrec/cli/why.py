"""``flightrec why``: the cause of what was slow."""

from __future__ import annotations

import argparse
import io
import json
import sys
from typing import TYPE_CHECKING

from flightrec.cli.events import add_span_options, span

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.cli.progress import ProgressFile

__all__ = ["configure", "run"]

_ASK = "--slowest, --task NAME and --goroutine N explain one all the same."


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "why",
        help="explain why something was slow: its critical path and the cause",
        description="Explain why something took as long as it did: where its time went, who ended "
        "each of its waits, and what that one did meanwhile. Without options it explains what "
        "stands out: the slowest task against the others of its name, else the longest wait, "
        "delay or stop-the-world against its kind.",
        epilog="Exit codes: 0: explained, or nothing stands out. 1: a trace is not valid, or does "
        "not have what was asked for. 2: wrong usage or environment.",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a trace, gzip'd or not; each is explained by itself",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--task", metavar="NAME|ID", help="the slowest task of this name, or the one with this id"
    )
    what.add_argument("--slowest", action="store_true", help="the slowest task of all")
    what.add_argument("--goroutine", type=int, metavar="N", help="this goroutine's time")
    what.add_argument(
        "--log", metavar="TEXT", help="the time up to the first log with this in its message"
    )
    add_span_options(parser)
    parser.add_argument("--stacks", action="store_true", help="print stacks as well")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a trace; times and durations in ns"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain each trace."""
    code = 0
    for number, path in enumerate(args.files):
        if len(args.files) > 1 and not args.json:
            print("\n" * (number > 0) + f"{path}:", flush=True)
        code = max(code, _explain(path, args))
    return code


def _explain(path: str, args: argparse.Namespace) -> int:
    """Explain one and print."""
    from flightrec.cli.layout import terminal_width, wrapped
    from flightrec.cli.progress import ProgressFile
    from flightrec.cli.tracefile import without_collector
    from flightrec.errors import TraceFormatError
    from flightrec.trace.why import NotInTraceError, SubjectKind, explain
    from flightrec.trace.why.text import explanation_text

    with ProgressFile(path) as file, without_collector():
        try:
            source = (
                file
                if file.seekable()
                else io.BytesIO(b"".join(iter(lambda: file.read(1 << 20), b"")))
            )
            since, until = _stretch(args, source)
            explanation = explain(
                source,
                task=args.task,
                slowest_task=args.slowest,
                goroutine=args.goroutine,
                log=args.log,
                since=since,
                until=until,
            )
        except TraceFormatError as exc:
            file.clear()
            print(f"flightrec: {path}: not a valid trace: {exc}", file=sys.stderr)
            return 1
        except NotInTraceError as exc:
            file.clear()
            print(f"flightrec: {path}: {exc}", file=sys.stderr)
            return 1
    if args.json:
        print(json.dumps(explanation.to_json(), indent=2))
    else:
        width = terminal_width()
        print(explanation_text(explanation, width, stacks=args.stacks), end="")
        if explanation.subject.kind is SubjectKind.NOTHING and explanation.subject.duration_ns:
            print("\n".join(wrapped("", _ASK, width)))
    return 1 if explanation.broken else 0


def _stretch(
    args: argparse.Namespace, file: ProgressFile | io.BytesIO
) -> tuple[int | None, int | None]:
    """What was asked for with --since and --until, on the trace clock."""
    if args.since is None and args.until is None:
        return None, None
    from flightrec import trace

    with trace.read(file) as reader:
        first = next(reader).time
    file.seek(0)
    since, until = span(args.since, args.until, first)
    return since if args.since is not None else None, until if args.until is not None else None
