"""Loads traces into SQLite."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, cast

from flightrec.destination import find_destination
from flightrec.errors import TraceFormatError
from flightrec.sql.critical import CRITICAL_PATH, fill_critical_paths
from flightrec.sql.ddl import create_indexes, create_table, insert
from flightrec.sql.views import VIEWS
from flightrec.tables.interning import Interner
from flightrec.tables.read import TableReader
from flightrec.tables.schema import TABLES, USUAL, Table, tables_named
from flightrec.trace.source import Source

__all__ = ["Database", "Skipped", "to_sqlite"]

# SQLite stores NaN as NULL. The sqlite3 module looks for an adapter of each None and bool that it
# is to store, which takes longer than storing it.
_NULL: Final = float("nan")

# What others refer to is loaded with whatever is loaded.
_SHARED: Final = ("snapshots", "generations", "stacks", "stack_frames", "frames")

_FORMAT: Final = 1


class Skipped(NamedTuple):
    """A trace that could not be read, or only its beginning if ``partly``."""

    path: str
    error: Exception
    partly: bool


class Database:
    """Traces in an SQLite database that has the tables and views; rows are loaded when needed.

    *db* is a path, an open connection, or "" for a temporary database. ``connection`` is for
    queries; run :meth:`need` or :meth:`need_for` first. ``skipped`` are the traces that could not
    be read (to the end); with *strict* the first such raises, too. Not thread-safe.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        db: str | os.PathLike[str] | sqlite3.Connection = "",
        *,
        strict: bool = False,
    ) -> None:
        self.skipped: list[Skipped] = []
        self._sources = sources
        self._strict = strict
        self._interner = Interner()
        self._loaded: set[str] = set()
        self._known = {**TABLES, CRITICAL_PATH.name: CRITICAL_PATH}
        self._own = not isinstance(db, sqlite3.Connection)
        if isinstance(db, sqlite3.Connection):
            self.connection = db
        else:
            self.connection = sqlite3.connect(db, isolation_level=None)
            # It is made anew, and of no use until it is complete.
            self.connection.execute("PRAGMA journal_mode = OFF")
            self.connection.execute("PRAGMA synchronous = OFF")
            self.connection.execute("PRAGMA cache_size = -65536")
        with self._transaction():
            for table in self._known.values():
                self.connection.execute(create_table(table))
            for view in VIEWS.values():
                self.connection.execute(f"CREATE VIEW {view.name} AS{view.sql}")
            if self._own:
                self.connection.execute(f"PRAGMA user_version = {_FORMAT}")

    def need(self, tables: Iterable[str] = USUAL) -> None:
        """Load tables that are not loaded yet.

        :raises ValueError: there is no such table.
        :raises OSError, TraceFormatError: a trace cannot be read, if strict.
        """
        wanted = set(tables)
        paths = CRITICAL_PATH.name in wanted - self._loaded
        if paths:
            wanted |= {"tasks", "goroutines", "goroutine_states", "wakeups"}
        wanted.discard(CRITICAL_PATH.name)
        missing = [table.name for table in tables_named(wanted) if table.name not in self._loaded]
        if missing:
            self._load(missing)
        if paths:
            self._fill_paths()

    def need_for(self, statement: str) -> None:
        """Load what a statement reads.

        :raises sqlite3.Error: it is no statement that SQLite understands.
        """
        found: set[str] = set()

        def note(action: int, first: str | None, *_rest: str | None) -> int:
            if action == sqlite3.SQLITE_READ and first in self._known:
                found.add(first)
            return sqlite3.SQLITE_OK

        self.connection.set_authorizer(note)
        try:
            self.connection.execute(f"EXPLAIN {statement}").close()
        finally:
            # Python 3.10 cannot take an authorizer away.
            self.connection.set_authorizer(lambda *_: sqlite3.SQLITE_OK)
        self.need(found)

    def close(self) -> None:
        """Close the connection, unless it was handed over."""
        if self._own:
            self.connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            if self._own:
                self.connection.execute("COMMIT")  # without a journal nothing can be undone
            else:
                self.connection.rollback()
            raise
        self.connection.execute("COMMIT")

    def _load(self, missing: Sequence[str]) -> None:
        first = not self._loaded
        shared = set(_SHARED) if first else set(_SHARED) - {"snapshots", "generations"}
        wanted = tables_named(shared | set(missing))
        with self._transaction():
            for file, source in enumerate(self._sources, 1):
                self._load_file(file, source, wanted, tell=first)
            for table in wanted:
                for statement in create_indexes(table):
                    self.connection.execute(statement)
        self._loaded |= {table.name for table in wanted}

    def _load_file(
        self, file: int, source: Source, wanted: tuple[Table, ...], *, tell: bool
    ) -> None:
        path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
        error: Exception | None = None
        partly = False
        try:
            reader = TableReader(
                source,
                [table.name for table in wanted],
                interner=self._interner,
                strict=False,
                null=_NULL,
                no=0,
            )
            for chunk in reader:
                for name in chunk:
                    statement = insert(TABLES[name], file)
                    self.connection.executemany(statement, chunk.rows(name))
            error, partly = reader.error, True
        except (OSError, TraceFormatError) as exc:
            error = exc
        if error is not None and (tell or self._strict):
            self.skipped.append(Skipped(path, error, partly))
        if error is not None and self._strict:
            raise error

    def _fill_paths(self) -> None:
        statements = {
            file: insert(CRITICAL_PATH, file) for file in range(1, len(self._sources) + 1)
        }
        with self._transaction():
            for file, row in list(fill_critical_paths(self.connection, len(self._sources))):
                self.connection.execute(statements[file], row)
            for statement in create_indexes(CRITICAL_PATH):
                self.connection.execute(statement)
        self._loaded.add(CRITICAL_PATH.name)


def to_sqlite(
    files: Source | Iterable[Source],
    db: str | os.PathLike[str] | sqlite3.Connection,
    *,
    events: bool = False,
    strict: bool = True,
) -> tuple[Skipped, ...]:
    """Write traces into an SQLite database: the tables of docs/tables.md, indexes, and views.

    *files*: a trace, as :func:`flightrec.trace.read` takes it, or a list or tuple of them. *db* is
    the path of a database to make (one that is there is replaced once the new one is complete), or
    a connection to a database to which the tables are added. *events* adds the table of all
    events, which is large.

    Returns the traces that could not be read, or not to their end. With *strict* the first such
    raises its OSError or TraceFormatError instead, and no database is made. Raises sqlite3.Error
    where the database cannot be written, and OSError where *db* is no path of a file.
    """
    many = list(files) if isinstance(files, (list, tuple)) else [cast(Source, files)]
    tables = (*USUAL, CRITICAL_PATH.name, *(("events",) if events else ()))
    if isinstance(db, sqlite3.Connection):
        with Database(many, db, strict=strict) as database:
            database.need(tables)
            return tuple(database.skipped)
    destination = find_destination(db)
    path = destination.path
    if destination.is_stream:
        raise OSError(errno.EINVAL, "an SQLite database needs a file", os.fspath(db))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with Database(many, part, strict=strict) as database:
            database.need(tables)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return tuple(database.skipped)
