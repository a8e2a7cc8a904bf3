"""Reads a trace whose generations come one by one, while it is written."""

from __future__ import annotations

from collections.abc import Iterator

from flightrec.trace.batches import read_batches, read_header
from flightrec.trace.events import Event
from flightrec.trace.generations import read_generations
from flightrec.trace.merge import merge
from flightrec.trace.ordering import OrderState
from flightrec.trace.source import Input

__all__ = ["ContinuedReader"]


class ContinuedReader:
    """The events of one generation after the other, as :func:`flightrec.trace.read` orders them.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._state = OrderState()
        self._syncs = 0
        self._last = 0

    def events(self, generation: bytes, *, follows: bool) -> Iterator[list[Event]]:
        """Return the events of a generation, in lists, a Sync first.

        :param generation: the trace's header, and all batches of the generation.
        :param follows: it comes after the one that was read last; what is known of goroutines and
            Ps then still holds.
        :raises TraceFormatError: it is broken, as Go's reader sees it.
        """
        if not follows:
            self._state = OrderState()
        opened = Input(generation)
        version = read_header(opened)
        for data in read_generations(read_batches(opened), version, 1 << 60):
            self._syncs += 1
            for events in merge(data, self._state, self._syncs, self._last):
                self._last = events[-1].time
                yield events
