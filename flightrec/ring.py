"""Which generations a flight recorder keeps.

Pure: sizes and times in, generations out. A ring is a tuple of complete generations, oldest first,
that is replaced whole and never changed, so whoever holds one has a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

__all__ = ["GenerationLike", "Retention", "RetentionPolicy", "newest", "retain", "trim"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """A policy and what it aims at."""

    policy: RetentionPolicy
    max_bytes: int
    min_age_ns: int

    def apply(self, ring: tuple[G, ...], finished: G, *, now_ns: int) -> tuple[G, ...]:
        """Ask the policy for the ring after a generation has finished.

        :raises ValueError: it returned anything but the end of what there is.
        """
        kept: Any = self.policy(
            ring,
            finished,
            max_bytes=self.max_bytes,
            min_age_ns=self.min_age_ns,
            now_ns=now_ns,
        )
        everything = (*ring, finished)
        if not kept or everything[len(everything) - len(kept) :] != kept:
            raise ValueError(
                "the retention policy must return the finished generation and, before it, the "
                f"newest of the ring; it returned {kept!r}"
            )
        return cast("tuple[G, ...]", kept)


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


def trim(ring: tuple[G, ...], limit: int) -> tuple[G, ...]:
    """Return the ring without the oldest generations that do not fit in ``limit`` bytes.

    The newest stays whatever its size. The bridge does the same to the window that it holds
    (``make_room_locked`` in ``gobridge/window.c``).
    """
    size = sum(generation.nbytes for generation in ring)
    first = 0
    while size > limit and first < len(ring) - 1:
        size -= ring[first].nbytes
        first += 1
    return ring[first:]


def newest(ring: tuple[G, ...], *, since_ns: int) -> tuple[G, ...]:
    """Return the end of a ring that reaches back to a time; the generation across it stays."""
    first = len(ring) - 1
    while first > 0 and ring[first].start_ns > since_ns:
        first -= 1
    return ring[max(first, 0) :]
