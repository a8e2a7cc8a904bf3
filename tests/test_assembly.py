"""From chunks to generations: the plain assembler and the bridge are twins under one test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import flightrec
from flightrec import wire
from tests.helpers_streams import (
    Stream,
    Verdict,
    assemble_native,
    assemble_plain,
    record,
    with_ends,
    without_ends,
)
from tests.test_wire import batch, uvarint

Assemble = Callable[[Stream], Verdict]

NEW = b"go 1.26 trace\0\0\0"
OLD = b"go 1.22 trace\0\0\0"
END = b"\x34"
FREQUENCY = b"\x08" + uvarint(1_000_000_000)


@pytest.fixture(scope="module", params=["twin", "native", "python"])
def assemble(request: pytest.FixtureRequest, runtime: flightrec.GoRuntime) -> Assemble:
    """Return one of the twins."""
    if request.param == "twin":
        return assemble_plain
    return lambda stream: assemble_native(runtime, stream, storage=request.param)


@pytest.fixture(scope="module")
def streams(runtime: flightrec.GoRuntime, go_minor: int) -> dict[str, Stream]:
    """Record real streams, and have each as Go before 1.26 and from 1.26 on writes it."""
    real = {
        "idle": record(runtime, 3),
        "busy": record(runtime, 2, workload="pingpong", pairs=2, duration=0.05),
    }
    if go_minor >= 23:
        real["allocfree"] = record(
            runtime,
            2,
            experiments=("allocfree",),
            workload="gc_churn",
            goroutines=1,
            duration=0.01,
        )
    return {
        **{f"{name}-new": with_ends(stream) for name, stream in real.items()},
        **{f"{name}-old": without_ends(stream) for name, stream in real.items()},
    }


@pytest.fixture(scope="module", params=["new", "old"])
def small(request: pytest.FixtureRequest, streams: dict[str, Stream]) -> Stream:
    """Return the header and the first generation of a real stream, and the beginning of another."""
    stream = streams[f"idle-{request.param}"]
    first = wire.parse_batch(stream[1]).generation
    second = next(
        at
        for at, chunk in enumerate(stream[1:], 1)
        if chunk != END and wire.parse_batch(chunk).generation > first
    )
    return stream[: second + 2]


def test_recorded_streams_are_as_written(streams: dict[str, Stream], go_minor: int) -> None:
    """Taking the ends out of a real stream and putting them in again changes nothing."""
    name = "idle-new" if go_minor >= 26 else "idle-old"
    stream = streams[name]
    assert (END in stream) == (go_minor >= 26)
    assert with_ends(without_ends(stream))[1:] == streams["idle-new"][1:]
    assert sum(chunk == END for chunk in streams["idle-new"]) >= 3


@pytest.mark.matrix
def test_real_streams(assemble: Assemble, streams: dict[str, Stream]) -> None:
    """A real stream is taken whole: every generation, every byte, the smallest time."""
    for name, stream in streams.items():
        verdict = assemble(stream)
        assert verdict.refusal is None, name
        assert {generation.header for generation in verdict.generations} == {stream[0]}
        numbers = [wire.parse_batch(chunk).generation for chunk in stream[1:] if chunk != END]
        expected = sorted(set(numbers))
        generations = verdict.generations
        if len(generations) == len(expected) - 1 and name.endswith("old"):
            expected.pop()  # in plain Python nobody asks for the last one of an old stream
        else:
            assert b"".join(g.content for g in generations) == b"".join(stream[1:])
        assert [g.number for g in generations] == expected
        for generation in generations:
            assert generation.nbytes == len(generation.content)
            assert generation.units_per_second > 0


def test_twins_agree_on_real_streams(
    runtime: flightrec.GoRuntime, streams: dict[str, Stream]
) -> None:
    """The twins make the same generations of real streams, to the last fact and byte."""
    for name, stream in streams.items():
        assert assemble_native(runtime, stream) == assemble_plain(stream), name


@pytest.mark.parametrize(
    ("stream", "reason", "chunk", "offset", "generation"),
    [
        ((b"",), "expected at least 16 bytes in the first write, got 0", 0, 0, None),
        ((b"go 1.26",), "expected at least 16 bytes in the first write, got 7", 0, 0, None),
        ((NEW, b"\x07\x01"), "expected batch event, got event 7", 1, 16, None),
        ((NEW + b"\x07\x01",), "expected batch event, got event 7", 0, 16, None),
        ((NEW, batch(1), b"\x07"), "expected batch event, got event 7", 2, 22, 1),
        ((NEW, batch(0)), "invalid generation number 0", 1, 17, None),
        (
            (NEW, END),
            "broken trace: end of a generation that has no batch",
            1,
            16,
            None,
        ),
        (
            (NEW, batch(1, payload=FREQUENCY), END, END),
            "broken trace: end of a generation that has no batch",
            3,
            29,
            None,
        ),
        (
            (NEW, batch(1), END + END),
            "unexpected end of generation in batch of size >1",
            2,
            23,
            1,
        ),
        (
            (OLD, batch(1), END),
            "unexpected end of generation in a trace from before Go 1.26",
            2,
            22,
            1,
        ),
        (
            (NEW, batch(1), batch(2)),
            "broken trace: batch of generation 2 before the end of generation 1",
            2,
            23,
            2,
        ),
        (
            (OLD, batch(1), batch(3)),
            "broken trace: generation 3 follows generation 1",
            2,
            23,
            3,
        ),
        (
            (OLD, batch(2), batch(1)),
            "broken trace: generation 1 follows generation 2",
            2,
            23,
            1,
        ),
        (
            (NEW, batch(1, payload=FREQUENCY), END, batch(1)),
            "broken trace: generation 1 follows generation 1",
            3,
            30,
            1,
        ),
        (
            (NEW, batch(1, payload=FREQUENCY), END, batch(3)),
            "broken trace: generation 3 follows generation 1",
            3,
            30,
            3,
        ),
        (
            (NEW, batch(1), END),
            "broken trace: failed to find frequency event in generation 1",
            2,
            22,
            1,
        ),
        (
            (OLD, batch(1), batch(2, payload=FREQUENCY)),
            "broken trace: failed to find frequency event in generation 1",
            2,
            22,
            1,
        ),
        (
            (NEW, batch(1, payload=b"\x08\x64", experiment=1), END),
            "broken trace: failed to find frequency event in generation 1",
            2,
            25,
            1,
        ),
    ],
)
def test_refusals(
    assemble: Assemble,
    stream: Stream,
    reason: str,
    chunk: int,
    offset: int,
    generation: int | None,
) -> None:
    """A stream that is no trace is refused at the chunk where that shows, with what and where."""
    refusal = assemble(stream).refusal
    assert refusal is not None
    assert refusal.reason == reason
    assert refusal.chunk == chunk
    assert refusal.generation == generation
    assert refusal.offset == offset


def test_header_and_first_batch_in_one_write(assemble: Assemble) -> None:
    """What follows the header in the first write is a batch."""
    verdict = assemble((NEW + batch(7, time=5, payload=FREQUENCY), END))
    assert verdict.refusal is None
    (generation,) = verdict.generations
    assert generation.header == NEW
    assert (generation.number, generation.batches, generation.start_ns) == (7, 1, 5)


def test_smallest_time(assemble: Assemble) -> None:
    """A generation begins at the smallest time of its batches, which need not be the first's."""
    stream = (
        NEW,
        batch(1, time=500, payload=FREQUENCY),
        batch(1, time=300, experiment=1),
        batch(1, time=400),
        END,
    )
    (generation,) = assemble(stream).generations
    assert generation.start_ns == 300
    assert generation.batches == 3
    assert generation.content == b"".join(stream[1:])


