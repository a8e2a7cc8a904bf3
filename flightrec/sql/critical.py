"""The critical path of a task: what its time went on, through the goroutines that it waited for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from flightrec.tables.interning import Row
from flightrec.tables.schema import Column, Table, Type

__all__ = ["CRITICAL_PATH", "critical_path", "fill_critical_paths"]

#: How many of the slowest tasks of each trace have their path in the table.
_TASKS: Final = 100

# Waits are followed so deep, and a path has about so many steps; what is left stays a wait.
_DEPTH: Final = 32
_STEPS: Final = 2000

CRITICAL_PATH: Final = Table(
    "critical_path",
    "For each of the 100 slowest tasks of a trace that are whole: what its time went on. The steps "
    "of a task follow one another without gaps. Where the goroutine that began the task waited, "
    "they are those of the goroutine that ended the wait, for as long as it lasted, and so on. "
    "`flightrec why` says more, of any stretch.",
    (
        Column("task", Type.INT, "Which task.", True, "tasks.task"),
        Column("step", Type.INT, "1, 2, 3 ….", True),
        Column("depth", Type.INT, "How many waits were followed to get here.", True),
        Column("goroutine", Type.INT, "Whose time it is.", False, "goroutines.goroutine"),
        Column("begin_ns", Type.INT, "When it began.", True),
        Column("end_ns", Type.INT, "When it ended.", True),
        Column("state", Type.NAME, "As in `goroutine_states`; `NotExist`: nothing is known.", True),
        Column("reason", Type.NAME, "As in `goroutine_states`.", True),
        Column("stack", Type.INT, "Where in the code.", False, "stacks.stack"),
    ),
    indexes=(("task", "step"),),
)


class _State(NamedTuple):
    """A state of a goroutine. ``stack`` of one that runs is where it does next what has one."""

    begin: int
    end: int
    state: str
    reason: str
    stack: int | None


class _Walk:
    """Walks through the goroutines of one trace, for one task."""

    def __init__(self, connection: sqlite3.Connection, file: int) -> None:
        self._connection = connection
        self._file = file
        self.steps: list[Row] = []

    def walk(self, goroutine: int | None, begin: int, end: int, depth: int) -> None:
        """Add the steps of a goroutine's time from ``begin`` to ``end``."""
        at = begin
        for state in self._states(goroutine, begin, end):
            if state.begin > at:
                self._before(goroutine, at, state.begin, depth)
            at, until = max(at, state.begin), min(end, state.end)
            waker = None
            if state.state == "Waiting" and state.end <= end and self._may_follow(depth):
                waker = self._waker(goroutine, state.end)
            if waker is None:
                self._add(goroutine, at, until, depth, state.state, state.reason, state.stack)
            else:
                self.walk(waker, at, until, depth + 1)
            at = until
        if at < end:
            self._add(goroutine, at, end, depth, "NotExist", "", None)

    def _before(self, goroutine: int | None, begin: int, end: int, depth: int) -> None:
        """A goroutine was not there yet: who created it was."""
        found = self._connection.execute(
            "SELECT parent FROM goroutines WHERE file = ? AND goroutine = ?",
            (self._file, goroutine),
        ).fetchone()
        parent = None if found is None else found[0]
        if parent is not None and parent != goroutine and self._may_follow(depth):
            self.walk(parent, begin, end, depth + 1)
        else:
            self._add(goroutine, begin, end, depth, "NotExist", "", None)

    def _may_follow(self, depth: int) -> bool:
        return depth < _DEPTH and len(self.steps) < _STEPS

    def _add(self, goroutine: int | None, begin: int, end: int, depth: int, *rest: Any) -> None:
        self.steps.append((len(self.steps) + 1, depth, goroutine, begin, end, *rest))

    def _states(self, goroutine: int | None, begin: int, end: int) -> list[_State]:
        """The states that overlap a stretch."""
        rows = self._connection.execute(
            "SELECT begin_ns, end_ns, state, reason, stack FROM goroutine_states "
            "WHERE file = ? AND goroutine = ? AND begin_ns < ? AND begin_ns >= coalesce(("
            "SELECT max(begin_ns) FROM goroutine_states "
            "WHERE file = ? AND goroutine = ? AND begin_ns <= ?), 0) ORDER BY begin_ns",
            (self._file, goroutine, end, self._file, goroutine, begin),
        ).fetchall()
        states = [_State(*row) for row in rows]
        nexts = [*(state.stack for state in states[1:]), None]
        return [
            state._replace(stack=following)
            if state.state == "Running" and state.stack is None
            else state
            for state, following in zip(states, nexts, strict=True)
            if state.end > begin
        ]

    def _waker(self, goroutine: int | None, time: int) -> int | None:
        found = self._connection.execute(
            "SELECT waker FROM wakeups "
            "WHERE file = ? AND goroutine = ? AND time_ns = ? AND kind = 'unblock'",
            (self._file, goroutine, time),
        ).fetchone()
        waker: int | None = None if found is None else found[0]
        return None if waker == goroutine else waker


def critical_path(
    connection: sqlite3.Connection, file: int, goroutine: int | None, begin_ns: int, end_ns: int
) -> list[Row]:
    """The steps of a goroutine's time: rows of :data:`CRITICAL_PATH` without their task.

    Needs the tables ``goroutines``, ``goroutine_states`` and ``wakeups`` and their indexes.
    """
    walk = _Walk(connection, file)
    walk.walk(goroutine, begin_ns, end_ns, 0)
    return walk.steps


def fill_critical_paths(connection: sqlite3.Connection, files: int) -> Iterator[tuple[int, Row]]:
    """The rows of the table, each with the number of its file."""
    for file in range(1, files + 1):
        tasks = connection.execute(
            "SELECT task, goroutine, begin_ns, end_ns FROM tasks "
            "WHERE file = ? AND NOT began_before AND NOT goes_on "
            "ORDER BY end_ns - begin_ns DESC, task LIMIT ?",
            (file, _TASKS),
        ).fetchall()
        for task, goroutine, begin, end in tasks:
            for row in critical_path(connection, file, goroutine, begin, end):
                yield file, (task, *row)
