"""``flightrec validate``: is a file a valid Go trace?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import add_go_option

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "validate",
        help="is it a valid trace? says where not",
        description="Have Go's own trace tool read a whole trace. Exit code 1 if it is not valid.",
    )
    parser.add_argument("file", metavar="FILE")
    add_go_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Validate, and say what Go said."""
    from flightrec.toolchain import find_toolchain, validate_trace

    toolchain = find_toolchain(args.go)
    verdict = validate_trace(args.file, toolchain)
    if verdict.valid:
        print(f"{args.file}: valid, {verdict.events} events ({toolchain.version_text})")
        return 0
    print(f"{args.file}: not a valid trace: {verdict.error} ({toolchain.version_text})")
    print(f"  {_where(Path(args.file))}")
    after = f"after {verdict.events} events" if verdict.events else "before the first event"
    print(f"  Go stopped {after}.")
    if verdict.last_event:
        print(f"  The last one: {verdict.last_event}")
    return 1


def _where(file: Path) -> str:
    """Name the place in the file, which Go's tool does not."""
    from flightrec import trace
    from flightrec.errors import TraceFormatError

    try:
        for _ in trace.read(file):
            pass
    except TraceFormatError as exc:
        return f"In the file: {exc}."
    return "flightrec's own reader finds nothing wrong with it."
