"""The prompt of ``flightrec sql``: statements, a few commands, history and completion."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from flightrec.sql.load import Database
from flightrec.sql.run import run_statement
from flightrec.sql.views import VIEWS
from flightrec.tables.schema import TABLES

__all__ = ["Completer", "prompt"]

_HELP: Final = """\
A statement ends with a semicolon. Commands:
  .tables          the tables and views
  .schema NAME     a table's columns, or a view's statement
  .format FORMAT   table, csv, json or markdown
  .help            this
  .quit            leave; so does Ctrl-D
Columns that end in _ns are ns. docs/tables.md explains each column, docs/questions.md has examples.
"""

_HISTORY: Final = 1000

_WORDS: Final = """
    SELECT FROM WHERE GROUP ORDER BY LIMIT JOIN LEFT USING ON AS AND OR NOT NULL IN LIKE BETWEEN
    HAVING DISTINCT UNION ALL CASE WHEN THEN ELSE END COUNT SUM MIN MAX AVG DESC ASC WITH OVER
    PARTITION
"""


class Completer:
    """Completes names of tables, views and columns, SQL's words and the prompt's commands."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        names = set(_WORDS.split())
        for name in (*TABLES, *VIEWS, "critical_path"):
            names.add(name)
            for row in connection.execute(f"PRAGMA table_info({name})"):
                names.add(row[1])
        self._names = sorted(names)
        self._commands = [".format", ".help", ".quit", ".schema", ".tables"]
        self._found: list[str] = []

    def __call__(self, text: str, state: int) -> str | None:
        """The candidate number ``state`` for what is written so far, as readline asks for it."""
        if state == 0:
            names = self._commands if text.startswith(".") else self._names
            small = text.lower()
            self._found = [name for name in names if name.lower().startswith(small)]
        return self._found[state] if state < len(self._found) else None


def prompt(database: Database, output_format: str) -> int:
    """Ask for statements and run them until the input ends.

    The exit code is 2 if one of them failed and nobody was there to see it, else 0.
    """
    interactive = sys.stdin.isatty()
    failed = False
    with _line_editing(database, interactive=interactive):
        if interactive:
            print('SQL over the trace. ".help" for help, Ctrl-D to leave.', file=sys.stderr)
        waiting = ""
        while True:
            try:
                line = input(("   ...> " if waiting else "trace> ") if interactive else "")
            except EOFError:
                break
            except KeyboardInterrupt:
                print(file=sys.stderr)
                waiting = ""
                continue
            if not waiting and line.startswith("."):
                word, _, argument = line.strip().partition(" ")
                if word in (".quit", ".exit"):
                    break
                output_format = _command(database, word, argument.strip(), output_format)
                continue
            waiting += line + "\n"
            if sqlite3.complete_statement(waiting):
                failed |= not _run(database, waiting, output_format)
                waiting = ""
        if waiting.strip():
            failed |= not _run(database, waiting, output_format)
        if interactive:
            print(file=sys.stderr)
    return 2 if failed and not interactive else 0


def _run(database: Database, statement: str, output_format: str) -> bool:
    try:
        run_statement(database, statement, output_format, sys.stdout)
    except (sqlite3.Error, sqlite3.Warning) as exc:
        sys.stdout.flush()
        print(f"flightrec: {exc}", file=sys.stderr)
        return False
    except KeyboardInterrupt:
        print("flightrec: interrupted", file=sys.stderr)
        return False
    return True


def _command(database: Database, word: str, argument: str, output_format: str) -> str:
    """Do what a command says; return the format from now on."""
    from flightrec.sql.formats import FORMATS

    if word == ".tables":
        print("tables:", *TABLES, "critical_path")
        print("views:", *VIEWS)
    elif word == ".schema" and re.fullmatch(r"\w*", argument):
        condition = "name = ?" if argument else "? = ''"
        rows = database.connection.execute(
            f"SELECT sql FROM sqlite_master WHERE {condition} AND sql IS NOT NULL",
            (argument,),
        ).fetchall()
        print(*(f"{row[0]};" for row in rows), sep="\n")
    elif word == ".format" and argument in FORMATS:
        return argument
    else:
        sys.stderr.write(_HELP)
    return output_format


@contextlib.contextmanager
def _line_editing(database: Database, *, interactive: bool) -> Iterator[None]:
    """Have history and completion, if the input is a terminal and Python has readline."""
    readline = _readline() if interactive else None
    if readline is None:
        yield
        return
    history = _history_file()
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    before: Callable[[str, int], str | None] | None = readline.get_completer()
    delimiters = readline.get_completer_delims()
    readline.set_completer(Completer(database.connection))
    readline.set_completer_delims(" \t\n(),;=<>+-*/'\"")
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before)
        readline.set_completer_delims(delimiters)
        readline.set_history_length(_HISTORY)
        with contextlib.suppress(OSError):
            history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            readline.write_history_file(history)


def _readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:
        return None
    return readline


def _history_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state else Path.home() / ".local" / "state"
    return base / "flightrec" / "sql_history"
