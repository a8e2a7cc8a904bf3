"""``flightrec view``: open a trace in Go's viewer."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import add_go_option
from flightrec.cli.tracefile import is_gzip, unpacked

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "view",
        help="open a trace in `go tool trace`",
        description="Open a trace in Go's own viewer, in a web browser. Ctrl-C ends it.",
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument(
        "--http", metavar="ADDRESS", help="where the viewer listens, such as localhost:8080"
    )
    add_go_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the viewer until it ends or Ctrl-C."""
    from flightrec import trace
    from flightrec.errors import TraceFormatError
    from flightrec.toolchain import find_toolchain

    toolchain = find_toolchain(args.go)
    file = Path(args.file)
    # A missing file, and one that is no trace, are told as ``info`` does, not as Go's viewer does.
    try:
        trace.read(file).close()
    except TraceFormatError as exc:
        print(f"flightrec: {args.file}: not a valid trace: {exc}", file=sys.stderr)
        return 1
    http = [f"-http={args.http}"] if args.http else []
    command = [str(toolchain.go), "tool", "trace", *http]
    if is_gzip(file):
        with unpacked(file) as plain:
            return _view([*command, str(plain)], toolchain.env())
    if os.name == "posix":
        # Become the viewer: Ctrl-C, kill and a closed terminal then end it, and leave nothing.
        sys.stdout.flush()
        os.execve(command[0], [*command, str(file)], toolchain.env())
    return _view([*command, str(file)], toolchain.env())


def _view(command: list[str], env: dict[str, str]) -> int:
    return 1 if subprocess.run(command, env=env, check=False).returncode else 0
