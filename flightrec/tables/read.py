"""Reads a trace into tables, a part at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from flightrec.errors import TraceFormatError
from flightrec.tables.build import TableBuilder
from flightrec.tables.chunk import Chunk
from flightrec.tables.interning import Interner
from flightrec.tables.schema import USUAL, tables_named
from flightrec.tables.sidecar import Sidecar, read_sidecar
from flightrec.tables.text import valid_text
from flightrec.trace.events import Sync
from flightrec.trace.reader import Reader
from flightrec.trace.source import Source

__all__ = ["TableReader", "read_columns", "read_tables"]

# A generation is handed over in parts of about so many events: few, so that what is made of them
# is still in the processor's cache when it is written.
_EVENTS: Final = 1 << 10


class TableReader(Iterator[Chunk]):
    """The iterator that :func:`read_tables` returns. Not thread-safe.

    ``error`` is why reading stopped early; None if it did not, or not yet. Arguments are those of
    that function, and ``null`` and ``no`` of :class:`~flightrec.tables.build.TableBuilder`.
    ``seen`` is called with the events as they are read, in order, for who needs them besides;
    goroutines' transitions are plain tuples unless the table ``events`` is made.
    """

    def __init__(
        self,
        source: Source,
        tables: Iterable[str] = USUAL,
        *,
        interner: Interner | None = None,
        strict: bool = True,
        null: Any = None,
        no: Any = False,
        seen: Callable[[list[Any]], object] | None = None,
    ) -> None:
        self._seen = seen
        self.error: TraceFormatError | None = None
        #: The tables that are read, in the order of ``TABLES``.
        self.tables = tuple(table.name for table in tables_named(tables))
        self._wanted = frozenset(self.tables)
        self._path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
        self._strict = strict
        events = "events" in self._wanted
        self._reader = Reader(source, plain=not events)
        self._builder = TableBuilder(interner or Interner(), events=events, null=null, no=no)
        self._chunks = self._read()

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks

    def __next__(self) -> Chunk:
        return next(self._chunks)

    @property
    def begin_ns(self) -> int:
        """The first event's time; 0 before the first chunk."""
        return self._builder.begin or 0

    def goroutine(self, number: int | None) -> tuple[int | None, str]:
        """The id, and the start function as far as it is known, of a goroutine that is there now.

        For one that has ended, see its row.
        """
        return self._builder.goroutine(number)

    def close(self) -> None:
        """Stop reading and close the file, if a path was given. Called by itself at the end."""
        self._chunks.close()
        self._reader.close()

    def _read(self) -> Generator[Chunk, None, None]:
        builder, seen = self._builder, self._seen
        with self._reader as reader:
            taken = 0
            try:
                for events in reader.chunks():
                    if events[0].__class__ is Sync or builder.events - taken >= _EVENTS:
                        taken = builder.events
                        yield self._chunk(builder.take())
                    builder.add(events)
                    if seen is not None:
                        seen(events)
            except TraceFormatError as error:
                self.error = error
        builder.finish()
        rows = builder.take()
        rows["snapshots"] = [self._snapshot()]
        yield self._chunk(rows)
        if self.error is not None and self._strict:
            raise self.error

    def _chunk(self, rows: dict[str, list[tuple[Any, ...]]]) -> Chunk:
        return Chunk({name: found for name, found in rows.items() if name in self._wanted})

    def _snapshot(self) -> tuple[Any, ...]:
        path, builder = self._path, self._builder
        size, sidecar = None, Sidecar()
        if path is not None:
            sidecar = read_sidecar(path)
            file = Path(path)
            size = file.stat().st_size if file.is_file() else None
        return (
            valid_text(path or ""),
            f"1.{self._reader.version}",
            size,
            builder.begin or 0,
            builder.end,
            builder.wall_offset,
            builder.events,
            None if self.error is None else valid_text(str(self.error)),
            *sidecar,
        )


def read_tables(
    source: Source,
    tables: Iterable[str] = USUAL,
    *,
    interner: Interner | None = None,
    strict: bool = True,
) -> TableReader:
    """Read a trace into tables: their rows, in chunks of a generation or less.

    ::

        for chunk in read_tables("snapshot.trace", ["goroutine_states", "stacks"]):
            for goroutine, begin_ns, state, *_ in chunk.rows("goroutine_states"): ...

    *source* is what :func:`flightrec.trace.read` takes; *tables* are names of
    :data:`~flightrec.tables.schema.TABLES`, all but ``events`` unless said. Traces that share an
    *interner* share the numbers of stacks and frames. Memory is bounded by what one generation
    makes, the distinct stacks, and what is open: goroutines, tasks, regions.

    Of a broken trace what comes before is read. Then, if *strict*, its TraceFormatError is raised;
    otherwise it is in the reader's ``error`` and in the table ``snapshots``. Raises what
    ``flightrec.trace.read`` raises at once, and ValueError for a table that there is not.
    """
    return TableReader(source, tables, interner=interner, strict=strict)


def read_columns(
    source: Source, tables: Iterable[str] = USUAL, *, strict: bool = True
) -> dict[str, dict[str, list[Any]]]:
    """Read a whole trace into tables in memory: a list for each column of each table.

    Arguments and errors are those of :func:`read_tables`.
    """
    wanted = [table.name for table in tables_named(tables)]
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in wanted}
    for chunk in read_tables(source, wanted, strict=strict):
        for name in chunk:
            rows[name] += chunk.rows(name)
    whole = Chunk(rows)
    return {name: whole.columns(name) for name in wanted}
