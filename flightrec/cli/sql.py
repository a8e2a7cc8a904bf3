"""``flightrec sql``: query traces in SQL."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.sql import Database

__all__ = ["configure", "run", "tell_skipped"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "sql",
        help="query traces in SQL",
        description="Run an SQL statement over traces, or ask for statements at a prompt. The "
        "tables and views are those of docs/tables.md; only what a statement needs is read. Files "
        "that cannot be read are skipped. Exit code 1: one was skipped, or read only in part.",
        epilog='Example: flightrec sql s.trace "SELECT reason, total_ns, place '
        "FROM blocking_by_stack WHERE kind = 'program' ORDER BY total_ns DESC LIMIT 5\"",
    )
    parser.add_argument(
        "arguments",
        nargs="+",
        metavar="FILE",
        help="a trace; the last argument may be the statement",
    )
    parser.add_argument(
        "--format",
        choices=("table", "csv", "json", "markdown"),
        default="table",
        help="how rows are written (default: table)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first file that cannot be read"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the statement or the prompt."""
    import sqlite3

    from flightrec.cli.tracefile import without_collector
    from flightrec.errors import TraceFormatError
    from flightrec.sql import Database
    from flightrec.sql.prompt import prompt
    from flightrec.sql.run import run_statement

    files, statement = _split(args.arguments)
    with Database(files, strict=args.strict) as database, without_collector():
        try:
            if statement is None:
                code = prompt(database, args.format)
            else:
                run_statement(database, statement, args.format, sys.stdout)
                code = 0
        except sqlite3.Warning as exc:  # Python 3.10's word for two statements
            raise UsageError(f"one statement at a time: {exc}") from exc
        except sqlite3.Error as exc:
            raise UsageError(f"the statement failed: {exc}") from exc
        except TraceFormatError as exc:  # with --strict
            raise UsageError(f"{database.skipped[-1].path}: {exc}") from exc
        return max(code, tell_skipped(database))


def tell_skipped(database: Database) -> int:
    """Say which files could not be read; the exit code that makes."""
    sys.stdout.flush()
    for skipped in database.skipped:
        error = skipped.error
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        how = "only its beginning was read" if skipped.partly else "skipped"
        print(f"flightrec: {skipped.path}: {how}: {reason}", file=sys.stderr)
    return 1 if database.skipped else 0


def _split(arguments: list[str]) -> tuple[list[str], str | None]:
    """The files, and the statement if there is one: the last argument, if it is no file."""
    last = arguments[-1]
    words = last.split(None, 1)
    if len(words) > 1 and words[0].lower() in _VERBS and not _exists(last):
        if len(arguments) == 1:
            raise UsageError("which trace? flightrec sql FILE 'SELECT …'")
        return arguments[:-1], last
    if len(words) > 1 and not _exists(last):
        verbs = ", ".join(sorted(verb.upper() for verb in _VERBS))
        raise UsageError(
            f"{last!r} is neither a file nor a statement; statements begin with {verbs}"
        )
    return arguments, None


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # such as a name that is too long for one
        return False


_VERBS = frozenset({"select", "with", "explain", "pragma", "values", "create", "attach"})
