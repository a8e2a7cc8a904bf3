"""Complete generations of a trace, and where their batches lie.

A generation is its metadata and a way to its bytes. To read the bytes one takes *hold* of
generations: a hold keeps them in place until it goes.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flightrec import abi
from flightrec.library import is_forked

__all__ = ["Generation", "Hold", "NativeGeneration", "NativeHold", "PythonGeneration", "PythonHold"]


class Hold(Protocol):
    """The bytes of consecutive generations, in place while this object or a buffer lives."""

    @property
    def generations(self) -> Sequence[Generation]:
        """The generations, oldest first."""

    @property
    def buffers(self) -> Sequence[memoryview]:
        """Their batches in order, in pieces, read-only. Each keeps its memory in place."""

    def newest(self, count: int) -> Hold:
        """Return another hold, of only the newest of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A complete generation of the trace."""

    number: int  #: the runtime's
    nbytes: int  #: its batches and, from Go 1.26 on, the byte that ends it
    batches: int
    start_ns: int  #: smallest time of a batch, ns on the trace clock
    end_ns: int  #: when the recorder knew it to be complete, ns on the trace clock
    units_per_second: int  #: of the trace clock, as the generation states it
    header: bytes = field(repr=False)  #: of the trace, 16 bytes

    def hold(self) -> Hold | None:
        """Take hold of the bytes; None if they have left the window meanwhile."""
        raise NotImplementedError


class _Source(Protocol):
    def hold_one(self, number: int, /) -> Hold | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeGeneration(Generation):
    """A generation whose batches lie in the bridge's native memory, not copied into Python.

    One that a policy is given is in the window only: the bridge may evict it to keep the ceiling.
    One out of a snapshot keeps the snapshot's memory.
    """

    source: _Source = field(repr=False, compare=False)

    @classmethod
    def of(cls, shown: abi.Generation, source: _Source) -> NativeGeneration:
        """Copy the metadata of one of the bridge's generations."""
        frequency = shown.frequency
        return cls(
            number=shown.number,
            nbytes=shown.bytes,
            batches=shown.batches,
            start_ns=shown.min_time * 1_000_000_000 // frequency,
            end_ns=shown.end_time * 1_000_000_000 // frequency,
            units_per_second=frequency,
            header=bytes(shown.header),
            source=source,
        )

    def hold(self) -> Hold | None:
        """Take hold of the bytes; None if they have left the window meanwhile."""
        return self.source.hold_one(self.number)


class NativeHold:
    """References to generations of the bridge, released when this object and its buffers are gone.

    The object owns an array before the bridge writes references there, so that an exception between
    any two lines leaks none.
    """

    __slots__ = ("__weakref__", "_cdll", "count", "references")

    def __init__(self, cdll: ctypes.CDLL, capacity: int) -> None:
        self._cdll = cdll
        self.references: Any = (ctypes.POINTER(abi.Generation) * capacity)()
        self.count = 0  #: how many the bridge has put into the array, from its beginning on
        _release_unheld(cdll)
        _held[weakref.ref(self, lambda _: _release_unheld(cdll))] = self.references

    @classmethod
    def of(cls, cdll: ctypes.CDLL, shown: abi.Generation) -> NativeHold:
        """Take hold of a generation that the bridge shows to a consumer, while it does."""
        hold = cls(cdll, 1)
        one = (ctypes.POINTER(abi.Generation) * 1)(ctypes.pointer(shown))
        cdll.flightrec_generations_hold(one, 1, hold.references)
        hold.count = 1
        return hold

    @property
    def generations(self) -> tuple[NativeGeneration, ...]:
        """The generations, oldest first."""
        return tuple(
            NativeGeneration.of(self.references[i].contents, self) for i in range(self.count)
        )

    @property
    def buffers(self) -> Sequence[memoryview]:
        """The batches in order, in one or more pieces, read-only. Each keeps the hold alive."""
        return [
            self._view(segment)
            for i in range(self.count)
            for segment in self.references[i].contents.segments[: self.references[i].contents.count]
        ]

    def _view(self, segment: abi.Segment) -> memoryview:
        array = (ctypes.c_ubyte * segment.bytes).from_address(segment.data)
        array.hold = self  # the view keeps the array, and that the memory
        return memoryview(array).cast("B").toreadonly()

    def newest(self, count: int) -> NativeHold:
        """Return another hold, of only the newest of them."""
        return self._part(self.count - count, count)

    def hold_one(self, number: int) -> NativeHold | None:
        """Return another hold, of one of them; None if it is not among them."""
        for i in range(self.count):
            if self.references[i].contents.number == number:
                return self._part(i, 1)
        return None

    def _part(self, first: int, count: int) -> NativeHold:
        part = NativeHold(self._cdll, count)
        kept = (ctypes.POINTER(abi.Generation) * count).from_buffer(
            self.references, first * ctypes.sizeof(ctypes.c_void_p)
        )
        self._cdll.flightrec_generations_hold(kept, count, part.references)
        part.count = count
        return part


#: What each hold has. When a hold goes, it is released; if a signal handler's exception interrupts
#: that, the next hold does it.
_held: dict[weakref.ref[NativeHold], Any] = {}


def _release_unheld(cdll: ctypes.CDLL) -> None:
    # A list of the keys makes no objects meanwhile, so no collection can change the dictionary.
    for hold in list(_held):
        references = _held.get(hold)
        if hold() is None and references is not None:
            if not is_forked():
                cdll.flightrec_generations_release(references, len(references))  # sets them to NULL
            _held.pop(hold, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonGeneration(Generation):
    """A generation whose batches are Python bytes."""

    chunks: tuple[bytes, ...] = field(repr=False)

    def hold(self) -> Hold:
        """Take hold of the bytes, which is always possible."""
        return PythonHold((self,))


@dataclass(frozen=True, slots=True)
class PythonHold:
    """Generations whose batches are Python bytes."""

    generations: tuple[PythonGeneration, ...]

    @property
    def buffers(self) -> Sequence[memoryview]:
        """The batches in order."""
        return [memoryview(chunk) for each in self.generations for chunk in each.chunks]

    def newest(self, count: int) -> PythonHold:
        """Return a hold of only the newest of them."""
        return PythonHold(self.generations[len(self.generations) - count :])