def test_an_empty_write_is_harmless(assemble: Assemble) -> None:
    """A chunk without bytes changes nothing, as in Go's own recorders."""
    verdict = assemble((NEW, b"", batch(1, payload=FREQUENCY), b"", END, b""))
    assert verdict.refusal is None
    assert [generation.number for generation in verdict.generations] == [1]


def test_the_generation_after_the_largest(assemble: Assemble) -> None:
    """After the largest number comes 4, as in the runtime (traceNextGen)."""
    last = 2**64 - 1
    stream: list[bytes] = [NEW]
    for number in (last - 1, last, 4, 5):
        stream += (batch(number, time=1, payload=FREQUENCY), END)
    verdict = assemble(tuple(stream))
    assert verdict.refusal is None
    assert [generation.number for generation in verdict.generations] == [last - 1, last, 4, 5]


def test_frequency_scales_times(assemble: Assemble) -> None:
    """Times are in ns by the frequency that the generation itself states."""
    payload = b"\x32\x08" + uvarint(1000)
    (generation,) = assemble((NEW, batch(1, time=2500, payload=payload), END)).generations
    assert generation.start_ns == 2_500_000_000
    assert generation.units_per_second == 1000


def test_every_truncation(runtime: flightrec.GoRuntime, small: Stream) -> None:
    """A stream that breaks off at any byte gets the same verdict from both twins: it is refused."""
    cases = 0
    for at, chunk in enumerate(small):
        # What ends the generations makes no difference inside a batch.
        for length in range(len(chunk) if small[0] == NEW else min(len(chunk), 40)):
            stream = (*small[:at], chunk[:length])
            plain = assemble_plain(stream)
            if at > 0 and length == 0:
                assert plain.refusal is None  # nothing was written
            else:
                assert plain.refusal is not None
                assert plain.refusal.chunk == at
                assert plain.refusal.offset is not None
            assert assemble_native(runtime, stream) == plain
            cases += 1
    assert cases > (2000 if small[0] == NEW else 100)


