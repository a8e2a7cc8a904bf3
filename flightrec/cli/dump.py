"""``flightrec dump``: take a snapshot of a running process, even if its Go runtime hangs."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

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

    if args.output == "-" and args.metadata:
        raise UsageError("--metadata needs a file to stand beside; name one with -o")
    path = find(args.pid)
    request = {
        "do": "dump",
        "last": args.last,
        "tail": args.tail,
        "reason": args.reason,
    }
    timeout = _SECONDS + (args.tail or 0.0)
    if args.output == "-":
        with tempfile.TemporaryFile() as file:
            reply = ask(path, request, timeout=timeout, file=file.fileno())
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
        where = "standard output"
    else:
        target = Path(args.output or f"{args.pid}.trace")
        reply = _to_file(
            target, lambda file: ask(path, request, timeout=timeout, file=file.fileno())
        )
        if args.metadata:
            text = json.dumps(reply["metadata"], indent=2) + "\n"
            target.with_suffix(".json").write_text(text, encoding="utf-8")
        where = str(target)
    if not args.quiet:
        print(_text(where, reply), file=sys.stderr)
    return 0


def _to_file(target: Path, write: Any) -> dict[str, Any]:
    """Have a file written that nobody sees before it is whole."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with _create(temporary, target) as file:
            reply: dict[str, Any] = write(file)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return reply


def _create(path: Path, target: Path) -> IO[bytes]:
    # A trace shows what a program does: it is its user's alone, unless the user says otherwise.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, str(target)) from exc
    return os.fdopen(descriptor, "wb", buffering=0)


def _text(where: str, reply: dict[str, Any]) -> str:
    text = (
        f"flightrec: {where}: {format_size(reply['bytes'])}, the last "
        f"{format_duration(reply['seconds'])} in {count(reply['generations'], 'generation')}"
    )
    if not reply["newest_events"]:
        text += "; the Go runtime does not answer, so the newest events are missing"
    return text
