"""Rows of what Ps do."""

from __future__ import annotations

from flightrec.tables.interning import Row
from flightrec.trace.events import ProcTransition
from flightrec.trace.states import ProcState

__all__ = ["Procs"]


class Procs:
    """Makes the rows of ``proc_states``; a P's present state has none yet."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        # All of an open row that is known at its begin.
        self._open: dict[int | None, Row] = {}

    def transition(self, event: ProcTransition, window_begin: int) -> None:
        """A P starts or stops, or its state is told."""
        time, _, _, thread, _, _, proc, old, new = event
        state = self._open.get(proc)
        if state is not None:
            if old is new or new.value == state[2]:
                return
            self.rows.append((*state, time, False))
        before = state is None and old is not ProcState.NOT_EXIST
        on = thread if new is ProcState.RUNNING else None
        if before and old is not new and old is not ProcState.UNDETERMINED:
            # Where the events begin in the middle of a trace.
            self.rows.append((proc, window_begin, old.value, None, True, time, False))
            before = False
        begin = window_begin if before else time
        self._open[proc] = (proc, begin, new.value, on, before)

    def finish(self, end: int) -> None:
        """The trace ends: rows for the last states."""
        self.rows += [(*state, end, True) for state in self._open.values()]
        self._open.clear()
