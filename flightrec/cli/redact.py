"""``flightrec redact``: remove the program's names from a trace, to share it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "redact",
        help="remove the program's names from a trace, to share it",
        description="Write a copy of a trace with placeholder words for the program's "
        "functions and files, "
        "the names of its tasks, regions and types, and its log messages; the same text becomes "
        "the same word. Names of the standard library stay, and so do times, ids and line "
        "numbers. The result is a valid trace with the same numbers.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="where to write it; - is standard output",
    )
    parser.add_argument(
        "--keep",
        metavar="CLASS,…",
        action="append",
        default=[],
        help="what to keep: functions, files, tasks, regions, categories, messages, types, "
        "threads (their names)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    from flightrec.cli.progress import ProgressFile
    from flightrec.cli.tracefile import output_file, without_collector
    from flightrec.errors import TraceFormatError
    from flightrec.redact import CLASSES, redact

    keep = [word for text in args.keep for word in text.split(",") if word]
    for word in keep:
        if word not in CLASSES:
            raise UsageError(f"--keep: there is no class {word!r}; there are {', '.join(CLASSES)}")
    output = args.output
    if args.file != "-" and Path(output).exists() and Path(output).samefile(args.file):
        raise UsageError(f"{output} is the trace itself; give another name with -o")
    try:
        with ProgressFile(args.file) as file, without_collector():
            with output_file(output) as out:
                redact(file, out, keep=keep)
    except TraceFormatError as exc:
        print(f"flightrec: {args.file}: not a valid trace: {exc}", file=sys.stderr)
        return 1
    return 0
