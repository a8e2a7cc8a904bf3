"""Complete generations of a trace, and where their batches lie.

A generation is a number of facts and a way to its bytes. To read the bytes one takes *hold* of
generations: a hold keeps them in place until it goes.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flightrec import abi
from flightrec.abi import Status
from flightrec.library import Library, error_for, is_forked

__all__ = [
    "Generation",
    "Hold",
    "NativeGeneration",
    "NativeHold",
    "PlainGeneration",
    "hold_all",
    "native_holds",
]


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
    (:meth:`Recording.take <flightrec.recording.Recording.take>` needs not even that.)
    """
    if ring and isinstance(ring[0], NativeGeneration):
        return _hold_native([g for g in ring if isinstance(g, NativeGeneration)])
    plain = [g for g in ring if isinstance(g, PlainGeneration)]
    return tuple((g, _PlainHold(tuple(map(memoryview, g.chunks)))) for g in plain)


@dataclass(frozen=True, slots=True)
class _PlainHold:
    buffers: tuple[memoryview, ...]


class NativeHold:
    """A holding of the bridge, released when this object goes."""

    __slots__ = ("__weakref__", "_buffers")

    def __init__(self, library: Library, session: int, holding: Any) -> None:
        shown = holding.contents
        self._buffers = tuple(
            memoryview((ctypes.c_ubyte * segment.bytes).from_address(segment.data)).cast("B")
            for segment in shown.segments[: shown.count]
        )
        release = weakref.finalize(self, _release, library, session, holding)
        release.atexit = False  # the memory goes with the process

    @property
    def buffers(self) -> Sequence[memoryview]:
        """The batches in order, in one or more pieces."""
        return self._buffers


def native_holds(library: Library, session: int, first: Any) -> Iterator[tuple[int, NativeHold]]:
    """Yield the number and the hold of each generation in a list of the bridge's holdings.

    The iterator must be exhausted: what it does not yield is never released.
    """
    while first:
        shown = first.contents
        # Before anybody lets go of this one; and a new pointer, not the field in its memory.
        following = ctypes.pointer(shown.next.contents) if shown.next else None
        yield shown.generation, NativeHold(library, session, first)
        first = following


def _hold_native(ring: Sequence[NativeGeneration]) -> tuple[tuple[Generation, Hold], ...]:
    library, session = ring[0].library, ring[0].session
    library.check_fork()
    first, error = ctypes.POINTER(abi.Holding)(), abi.Error()
    status = library.cdll.flightrec_session_hold(
        session, ring[0].number, ring[-1].number, first, error
    )
    if status == Status.UNKNOWN:
        return ()
    if status:
        raise error_for("flightrec_session_hold", status, error)
    held = dict(native_holds(library, session, first))
    return tuple((g, held[g.number]) for g in ring if g.number in held)


def _release(library: Library, session: int, holding: Any) -> None:
    if not is_forked():
        library.cdll.flightrec_session_release(session, holding)
