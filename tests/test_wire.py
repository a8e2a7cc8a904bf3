"""The outermost layer of a trace, in plain Python."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import flightrec
from flightrec import wire
from flightrec.errors import TraceFormatError
from tests.helpers_streams import Stream, record


def uvarint(value: int) -> bytes:
    """Write a varint as Go does."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def batch(
    generation: int = 1,
    m: int = 5,
    time: int = 1000,
    payload: bytes = b"",
    *,
    size: int | None = None,
    experiment: int | None = None,
) -> bytes:
    """Build a batch."""
    head = bytes([1]) if experiment is None else bytes([49, experiment])
    fields = (generation, m, time, len(payload) if size is None else size)
    return head + b"".join(map(uvarint, fields)) + payload


@pytest.fixture(scope="module")
def stream(runtime: flightrec.GoRuntime) -> Stream:
    """Record a stream of two generations."""
    return record(runtime, 2)


u64 = st.integers(0, (1 << 64) - 1) | st.integers(0, 300)


@given(u64.filter(bool), u64, u64, st.binary(max_size=100), st.none() | st.integers(0, 255))
def test_parse_gives_back_what_was_built(
    generation: int, m: int, time: int, payload: bytes, experiment: int | None
) -> None:
    """A batch is parsed into the fields it was built from, whatever their size."""
    built = batch(generation, m, time, payload, experiment=experiment)
    header = wire.parse_batch(built)
    assert header == wire.BatchHeader(
        wire.EVENT_BATCH if experiment is None else wire.EXPERIMENTAL_BATCH,
        experiment or 0,
        generation,
        m,
        time,
        len(payload),
        len(built) - len(payload),
    )


def test_parse_real_batches(stream: Stream) -> None:
    """Every batch of a real trace is parsed, and ends where it says."""
    header, *chunks = stream
    assert wire.header_version(header) >= 22
    numbers = set()
    for chunk in chunks:
        if chunk[0] == wire.END_OF_GENERATION:
            assert len(chunk) == 1
            continue
        parsed = wire.parse_batch(chunk)
        assert parsed.payload + parsed.size == len(chunk)
        numbers.add(parsed.generation)
    assert len(numbers) == 2


def test_every_truncation(stream: Stream) -> None:
    """Each truncation of each real batch is refused, with an offset inside what there is of it."""
    cases = 0
    for chunk in stream[1:]:
        if len(chunk) == 1:
            continue
        for length in range(len(chunk)):
            with pytest.raises(TraceFormatError) as caught:
                wire.parse_batch(chunk[:length], offset=7)
            assert caught.value.offset is not None
            assert 7 <= caught.value.offset <= 7 + length
            cases += 1
    assert cases > 2000


def _check_verdict(chunk: bytes) -> None:
    parsed = None
    try:
        parsed = wire.parse_batch(chunk, offset=100)
    except TraceFormatError as exc:
        offset = exc.offset
    if parsed is None:
        assert offset is not None
        assert 100 <= offset <= 100 + len(chunk)
    else:
        assert parsed.payload + parsed.size == len(chunk)
        assert parsed.generation > 0
        assert wire.frequency_in(chunk, parsed) >= 0


@given(data=st.data())
def test_mutations(stream: Stream, data: st.DataObject) -> None:
    """A mutated real batch is refused with an offset, or parsed; never anything else."""
    chunk = bytearray(data.draw(st.sampled_from(stream[1:])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(chunk), 24)))
        chunk[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    _check_verdict(bytes(chunk))


@given(st.binary(max_size=40))
@example(b"")
@example(b"\x01")
@example(b"\x31")
def test_any_bytes(chunk: bytes) -> None:
    """Any bytes at all are refused with an offset, or are a batch."""
    _check_verdict(chunk)


@pytest.mark.parametrize(
    ("chunk", "reason", "offset", "generation"),
    [
        (b"", "batch is empty", 100, None),
        (b"\x02\x01", "expected batch event, got event 2", 100, None),
        (b"\x01", "error reading batch generation: the batch ends inside it", 101, None),
        (b"\x31", "error reading batch generation: the batch ends inside it", 101, None),
        (b"\x31\x01", "error reading batch generation: the batch ends inside it", 102, None),
        (b"\x01\x07\x80", "error reading batch M ID: the batch ends inside it", 102, 7),
        (b"\x01\x07\x02", "error reading batch timestamp: the batch ends inside it", 103, 7),
        (b"\x01\x07\x02\x03", "error reading batch size: the batch ends inside it", 104, 7),
        (
            b"\x01" + b"\xff" * 9 + b"\x02" + b"\x01\x01\x00",
            "error reading batch generation: it overflows 64 bits",
            101,
            None,
        ),
        (batch(0), "invalid generation number 0", 101, None),
        (
            batch(3, size=(64 << 10) + 1),
            "invalid batch size 65537, maximum is 65536",
            108,
            3,
        ),
        (batch(3, payload=b"abc", size=5), "incomplete batch: it has 3 bytes of 5", 109, 3),
        (batch(3, payload=b"abcde", size=3), "2 trailing bytes after the batch", 109, 3),
    ],
)
def test_refusals(chunk: bytes, reason: str, offset: int, generation: int | None) -> None:
    """Each way for a batch to be wrong has its own words, and its own place."""
    with pytest.raises(TraceFormatError) as caught:
        wire.parse_batch(chunk, offset=100)
    error = caught.value
    assert (error.reason, error.offset, error.generation) == (reason, offset, generation)


def test_largest_batch() -> None:
    """A payload of exactly 64 KiB is allowed."""
    largest = batch(1, payload=bytes(wire.MAX_BATCH_BYTES))
    assert wire.parse_batch(largest).size == wire.MAX_BATCH_BYTES


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (b"go 1.22 trace\0\0\0", 22),
        (b"go 1.26 trace\0\0\0", 26),
        (b"go 1.103 trace\0\0", 103),
        (b"go 1.26 trace\0\0", 0),
        (b"go 1.x6 trace\0\0\0", 0),
        (b"go 1. trace\0\0\0\0\0", 0),
        (b"go 1.26 tracX\0\0\0", 0),
        (b"go 1.26 trace\0\0X", 0),
        (b"go 2.26 trace\0\0\0", 0),
        (b"", 0),
    ],
)
def test_header_version(header: bytes, version: int) -> None:
    """The version in a trace's header is read, and anything but such a header is version 0."""
    assert wire.header_version(header) == version


@pytest.mark.parametrize(
    ("payload", "frequency"),
    [
        (b"\x08" + uvarint(15_625_000), 15_625_000),
        (b"\x32\x08" + uvarint(15_625_000) + b"\x33\x01\x02\x03", 15_625_000),
        (b"\x32\x33\x08", 0),
        (b"\x32", 0),
        (b"\x08", 0),
        (b"\x08\x80", 0),
        (b"\x05\x08\x01", 0),
        (b"", 0),
    ],
)
def test_frequency_in(payload: bytes, frequency: int) -> None:
    """The frequency is found where Go puts it: alone in its batch, or behind a Sync event."""
    built = batch(payload=payload)
    assert wire.frequency_in(built, wire.parse_batch(built)) == frequency


def test_no_frequency_in_an_experimental_batch() -> None:
    """What looks like a frequency in a batch of an experiment is none."""
    built = batch(payload=b"\x08\x64", experiment=1)
    assert wire.frequency_in(built, wire.parse_batch(built)) == 0


def test_memoryview() -> None:
    """A batch may come as a memoryview, without a copy."""
    built = memoryview(batch(payload=b"\x08\x64"))
    assert wire.frequency_in(built, wire.parse_batch(built)) == 100
