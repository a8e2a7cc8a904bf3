"""``flightrec export``: a trace in another tool's format."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]

# The ending that the output's name gets if none is given.
_ENDINGS = {
    "perfetto": ".pftrace",
    "sqlite": ".db",
    "jsonl": ".jsonl",
    "csv": ".csv",
    "parquet": ".parquet",
}
# What can go to standard output.
_STREAMED = ("perfetto", "jsonl")


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "export",
        help="export a trace to Perfetto, SQLite, JSON lines, CSV or Parquet",
        description="Write a trace in another tool's format. Perfetto's is for ui.perfetto.dev; "
        "the others have the tables of docs/tables.md: SQLite one database, JSON lines one file, "
        "CSV and Parquet a folder with a file for each table (Parquet needs pyarrow). Exit code 1 "
        "if the trace is not valid; everything before the broken place is still written.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument("--format", choices=tuple(_ENDINGS), required=True, help="which format")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="where to write it; default: the trace's name with another ending. A file whose name "
        "ends in .gz is compressed; - is standard output (perfetto, jsonl)",
    )
    parser.add_argument(
        "--events",
        action="store_true",
        help="also write the table of all events, which is large (not for Perfetto)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file or folder."""
    from flightrec.cli.tracefile import without_collector
    from flightrec.errors import TraceFormatError

    if args.output == "-" and args.format not in _STREAMED:
        raise UsageError(f"{args.format} cannot go to standard output; name a path with -o")
    output = args.output or str(Path(args.file).with_suffix(_ENDINGS[args.format]))
    if Path(output).exists() and Path(args.file).exists() and Path(output).samefile(args.file):
        raise UsageError(f"{output} is the trace itself; give another name with -o")
    try:
        with without_collector():
            error = _write_sqlite(args, output) if args.format == "sqlite" else _write(args, output)
    except TraceFormatError as exc:  # no trace at all
        print(f"flightrec: {args.file}: not a valid trace: {exc}", file=sys.stderr)
        return 1
    if output != "-":
        print(f"{output}: written", file=sys.stderr)
    if error is not None:
        print(f"flightrec: {args.file}: not a valid trace: {error}", file=sys.stderr)
        return 1
    return 0


def _write(args: argparse.Namespace, output: str) -> Exception | None:
    """Write any format but SQLite; return why the trace is not valid."""
    from flightrec.cli.tracefile import output_file
    from flightrec.export.files import whole_folder
    from flightrec.export.parquet import write_parquet
    from flightrec.export.perfetto import PERFETTO_TABLES, write_perfetto
    from flightrec.export.textfiles import write_csv, write_jsonl
    from flightrec.tables import USUAL, read_tables

    perfetto = args.format == "perfetto"
    tables = PERFETTO_TABLES if perfetto else (*USUAL, "events") if args.events else USUAL
    reader = read_tables(args.file, tables, strict=False)
    if args.format in _STREAMED:
        with output_file(output) as file:
            (write_perfetto if perfetto else write_jsonl)(reader, file)
    else:
        with whole_folder(output) as folder:
            (write_csv if args.format == "csv" else write_parquet)(reader, folder)
    return reader.error


def _write_sqlite(args: argparse.Namespace, output: str) -> Exception | None:
    import sqlite3

    from flightrec.sql import to_sqlite
    from flightrec.trace import read

    read(args.file).close()  # what is no trace at all makes no database
    try:
        skipped = to_sqlite(args.file, output, events=args.events, strict=False)
    except sqlite3.Error as exc:
        raise UsageError(f"{output}: {exc}") from exc
    return skipped[0].error if skipped else None
