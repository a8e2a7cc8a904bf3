"""How many goroutines there are, and in which states, over time."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from flightrec.trace.states import GoState
from flightrec.trace.summary.model import GoroutineCount
from flightrec.trace.summary.series import MAX_POINTS

__all__ = ["CountsBuilder"]

_STATES: Final = (GoState.RUNNING, GoState.RUNNABLE, GoState.WAITING, GoState.SYSCALL)


class CountsBuilder:
    """The numbers now, which its owner changes as events go by, and samples of them.

    The owner calls :meth:`sample` when ``next`` has come. What is waiting is the rest of ``total``.
    """

    def __init__(self) -> None:
        self.total = self.running = self.runnable = self.syscall = 0
        self.next = 0
        self._width = 0
        self._samples: list[tuple[int, int, int, int, int]] = []
        # When goroutines were found that had been there before, by their state: one that
        # does nothing is told of late, and must not seem to come up only then.
        self._found: dict[GoState, list[int]] = {state: [] for state in _STATES}

    def found(self, state: GoState, time: int) -> None:
        """A goroutine is found that was in this state all along."""
        self.total += 1
        if state in self._found:
            self._found[state].append(time)

    def sample(self, time: int, running: int, runnable: int, syscall: int) -> int:
        """Note the numbers; return when to do so next."""
        samples = self._samples
        samples.append((time, self.total, running, runnable, syscall))
        if len(samples) >= MAX_POINTS:
            del samples[1::2]
            self._width = max(2 * self._width, (time - samples[0][0]) // len(samples))
        self.next = time + self._width
        return self.next

    def build(self, now: int) -> tuple[GoroutineCount, ...]:
        """The samples, and the numbers now."""
        out = []
        found = [self._found[state] for state in _STATES]
        last = (now, self.total, self.running, self.runnable, self.syscall)
        for time, total, running, runnable, syscall in (*self._samples, last):
            late = [len(times) - bisect_right(times, time) for times in found]
            waiting = total - running - runnable - syscall
            out.append(
                GoroutineCount(
                    time,
                    total + sum(late),
                    running + late[0],
                    runnable + late[1],
                    waiting + late[2],
                    syscall + late[3],
                )
            )
        return tuple(out)
