"""Which generations a flight recorder keeps.

Pure: sizes and times in, generations out. A ring is a tuple of complete generations, oldest first,
that is replaced whole and never changed, so whoever holds one has a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

__all__ = ["GenerationLike", "RetentionPolicy", "early_advance_bytes", "retain", "trim"]


class GenerationLike(Protocol):
    """What a policy sees of a complete generation."""

    @property
    def number(self) -> int:
        """The runtime's number of the generation; each is one more than the one before."""

    @property
    def nbytes(self) -> int:
        """The size of its batches, in bytes, headers included."""

    @property
    def start_ns(self) -> int:
        """The smallest time of its batches, in ns on the trace clock."""


G = TypeVar("G", bound=GenerationLike)

#: ``policy(ring, finished, max_bytes=, min_age_ns=, now_ns=)`` returns the new ring: the end of
#: ``(*ring, finished)``, and at least ``finished``.
RetentionPolicy = Callable[..., "tuple[GenerationLike, ...]"]


def retain(
    ring: tuple[G, ...], finished: G, *, max_bytes: int, min_age_ns: int, now_ns: int
) -> tuple[G, ...]:
    """Return the ring after a generation has finished, by the rule of Go's own flight recorder.

    The finished generation always stays. Older ones stay until the newer ones together exceed
    ``max_bytes`` or reach back further than ``min_age_ns``: a generation that crosses a threshold
    stays, one that lies wholly outside goes. (``endGeneration`` in ``runtime/trace/recorder.go``.)
    """
    size = finished.nbytes
    start_ns = finished.start_ns
    first = len(ring)
    while first > 0 and size <= max_bytes and now_ns - start_ns <= min_age_ns:
        first -= 1
        size += ring[first].nbytes
        start_ns = ring[first].start_ns
    return (*ring[first:], finished)


def trim(ring: tuple[G, ...], others: int, limit: int, *, least: int) -> tuple[G, ...]:
    """Return the ring without the oldest generations that do not fit in ``limit`` bytes.

    ``others`` are the bytes beside the ring, of the active generation above all. The newest
    ``least`` generations stay whatever their size. The bridge does the same to the window that it
    holds (``makeRoom`` in ``gobridge/window.go``).
    """
    size = others + sum(generation.nbytes for generation in ring)
    first = 0
    while size > limit and first < len(ring) - least:
        size -= ring[first].nbytes
        first += 1
    return ring[first:]


#: A generation is never ended early before it has this many bytes: four of the largest batches.
SMALLEST_GENERATION_BYTES = 256 << 10


def early_advance_bytes(max_bytes: int, overhead: int, ceiling: int) -> int:
    """Return the size at which a generation is to be ended early.

    A fifth of the window, so that the ring can shed whole generations and still hold ``max_bytes``
    below a ceiling of 1.25 times that; while advances take long the bridge lets generations grow
    larger (``rested`` in ``gobridge/recorder.go``). ``overhead`` is what a generation grows by
    after its end was asked for: every goroutine announces itself, and stacks and strings are
    written out. It comes off the fifth. With so many goroutines that it is most of the fifth, a
    generation still gets as many bytes of events as of overhead, or the runtime would do little
    else than advance; but only if two such generations, or else one, fit below the ceiling. It is
    not less than the overhead or a quarter of the ceiling: what goroutines say of themselves must
    not end the next.
    """
    wanted = max(max_bytes // 5 - overhead, overhead)
    fits = ceiling // 2 - overhead
    if fits < SMALLEST_GENERATION_BYTES:
        fits = ceiling - overhead * 5 // 4
    room = min(overhead, ceiling // 4, ceiling - overhead)
    return max(min(wanted, fits), room, SMALLEST_GENERATION_BYTES)
