"""``flightrec dump``: take a snapshot of a running process, even if its Go runtime hangs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flightrec.cli.units import count, duration, format_duration, format_size

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]

#: How long the process may take to answer, beyond the tail, in seconds.
_SECONDS = 60.0


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "dump",
        help="take a snapshot of a running process",
        description="Write a snapshot of a running process's recorder. This works even if the "
        "Go runtime hangs: then only the newest events are missing. The file belongs to you, "
        "wherever the process runs.",
    )
    parser.add_argument(
        "pid", metavar="PID", type=int, help="the process; `flightrec ps` lists them"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where (default: PID.trace); - is standard output"
    )
    parser.add_argument(
        "--last",
        type=duration,
        metavar="TIME",
        help="only the newest part of the window, of this length",
    )
    parser.add_argument(
        "--tail", type=duration, metavar="TIME", help="keep recording for this long, then write"
    )
    parser.add_argument("--reason", metavar="TEXT", help="recorded in the metadata")
    parser.add_argument(
        "--metadata",
        action="store_true",
        help="also write FILE's metadata beside it, as JSON: times, versions, Python stacks",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Have it written."""
    from flightrec.cli.options import UsageError
    from flightrec.control.client import ask, find
    from flightrec.destination import find_destination, open_output
    from flightrec.newfile import new_file

    where = args.output or f"{args.pid}.trace"
    destination = None if where == "-" else find_destination(where)
    if args.metadata and (destination is None or destination.is_stream):
        raise UsageError("--metadata needs a file to stand beside; name one with -o")
    path = find(args.pid)
    request = {
        "do": "dump",
        "last": args.last,
        "tail": args.tail,
        "reason": args.reason,
    }
    timeout = _SECONDS + (args.tail or 0.0)
    if destination is None or destination.is_stream:
        with tempfile.TemporaryFile() as file:
            reply = ask(path, request, timeout=timeout, file=file.fileno())
            file.seek(0)
            if destination is None:
                shutil.copyfileobj(file, sys.stdout.buffer)
            else:
                with open_output(where) as descriptor, open(descriptor, "wb", closefd=False) as out:
                    shutil.copyfileobj(file, out)
    else:
        with new_file(destination.path) as descriptor:
            reply = ask(path, request, timeout=timeout, file=descriptor)
        if args.metadata:
            text = json.dumps(reply["metadata"], indent=2) + "\n"
            Path(where).with_suffix(".json").write_text(text, encoding="utf-8")
    if not args.quiet:
        print(_text("standard output" if where == "-" else where, reply), file=sys.stderr)
    return 0


def _text(where: str, reply: dict[str, Any]) -> str:
    text = (
        f"flightrec: {where}: {format_size(reply['bytes'])}, the last "
        f"{format_duration(reply['seconds'])} in {count(reply['generations'], 'generation')}"
    )
    if not reply["newest_events"]:
        text += "; the Go runtime does not answer, so the newest events are missing"
    return text
