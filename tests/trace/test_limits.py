"""What a reading may cost, and what it leaves behind."""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import subprocess
import sys
import time
import tracemalloc
import zlib

import pytest

from flightrec.errors import TraceFormatError
from flightrec.trace import Event, StackSample, Summarizer, TruncatedTraceError, read
from flightrec.trace.source import Input
from tests.trace.tracebuilder import (
    NONE,
    batch,
    event,
    header,
    running,
    simple,
    stacks,
    strings,
    sync,
)


@pytest.mark.parametrize("version", [23, 26])
@pytest.mark.parametrize("cut", [3, 40])
def test_a_truncated_read_leaves_no_cycles(version: int, cut: int) -> None:
    """A read that ends in an error leaves nothing to the cyclic garbage collector."""
    trace = simple(version, generations=(1, 2, 3), metrics=100)[:-cut]
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            with contextlib.suppress(TraceFormatError):
                list(read(trace))
                raise AssertionError("the trace is read to its end")
            with contextlib.suppress(TraceFormatError):
                Summarizer(details=False).add(iter(read(trace)))
                raise AssertionError("the trace is read to its end")
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_generation_is_bounded() -> None:
    """A generation that takes more memory than is allowed is refused, and says what to do."""
    big = batch(1, 7, 5, *running(1, 7), *(event("HeapAlloc", 1, 9) for _ in range(15_000)))
    trace = header(26) + big + sync(26, 1, 5)
    assert len(list(read(trace, max_generation_bytes=1 << 20))) > 15_000
    with pytest.raises(TraceFormatError, match="max_generation_bytes") as error:
        list(read(trace, max_generation_bytes=1 << 15))
    assert error.value.generation == 1
    with pytest.raises(ValueError, match="max_generation_bytes"):
        read(trace, max_generation_bytes=0)


def test_each_generation_for_itself() -> None:
    """The bound is a generation's, not the trace's."""
    trace = simple(generations=range(1, 60), metrics=100)
    assert len(trace) > 1 << 14
    assert len(list(read(trace, max_generation_bytes=1 << 13))) > 5000


def test_tables_count_for_what_they_become() -> None:
    """Stacks and strings count for more than their bytes, because they take more."""
    frames = {number: [(number, 1, 1, 1)] * 20 for number in range(1, 500)}
    trace = header(26) + strings(1, {1: b"f"}) + stacks(1, frames)
    trace += batch(1, 7, 5, *running(1, 7)) + sync(26, 1, 5)
    assert len(trace) < 1 << 16
    with pytest.raises(TraceFormatError, match="max_generation_bytes"):
        list(read(trace, max_generation_bytes=1 << 17))


def test_a_small_gzip_file_takes_little_memory() -> None:
    """A small gzip file of many full batches is refused before it fills the memory."""
    squeeze = zlib.compressobj(wbits=31)
    packed = squeeze.compress(header(26))
    full = batch(1, 7, 5, b"\0" * 65_000)
    for _ in range(2000):
        packed += squeeze.compress(full)
    packed += squeeze.flush()
    assert len(packed) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(TraceFormatError, match="max_generation_bytes"):
            list(read(packed, max_generation_bytes=16 << 20))
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_empty_batches_are_not_kept() -> None:
    """Batches without an event take no memory, and change nothing."""
    empty = batch(1, 7, 5) * 30_000
    trace = header(26) + batch(1, 7, 5, *running(1, 7)) + empty + sync(26, 1, 5)
    tracemalloc.start()
    try:
        events = list(read(trace))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(events) == 4
    assert peak < 4 * len(trace)


def test_gunzip_copies_little() -> None:
    """Decompressing takes time in proportion to the size, whether from bytes or from a file."""
    # Stored, not compressed: all that was left was copied for each MiB that came out, which is 90
    # times as much for the larger one where 16 times is in proportion.
    took = []
    for size in (8 << 20, 128 << 20):
        packed = gzip.compress(bytes(size), compresslevel=0)
        began = time.process_time()
        opened = Input(packed)
        while opened.more():
            opened.position = len(opened.buffer)
        took.append(time.process_time() - began)
        assert opened.offset(opened.position) == size
    assert took[1] < 48 * took[0]


@pytest.mark.parametrize("size", [1, 7, 1 << 14])
def test_gzip_members_in_any_pieces(size: int) -> None:
    """Many members with padding give the same events, however the file hands them out."""

    class Pieces(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._data = io.BytesIO(data)

        def read(self, _size: int = -1) -> bytes:
            return self._data.read(size)

    plain = simple(generations=(1, 2, 3), metrics=50)
    packed = b"".join(gzip.compress(plain[i : i + 100]) for i in range(0, len(plain), 100))
    packed += b"\0" * 40_000
    assert list(read(Pieces(packed))) == list(read(plain))
    with pytest.raises(TruncatedTraceError):
        list(read(Pieces(gzip.compress(plain)[:-30])))


@pytest.mark.parametrize("later", [True, False], ids=["before events", "after all events"])
def test_a_sample_with_an_unknown_stack(later: bool) -> None:
    """A CPU sample whose stack is missing is told as such, not as another M's event."""
    events = [*running(1, 7), event("HeapAlloc", 10, 4096)]
    if later:
        events.append(event("HeapAlloc", 9000, 4097))
    trace = (
        header(26)
        + batch(1, 7, 1000, *events)
        + batch(1, NONE, 0, event("CPUSamples"), event("CPUSample", 1500, 7, 0, 1, 99))
        + sync(26, 1, 1000)
    )
    got: list[Event] = []
    with pytest.raises(TraceFormatError) as error:
        got.extend(read(trace))
    assert "CPU sample has unknown stack 99" in str(error.value)
    assert "HeapAlloc" not in str(error.value)
    assert not any(isinstance(found, StackSample) for found in got)


def test_a_summary_does_not_load_explanations() -> None:
    """``flightrec info`` does not wait for modules that it has no use for."""
    code = (
        "import sys; from flightrec import trace; trace.Summarizer; trace.outliers; "
        "print([name for name in sys.modules if name.startswith(('flightrec.trace.why', "
        "'flightrec.sql', 'flightrec.tables'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
