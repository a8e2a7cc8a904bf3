"""The next event of each M, in a heap by time.

Which of two events with one timestamp comes first is decided by nothing but the layout of this
heap, and timestamps often are equal: the trace clock's unit is 64 ns on Linux. So the heap's steps
are exactly those of Go's reader (``batchcursor.go``); with ``heapq`` events would come in another
order, a valid one, but not the one that ``go tool trace`` shows.
"""

from __future__ import annotations

from typing import Final

from flightrec.trace.batches import Batch
from flightrec.trace.decode import Record, Timescale, decode_events
from flightrec.trace.ordering.state import MState

__all__ = ["Cursor", "remove", "sift_down", "sift_up", "update"]

#: Later than any time; the record that ends each list of records has it.
NEVER: Final = 1 << 64
END: Final[Record] = (NEVER, -1)


class Cursor:
    """One M's place in its batches.

    ``records[at]`` is its next event and ``time`` that event's, in ns. A batch is decoded when
    the one before it is used up. ``trouble`` is what is wrong with the record after the last.
    """

    __slots__ = ("_left", "at", "batch", "m", "ms", "records", "time", "trouble")

    def __init__(self, m: int | None, batches: list[Batch]) -> None:
        self.m = m
        #: Known once its first event has been looked at.
        self.ms: MState | None = None
        self._left = batches[::-1]
        self.batch: Batch | None = None
        self.records: list[Record] = [END]
        self.at = 0
        self.time = NEVER
        self.trouble: str | None = None

    def load(self, scale: Timescale) -> bool:
        """Go on to the next batch that has an event, or is broken; False if there is none."""
        while self._left:
            batch = self._left.pop()
            if not batch.data:
                continue
            records, self.trouble = decode_events(batch.data, batch.time, scale)
            records.append(END)
            self.records = records
            self.batch = batch
            self.at = 0
            self.time = records[0][0]
            return True
        return False


def sift_up(heap: list[Cursor], at: int) -> int:
    """Move ``heap[at]`` up to where it belongs; returns where that is."""
    while at > 0:
        above = (at - 1) >> 1
        if heap[above].time <= heap[at].time:
            break
        heap[above], heap[at] = heap[at], heap[above]
        at = above
    return at


def sift_down(heap: list[Cursor], at: int) -> None:
    """Move ``heap[at]`` down to where it belongs."""
    size = len(heap)
    while True:
        least, child = at, 2 * at + 1
        if child < size and heap[child].time < heap[least].time:
            least = child
        child += 1
        if child < size and heap[child].time < heap[least].time:
            least = child
        if least == at:
            return
        heap[at], heap[least] = heap[least], heap[at]
        at = least


def update(heap: list[Cursor], at: int) -> None:
    """Restore the heap after ``heap[at]`` has gone on to its next event."""
    if sift_up(heap, at) == at:
        sift_down(heap, at)


def remove(heap: list[Cursor], at: int) -> None:
    """Take ``heap[at]`` out, by way of the root."""
    while at > 0:
        above = (at - 1) >> 1
        heap[above], heap[at] = heap[at], heap[above]
        at = above
    heap[0] = heap[-1]
    heap.pop()
    if heap:
        sift_down(heap, 0)
