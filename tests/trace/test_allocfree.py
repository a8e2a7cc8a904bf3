"""The AllocFree experiment is interpreted."""

from __future__ import annotations

import pytest

from flightrec.errors import TraceFormatError
from flightrec.trace import (
    AllocFree,
    AllocFreeInfo,
    Change,
    GoroutineStack,
    GoType,
    HeapObject,
    HeapSpan,
    Memory,
    read,
)
from flightrec.trace.source import Source
from tests.trace.rawtext import uvarint
from tests.trace.toolchains import Toolchain, toolchains
from tests.trace.tracebuilder import batch, event, experimental, header, running, sync
from tests.trace.tracemaker import TraceMaker

INFO = b"\1" + b"".join(map(uvarint, (1 << 40, 8192, 8, 2048)))
TYPES = b"\0" + b"".join(map(uvarint, (9, 0x5000, 24, 8, 8))) + b"main.Foo"


def _trace(*events: bytes, packets: tuple[bytes, ...] = (INFO, TYPES)) -> bytes:
    start = header(26) + b"".join(experimental(1, 7, 5, packet) for packet in packets)
    return start + batch(1, 7, 5, *running(1, 7), *events) + sync(26, 1, 5)


def _memory(source: Source) -> list[Memory]:
    interpreter = AllocFree()
    fed = (interpreter.feed(found) for found in read(source))
    return [found for found in fed if found is not None]


def test_span() -> None:
    """A heap span has an address, a size in bytes and its class."""
    assert _memory(_trace(event("SpanAlloc", 1, 3, 2, 0b10110))) == [
        HeapSpan(
            Change.ALLOC, (1 << 40) + 3 * 8192, 16384, heap=True, size_class=5, no_pointers=True
        )
    ]


def test_manual_span() -> None:
    """A span that the runtime manages by hand is not the heap's."""
    (span,) = _memory(_trace(event("Span", 1, 0, 1, 1)))
    assert isinstance(span, HeapSpan)
    assert not span.heap


def test_object() -> None:
    """An object has an address and a type."""
    assert _memory(_trace(event("HeapObjectAlloc", 1, 5, 9))) == [
        HeapObject(Change.ALLOC, (1 << 40) + 40, GoType(9, 0x5000, 24, 8, "main.Foo"))
    ]


def test_object_without_type() -> None:
    """Type 0 and a freed object have no type."""
    found = _memory(_trace(event("HeapObject", 1, 5, 0), event("HeapObjectFree", 1, 5)))
    address = (1 << 40) + 40
    assert found == [
        HeapObject(Change.EXISTS, address, None),
        HeapObject(Change.FREE, address, None),
    ]


def test_stack() -> None:
    """A stack has an address and a size that is a power of two."""
    found = _memory(
        _trace(event("GoroutineStackAlloc", 1, 4, 13), event("GoroutineStackFree", 1, 4))
    )
    address = (1 << 40) + 4 * 2048
    assert found == [
        GoroutineStack(Change.ALLOC, address, 4096),
        GoroutineStack(Change.FREE, address, 0),
    ]


def test_info() -> None:
    """The interpreter tells the base address and units once it knows them."""
    interpreter = AllocFree()
    assert interpreter.info is None
    for found in read(_trace()):
        interpreter.feed(found)
    assert interpreter.info == AllocFreeInfo(1 << 40, 8192, 8, 2048)


def test_lost_batches() -> None:
    """Events whose batch is lost raise TraceFormatError."""
    with pytest.raises(TraceFormatError, match="before the batch"):
        _memory(_trace(event("SpanFree", 1, 3), packets=()))


@pytest.mark.parametrize("packet", [INFO[:-1], TYPES[:-1]], ids=["info", "types"])
def test_broken_batches(packet: bytes) -> None:
    """A batch that is cut raises TraceFormatError."""
    with pytest.raises(TraceFormatError, match="AllocFree"):
        _memory(_trace(packets=(packet,)))


REAL = [tool for tool in toolchains() if tool.minor >= 23]


@pytest.mark.skipif(not REAL, reason="no Go toolchain of 1.23 or later was found")
@pytest.mark.parametrize("toolchain", REAL, ids=str)
def test_real_trace(toolchain: Toolchain, maker: TraceMaker) -> None:
    """In a real trace what is freed was there, and objects have the program's types."""
    found = _memory(maker.trace(toolchain, "allocfree"))
    there = {memory.address for memory in found if isinstance(memory, HeapObject)}
    freed = [
        memory for memory in found if isinstance(memory, HeapObject) and memory.change == "free"
    ]
    types = {memory.type.name for memory in found if isinstance(memory, HeapObject) and memory.type}
    sizes = {memory.size for memory in found if isinstance(memory, GoroutineStack) and memory.size}
    assert freed
    assert {memory.address for memory in freed} <= there
    assert "main.node" in types
    assert sizes
    assert all(size >= 2048 and size & (size - 1) == 0 for size in sizes)
