"""What Python does meanwhile: nothing, or threads that compute and want the GIL all the time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["CONDITIONS", "IDLE", "SPINNING", "Condition", "PythonLoad"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How many Python threads compute."""

    name: str
    title: str
    threads: int


IDLE = Condition("idle", "Python idle", 0)
SPINNING = Condition("spinning", "one Python thread spins", 1)
CONDITIONS = (IDLE, SPINNING, Condition("spinning4", "four Python threads spin", 4))


class PythonLoad:
    """Threads that compute, and how far they have come."""

    def __init__(self, threads: int) -> None:
        self._end = False
        self._turns = [0] * threads
        self._threads = [
            threading.Thread(target=self._spin, args=(i,), name=f"bench-spin-{i}", daemon=True)
            for i in range(threads)
        ]

    def _spin(self, number: int) -> None:
        turns = self._turns
        while not self._end:
            total = 0
            for i in range(1000):
                total += i
            turns[number] += 1

    @property
    def turns(self) -> int:
        """How many thousand loop turns they have done together."""
        return sum(self._turns)

    @contextlib.contextmanager
    def running(self) -> Iterator[PythonLoad]:
        """Run the threads for as long as the body."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._end = True
            for thread in self._threads:
                thread.join()