@pytest.mark.parametrize("first", [0x01, 0x31])
def test_odd_varints(runtime: flightrec.GoRuntime, first: int) -> None:
    """Varints of every length, with every kind of end, are read alike by both twins."""
    for filler in (b"\x80", b"\xff"):
        for length in range(12):
            for end in (b"", b"\x00", b"\x01", b"\x02", b"\x7f"):
                odd = filler * length + end
                for field in range(4):
                    head = bytes([first] * (2 if first == 0x31 else 1))
                    fields = [b"\x01"] * field + [odd] + [b"\x01"] * (3 - field)
                    for chunk in (head + b"".join(fields), head + b"".join(fields[: field + 1])):
                        stream = (NEW, chunk)
                        assert assemble_native(runtime, stream) == assemble_plain(stream)


small_bytes = st.binary(max_size=4)


def _mutate(stream: list[bytes], data: st.DataObject) -> None:
    """Do one of many wrongs to a stream."""
    at = data.draw(st.integers(0, len(stream) - 1), label="chunk")
    chunk = stream[at]
    position = data.draw(st.integers(0, min(len(chunk), 20)), label="position")
    match data.draw(st.integers(0, 9), label="kind"):
        case 0 | 1:  # other bytes, more or fewer of them
            gone = data.draw(st.integers(0, 3))
            stream[at] = chunk[:position] + data.draw(small_bytes) + chunk[position + gone :]
        case 2:  # a long varint, or one without an end
            ones = data.draw(st.sampled_from([b"\xff", b"\x80", b"\x81"]))
            long = ones * data.draw(st.integers(7, 12)) + data.draw(st.binary(max_size=1))
            stream[at] = chunk[:position] + long + chunk[position + 1 :]
        case 3:
            stream[at] = chunk[:position]
        case 4:
            stream[at] = chunk + data.draw(small_bytes)
        case 5:
            del stream[at]
        case 6:
            stream.insert(at, data.draw(st.sampled_from(stream)))
        case 7:
            other = data.draw(st.integers(0, len(stream) - 1))
            stream[at], stream[other] = stream[other], stream[at]
        case 8:
            stream[at] = chunk + data.draw(st.sampled_from(stream))
        case 9:
            stream.insert(at, data.draw(st.sampled_from([b"", END, END * 2, b"\x31\x01", b"\x01"])))


@given(data=st.data())
def test_mutations(runtime: flightrec.GoRuntime, small: Stream, data: st.DataObject) -> None:
    """A real stream with a few wrongs done to it gets the same verdict from both twins."""
    stream = list(small)
    for _ in range(data.draw(st.integers(1, 3))):
        if stream:
            _mutate(stream, data)
    plain = assemble_plain(stream)
    if plain.refusal is not None:
        assert plain.refusal.offset is not None
        assert 0 <= plain.refusal.offset <= sum(map(len, stream))
    assert assemble_native(runtime, stream) == plain


@given(
    header=st.binary(min_size=14, max_size=20)
    | st.text("go 1.26trace+-_\0x", min_size=12, max_size=18).map(str.encode)
)
@example(header=b"go 1.26 trace\0\0X")
@example(header=b"go 1.+26 trace\0\0")
@example(header=b"go 1. 26 trace\0\0")
@example(header=b"go 1.26 traceXXX")
@example(header=b"go 1.026 trace\0\0")
@example(header=b"go 1.\xb2\xb6 trace\0\0\0")
def test_headers(runtime: flightrec.GoRuntime, header: bytes) -> None:
    """Both twins take the same headers for those of a trace with ends of generations in it."""
    stream = (header, batch(1, payload=FREQUENCY), END)
    assert assemble_native(runtime, stream) == assemble_plain(stream)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.integers(0, 9),
            st.sampled_from([b"", FREQUENCY, b"\x32" + FREQUENCY, b"\x05\x01"]),
            st.none() | st.integers(0, 2),
        )
        | st.just(END),
        max_size=12,
    ),
    st.sampled_from([NEW, OLD]),
)
def test_any_order_of_batches(
    runtime: flightrec.GoRuntime,
    parts: list[tuple[int, int, bytes, int | None] | bytes],
    header: bytes,
) -> None:
    """Batches of any generations in any order get the same verdict from both twins."""
    chunks = [
        part
        if isinstance(part, bytes)
        else batch(part[0], time=part[1], payload=part[2], experiment=part[3])
        for part in parts
    ]
    stream = (header, *chunks)
    assert assemble_native(runtime, stream) == assemble_plain(stream)
