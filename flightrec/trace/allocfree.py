"""The AllocFree experiment: heap spans, heap objects and goroutine stacks that come and go.

``GODEBUG=traceallocfree=1`` turns it on (Go 1.23 and later). Its events have ids for addresses
and types; what they mean stands in experimental batches. The format is the runtime's
(``traceallocfree.go`` and ``tracetype.go``).
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple, TypeAlias

from flightrec.trace.errors import broken
from flightrec.trace.events import EventBase, Experimental, Sync
from flightrec.trace.spec import EVENT_TYPES
from flightrec.trace.varint import VarintError, read_uvarint

__all__ = [
    "AllocFree",
    "AllocFreeInfo",
    "Change",
    "GoType",
    "GoroutineStack",
    "HeapObject",
    "HeapSpan",
    "Memory",
]

_TYPES_BATCH: Final = 0
_INFO_BATCH: Final = 1


class Change(str, enum.Enum):
    """What happened to a piece of memory: it was there already, was allocated or freed."""

    EXISTS = "exists"
    ALLOC = "alloc"
    FREE = "free"

    def __str__(self) -> str:
        return str(self.value)


class AllocFreeInfo(NamedTuple):
    """What turns ids into addresses: a base address and units, all in bytes."""

    min_heap_address: int
    page_size: int
    object_align: int
    stack_align: int


class GoType(NamedTuple):
    """A Go type: where it is described in memory, its size and how much of it has pointers."""

    id: int
    address: int
    size: int
    pointer_bytes: int
    name: str


class HeapSpan(NamedTuple):
    """A span of pages. Size 0 when freed: only its address is told then.

    ``heap`` is false for spans that the runtime manages by hand (stacks, for instance), which
    have no size class. ``no_pointers`` is the class's noscan bit.
    """

    change: Change
    address: int
    size: int
    heap: bool
    size_class: int
    no_pointers: bool


class HeapObject(NamedTuple):
    """An object on the heap. ``type`` is None where the runtime does not tell."""

    change: Change
    address: int
    type: GoType | None


class GoroutineStack(NamedTuple):
    """A goroutine's stack, by its lowest address. Size 0 when freed."""

    change: Change
    address: int
    size: int


#: What an event of the experiment says.
Memory: TypeAlias = HeapSpan | HeapObject | GoroutineStack

_CHANGES: Final = {"": Change.EXISTS, "Alloc": Change.ALLOC, "Free": Change.FREE}
_SPANS: Final = {EVENT_TYPES[f"Span{end}"]: change for end, change in _CHANGES.items()}
_OBJECTS: Final = {EVENT_TYPES[f"HeapObject{end}"]: change for end, change in _CHANGES.items()}
_STACKS: Final = {EVENT_TYPES[f"GoroutineStack{end}"]: change for end, change in _CHANGES.items()}


class AllocFree:
    """Interprets a trace's AllocFree events. Give it every event, in order.

    ::

        memory = AllocFree()
        for event in read("trace.out"):
            found = memory.feed(event)
            if isinstance(found, HeapObject): ...

    ``info`` is None until the trace has told it; ``types`` is the current generation's table. Not
    thread-safe.
    """

    def __init__(self) -> None:
        self.info: AllocFreeInfo | None = None
        self.types: dict[int, GoType] = {}

    def feed(self, event: EventBase) -> Memory | None:
        """What an event says of memory; None for one that says nothing.

        Raises TraceFormatError where a batch of the experiment is broken, or an event comes
        before the batch that gives its id a meaning (as in a recording by Go's own flight
        recorder, which loses them).
        """
        if isinstance(event, Experimental):
            return self._interpret(event)
        if isinstance(event, Sync):
            self._take_batches(event)
        return None

    def _take_batches(self, event: Sync) -> None:
        types: dict[int, GoType] = {}
        for batch in event.experimental_batches.get("AllocFree", ()):
            try:
                if batch.data[:1] == bytes([_INFO_BATCH]):
                    self.info = _read_info(batch.data)
                elif batch.data[:1] == bytes([_TYPES_BATCH]):
                    _read_types(batch.data, types)
            except VarintError as error:
                raise broken(
                    f"a batch of the AllocFree experiment is broken: {error}",
                    generation=event.generation.number,
                ) from None
        # Ids hold for one generation.
        self.types = types

    def _interpret(self, event: Experimental) -> Memory | None:
        kind, values = event.type, event.values
        if kind not in _SPANS and kind not in _OBJECTS and kind not in _STACKS:
            return None
        info = self.info
        if info is None:
            raise broken(
                "an AllocFree event comes before the batch that tells what its id means",
                generation=event.generation.number,
            )
        if kind in _OBJECTS:
            address = info.min_heap_address + values[0] * info.object_align
            number = values[1] if len(values) > 1 else 0
            return HeapObject(_OBJECTS[kind], address, self.types.get(number))
        if kind in _SPANS:
            address = info.min_heap_address + values[0] * info.page_size
            if len(values) == 1:
                return HeapSpan(
                    _SPANS[kind], address, 0, heap=True, size_class=0, no_pointers=False
                )
            size, kind_class = values[1] * info.page_size, values[2]
            return HeapSpan(
                _SPANS[kind],
                address,
                size,
                heap=not kind_class & 1,
                size_class=kind_class >> 2,
                no_pointers=bool(kind_class & 2),
            )
        address = info.min_heap_address + values[0] * info.stack_align
        # The order is the number of bits of the size, which is a power of two.
        order = values[1] if len(values) > 1 else 0
        return GoroutineStack(_STACKS[kind], address, 1 << (order - 1) if 0 < order <= 64 else 0)


def _read_info(data: bytes) -> AllocFreeInfo:
    at = 1
    values = []
    for _ in AllocFreeInfo._fields:
        value, at = read_uvarint(data, at)
        values.append(value)
    return AllocFreeInfo(*values)


def _read_types(data: bytes, types: dict[int, GoType]) -> None:
    at = 1
    while at < len(data):
        values = []
        for _ in range(5):
            value, at = read_uvarint(data, at)
            values.append(value)
        number, address, size, pointer_bytes, length = values
        name = data[at : at + length]
        if len(name) < length:
            raise VarintError(truncated=True)
        at += length
        types[number] = GoType(
            number, address, size, pointer_bytes, name.decode("utf-8", "surrogateescape")
        )
