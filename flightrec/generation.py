"""Complete generations of a trace, and where their batches lie.

A generation is a number of facts and a way to its bytes. To read the bytes one takes *hold* of
generations: a hold keeps them in place until it goes.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flightrec import abi
from flightrec.abi import Status
from flightrec.library import Library, error_for, is_forked

__all__ = ["Generation", "Hold", "NativeGeneration", "PlainGeneration", "hold_all"]


class Hold(Protocol):
    """A generation's bytes, in place for as long as this object lives."""

    @property
    def buffers(self) -> Sequence[memoryview]:
        """The batches in order, in one or more pieces. Do not keep them longer than the hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A complete generation of the trace."""

    number: int  #: the runtime's
    nbytes: int  #: its batches and, from Go 1.26 on, the byte that ends it
    batches: int
    start_ns: int  #: smallest time of a batch, ns on the trace clock
    end_ns: int  #: when the recorder knew it to be complete, ns on the trace clock
    units_per_second: int  #: of the trace clock, as the generation states it

    def hold(self) -> Hold | None:
        """Take hold of the bytes; None if they have left the window meanwhile."""
        held = hold_all((self,))
        return held[0][1] if held else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainGeneration(Generation):
    """A generation whose batches are Python bytes."""

    chunks: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeGeneration(Generation):
    """A generation whose batches lie in the bridge's native memory, not copied into Python.

    The bridge may drop it from the window to keep its ceiling; a hold protects it.
    """

    library: Library = field(repr=False)
    session: int = field(repr=False)


def hold_all(ring: Sequence[Generation]) -> tuple[tuple[Generation, Hold], ...]:
    """Take hold of consecutive generations of one recording, oldest first.

    Those that have left the window meanwhile, which are the oldest, are not in the result. All are
    held by one call of the bridge: under load a thread waits long to enter Go.
    """
    if ring and isinstance(ring[0], NativeGeneration):
        return _hold_native([g for g in ring if isinstance(g, NativeGeneration)])
    plain = [g for g in ring if isinstance(g, PlainGeneration)]
    return tuple((g, _PlainHold(tuple(map(memoryview, g.chunks)))) for g in plain)


@dataclass(frozen=True, slots=True)
class _PlainHold:
    buffers: tuple[memoryview, ...]


@dataclass(frozen=True, slots=True)
class _NativeHold:
    buffers: tuple[memoryview, ...]
    pin: _Pin  # keeps what the buffers refer to


class _Pin:
    """Generations pinned in the bridge, until this object goes."""

    __slots__ = ("__weakref__",)

    def __init__(self, library: Library, session: int, first: int, last: int) -> None:
        unpin = weakref.finalize(self, _unpin, library, session, first, last)
        unpin.atexit = False  # the memory goes with the process


def _hold_native(ring: Sequence[NativeGeneration]) -> tuple[tuple[Generation, Hold], ...]:
    library, session = ring[0].library, ring[0].session
    library.check_fork()
    capacity = sum(generation.nbytes // (192 << 10) + 1 for generation in ring)
    count, error = ctypes.c_size_t(), abi.Error()
    while True:
        segments = (abi.Segment * capacity)()
        status = library.cdll.flightrec_session_pin(
            session, ring[0].number, ring[-1].number, segments, capacity, count, error
        )
        if status != Status.SHORT:
            break
        capacity = count.value
    if status == Status.UNKNOWN:
        return ()
    if status:
        raise error_for("flightrec_session_pin", status, error)
    buffers: dict[int, list[memoryview]] = {}
    for segment in segments[: count.value]:
        memory = (ctypes.c_ubyte * segment.bytes).from_address(segment.data)
        buffers.setdefault(segment.generation, []).append(memoryview(memory).cast("B"))
    pin = _Pin(library, session, min(buffers), max(buffers))
    return tuple(
        (generation, _NativeHold(tuple(buffers[generation.number]), pin))
        for generation in ring
        if generation.number in buffers
    )


def _unpin(library: Library, session: int, first: int, last: int) -> None:
    if not is_forked():
        library.cdll.flightrec_session_unpin(session, first, last, None)
