"""``flightrec report``: a trace as one HTML file."""

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
        "report",
        help="a trace as one HTML file that any browser opens",
        description="Write a trace as one HTML file: what happened, a timeline, and tables. It "
        "needs no server, no network and no Go. Exit code 1 if the trace is not valid; the "
        "report still has everything before the broken place.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="where to write it (default: the trace's name, ending in .html); - is standard output",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report."""
    from flightrec.cli.tracefile import output_file, without_collector
    from flightrec.errors import TraceFormatError
    from flightrec.report import write_report

    output = args.output or str(Path(args.file).with_suffix(".html"))
    if Path(output).exists() and Path(args.file).exists() and Path(output).samefile(args.file):
        raise UsageError(f"{output} is the trace itself; give another name with -o")
    try:
        with without_collector(), output_file(output) as out:
            error: Exception | None = write_report(args.file, out)
    except TraceFormatError as exc:  # no trace at all
        print(f"flightrec: {args.file}: not a valid trace: {exc}", file=sys.stderr)
        return 1
    if output != "-":
        print(f"{output}: written", file=sys.stderr)
    if error is not None:
        print(f"flightrec: {args.file}: not a valid trace: {error}", file=sys.stderr)
        return 1
    return 0
