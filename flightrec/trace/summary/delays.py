"""The longest scheduling delays: of all goroutines, and of the program's."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final, TypeAlias

from flightrec.trace.program import is_system_goroutine
from flightrec.trace.summary.goroutines import Goroutine
from flightrec.trace.summary.model import SchedulingDelay

__all__ = ["DelaysBuilder"]

# How many of the longest a summary tells of.
_KEPT: Final = 20

#: How long, since when, a number that makes it unlike all others, and whose.
_Delay: TypeAlias = tuple[int, int, int, Goroutine]


class DelaysBuilder:
    """Keeps the longest delays.

    ``least`` is what a delay must be over to be worth adding: the least of the program's that are
    kept, which is never more than the least of all.
    """

    def __init__(self) -> None:
        self.least = -1
        self._all: list[_Delay] = []
        self._program: list[_Delay] = []
        self._added = 0

    def add(self, waited: int, g: Goroutine) -> int:
        """Note that a goroutine was ready since ``g.since``; return ``least``."""
        self._added += 1
        delay = (waited, g.since, self._added, g)
        _keep(self._all, delay)
        if not is_system_goroutine(g.name):
            _keep(self._program, delay)
            if len(self._program) == _KEPT:
                self.least = self._program[0][0]
        return self.least

    def build(self) -> tuple[tuple[SchedulingDelay, ...], tuple[SchedulingDelay, ...]]:
        """All goroutines' and the program's, the longest first."""
        return _built(self._all), _built(self._program)


def _keep(kept: list[_Delay], delay: _Delay) -> None:
    if len(kept) < _KEPT:
        heapq.heappush(kept, delay)
    elif delay[0] > kept[0][0]:
        heapq.heapreplace(kept, delay)


def _built(kept: Sequence[_Delay]) -> tuple[SchedulingDelay, ...]:
    return tuple(
        SchedulingDelay(g.goid, g.name, begin, waited)
        for waited, begin, _, g in sorted(kept, key=lambda delay: (-delay[0], delay[1]))
    )
