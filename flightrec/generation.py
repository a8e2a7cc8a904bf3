"""Complete generations of a trace, and where their batches lie.

A generation is a number of facts and a way to its bytes. To read the bytes one takes *hold* of it:
the hold keeps them in place until it goes.
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

__all__ = ["Generation", "Hold", "NativeGeneration", "PlainGeneration"]


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
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainGeneration(Generation):
    """A generation whose batches are Python bytes."""

    chunks: tuple[bytes, ...] = field(repr=False)

    def hold(self) -> Hold:
        """Take hold of the bytes, which an immutable object cannot lose."""
        return _PlainHold(tuple(map(memoryview, self.chunks)))


@dataclass(frozen=True, slots=True)
class _PlainHold:
    buffers: tuple[memoryview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeGeneration(Generation):
    """A generation whose batches lie in the bridge's native memory, not copied into Python.

    The bridge may drop it from the window to keep its ceiling; a hold protects it.
    """

    library: Library = field(repr=False)
    session: int = field(repr=False)

    def hold(self) -> Hold | None:
        """Take hold of the bytes: pin them in the bridge."""
        return _NativeHold.of(self)


class _NativeHold:
    """A pin, undone when this object goes."""

    __slots__ = ("__weakref__", "buffers")

    def __init__(self, generation: NativeGeneration, buffers: tuple[memoryview, ...]) -> None:
        self.buffers = buffers
        unpin = weakref.finalize(
            self, _unpin, generation.library, generation.session, generation.number
        )
        unpin.atexit = False  # the memory goes with the process

    @classmethod
    def of(cls, generation: NativeGeneration) -> _NativeHold | None:
        library = generation.library
        library.check_fork()
        capacity = generation.nbytes // (192 << 10) + 2
        count, error = ctypes.c_size_t(), abi.Error()
        while True:
            segments = (abi.Segment * capacity)()
            status = library.cdll.flightrec_session_pin(
                generation.session, generation.number, segments, capacity, count, error
            )
            if status != Status.SHORT:
                break
            capacity = count.value
        if status == Status.UNKNOWN:
            return None
        if status:
            raise error_for("flightrec_session_pin", status, error)
        return cls(
            generation,
            tuple(
                memoryview((ctypes.c_ubyte * segment.bytes).from_address(segment.data)).cast("B")
                for segment in segments[: count.value]
            ),
        )


def _unpin(library: Library, session: int, number: int) -> None:
    if not is_forked():
        library.cdll.flightrec_session_unpin(session, number, None)
