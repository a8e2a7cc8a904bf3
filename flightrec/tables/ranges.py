"""Rows of the runtime's own ranges: GC phases, sweeps, mark assists, stop-the-worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flightrec.tables.goroutines import Goroutines
from flightrec.tables.interning import Row
from flightrec.tables.numbers import int64
from flightrec.tables.text import valid_text
from flightrec.trace.events import RangeActive, RangeBegin, RangeEnd, Resource, ResourceKind
from flightrec.trace.stacks import Stack

__all__ = ["Ranges"]


class Ranges:
    """Makes the rows of ``ranges``; an open one has none yet."""

    def __init__(self, goroutines: Goroutines, stack_number: Callable[[Stack], Any]) -> None:
        self.rows: list[Row] = []
        self._number = goroutines.number
        self._stack = stack_number
        # By what it is a range of, and its name: goroutine, proc, begin, began before, stack.
        self._open: dict[tuple[Resource, str], Row] = {}

    def begin(self, event: RangeBegin) -> None:
        """A range begins."""
        number = self._number(event.goroutine)
        self._open[event.scope, event.name] = (
            number,
            event.proc,
            event.time,
            False,
            self._stack(event.stack),
        )

    def active(self, event: RangeActive, window_begin: int) -> None:
        """A range is on; news only where it began before the trace."""
        scope = event.scope
        key = scope, event.name
        if key not in self._open:
            self._open[key] = (*self._owner(scope), window_begin, True, None)

    def end(self, event: RangeEnd, window_begin: int) -> None:
        """A range ends."""
        scope, name = event.scope, event.name
        begun = self._open.pop((scope, name), None)
        if begun is None:
            begun = (*self._owner(scope), window_begin, True, None)
        attributes = dict(event.attributes)
        self._add(
            scope,
            name,
            begun,
            event.time,
            False,
            int64(attributes.get("bytes swept")),
            int64(attributes.get("bytes reclaimed")),
        )

    def finish(self, end: int) -> None:
        """The trace ends: rows for what is open."""
        for (scope, name), begun in self._open.items():
            self._add(scope, name, begun, end, True, None, None)
        self._open.clear()

    def _owner(self, scope: Resource) -> tuple[int | None, int | None]:
        """Goroutine and proc, as far as the scope alone tells them."""
        if scope.kind is ResourceKind.GOROUTINE:
            return self._number(scope.id), None
        return None, scope.id if scope.kind is ResourceKind.PROC else None

    def _add(
        self,
        scope: Resource,
        name: str,
        begun: Row,
        end: int,
        goes_on: bool,
        swept: int | None,
        reclaimed: int | None,
    ) -> None:
        goroutine, proc, begin, before, stack = begun
        self.rows.append(
            (
                valid_text(name),
                scope.kind.value,
                goroutine,
                proc,
                begin,
                end,
                before,
                goes_on,
                stack,
                swept,
                reclaimed,
            )
        )
