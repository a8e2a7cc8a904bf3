"""``flightrec validate``: is a file a valid Go trace?"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from flightrec.cli.options import add_go_option

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.errors import TraceFormatError
    from flightrec.toolchain import Toolchain

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "validate",
        help="is it a valid trace? says where not",
        description="Have Go's own trace tool read a whole trace, or, where there is no Go, "
        "flightrec's own reader, which is as strict. Exit code 1 if the trace is not valid.",
    )
    parser.add_argument("file", metavar="FILE")
    add_go_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Validate, and say what is wrong and where."""
    from flightrec.errors import ToolchainError
    from flightrec.toolchain import find_toolchain

    try:
        toolchain = find_toolchain(args.go)
    except ToolchainError:
        if args.go or os.environ.get("FLIGHTREC_GO"):
            raise  # that Go was asked for
        return _by_flightrec(args.file)
    try:
        return _by_go(args.file, toolchain)
    except ToolchainError as exc:
        if args.go or os.environ.get("FLIGHTREC_GO"):
            raise
        print(f"flightrec: not checked by Go: {exc}", file=sys.stderr)
    return _by_flightrec(args.file)


def _by_go(file: str, toolchain: Toolchain) -> int:
    from flightrec.toolchain import validate_trace

    verdict = validate_trace(file, toolchain)
    by = f"read by {toolchain.version_text}"
    if verdict.valid:
        print(f"{file}: valid, {verdict.events} events ({by})")
        return 0
    print(f"{file}: not a valid trace: {verdict.error} ({by})")
    _, error = _read(file)  # Go does not name the place in the file
    if error is not None:
        print(f"  in the file: {error}")
    print(f"  Go stopped {_after(verdict.events)}")
    if verdict.last_event:
        print(f"  the last one: {verdict.last_event}")
    return 1


def _by_flightrec(file: str) -> int:
    events, error = _read(file)
    if error is None:
        print(f"{file}: valid, {events} events (read by flightrec, without Go)")
        return 0
    print(f"{file}: not a valid trace: {error} (read by flightrec, without Go)")
    print(f"  it stopped {_after(events)}")
    return 1


def _read(file: str) -> tuple[int, TraceFormatError | None]:
    from flightrec import trace
    from flightrec.errors import TraceFormatError

    events = 0
    try:
        for _ in trace.read(file):
            events += 1
    except TraceFormatError as exc:
        return events, exc
    return events, None


def _after(events: int) -> str:
    return f"after {events} event{'' if events == 1 else 's'}" if events else "before any event"
