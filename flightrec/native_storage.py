"""The window in the bridge's native memory: Python has the policy, the bytes stay there."""

from __future__ import annotations

from typing import Any

from flightrec.abi import SessionStatistics
from flightrec.generation import NativeGeneration, NativeHold
from flightrec.ring import Retention
from flightrec.session import Session

__all__ = ["NativeStorage"]


class NativeStorage:
    """Tells the bridge which generations may leave its window.

    The ring here is the policy's view of that window, and used by the delivery thread only.
    """

    def __init__(self, session: Session, retention: Retention) -> None:
        self._session = session
        self._retention = retention
        self._ring: tuple[NativeGeneration, ...] = ()

    def keep(self, shown: Any, oldest: int, _elsewhere: Any) -> int:
        """Take a delivery; return the newest generation that may leave the window, 0 for none.

        :param shown: the bridge's generations.
        :param oldest: the number of the window's oldest generation.
        """
        first = next((i for i, g in enumerate(self._ring) if g.number == oldest), len(self._ring))
        everything = ring = self._ring[first:]
        for each in shown:
            finished = NativeGeneration.of(each, self._session)
            ring = self._retention.apply(ring, finished, now_ns=finished.end_ns)
            everything = (*everything, finished)
        self._ring = ring
        evicted = len(everything) - len(ring)
        return everything[evicted - 1].number if evicted else 0

    def hold(self) -> NativeHold:
        """Take hold of the window."""
        return self._session.hold()

    def account(self, statistics: SessionStatistics) -> None:
        """Add nothing: the bridge has the ring."""
