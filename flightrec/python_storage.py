"""The window as Python bytes: the flight recorder in the plain sense of the word, to be studied.

Raw batches come through the bridge's callback, are copied into Python, parsed, and kept in a ring
of generations. The GIL is held for each of these steps, so this is slower than leaving the bytes in
native memory; what a recorder does is otherwise the same.
"""

from __future__ import annotations

import ctypes
from typing import Any

from flightrec import abi, wire
from flightrec.abi import SessionStatistics
from flightrec.generation import PythonGeneration, PythonHold
from flightrec.ring import Retention, trim

__all__ = ["PythonStorage", "parse_generation"]


class PythonStorage:
    """Keeps the ring. The bridge keeps only what is not delivered yet.

    Only the delivery thread replaces the ring; any thread may read it.
    """

    def __init__(self, retention: Retention, ceiling: int) -> None:
        self._retention = retention
        self._ceiling = ceiling
        self._ring: tuple[PythonGeneration, ...] = ()

    def keep(self, shown: Any, _oldest: int, elsewhere: Any) -> int:
        """Take a delivery; return the newest generation of it: the bridge need keep none."""
        number = 0
        for each in shown:
            number = each.number
            data = b"".join(
                ctypes.string_at(segment.data, segment.bytes)
                for segment in each.segments[: each.count]
            )
            finished = parse_generation(data, each)
            if self._ring and not wire.follows(self._ring[-1].number, number):
                self._ring = ()  # one was evicted before it came: a trace has no gaps
            self._ring = self._retention.apply(self._ring, finished, now_ns=finished.end_ns)
        if self._ceiling:
            # Room for the active generation, which the bridge has.
            largest = max(generation.nbytes for generation in self._ring)
            self._ring = trim(self._ring, self._ceiling - largest)
        elsewhere[0] = sum(generation.nbytes for generation in self._ring)
        return number

    def hold(self) -> PythonHold:
        """Take hold of the ring."""
        return PythonHold(self._ring)

    def account(self, statistics: SessionStatistics) -> None:
        """Add to the bridge's counters what it does not know of the ring."""
        ring = self._ring
        statistics.generations = len(ring)
        statistics.ring_bytes = sum(generation.nbytes for generation in ring)
        if ring:
            start_ns = min(generation.start_ns for generation in ring)
            statistics.oldest_time = start_ns * ring[0].units_per_second // 1_000_000_000


def parse_generation(data: bytes, shown: abi.Generation) -> PythonGeneration:
    """Make a generation of its raw batches; its header and the time of its end are ``shown``'s."""
    chunks = tuple(wire.split_batches(data))
    number = batches = frequency = 0
    times = []
    for chunk in chunks:
        if chunk[0] == wire.END_OF_GENERATION:
            continue
        header = wire.parse_batch(chunk)
        number = header.generation
        batches += 1
        if header.time:
            times.append(header.time)
        frequency = wire.frequency_in(chunk, header) or frequency
    return PythonGeneration(
        number=number,
        nbytes=len(data),
        batches=batches,
        start_ns=min(times, default=0) * 1_000_000_000 // frequency,
        end_ns=shown.end_time * 1_000_000_000 // frequency,
        units_per_second=frequency,
        header=bytes(shown.header),
        chunks=chunks,
    )
