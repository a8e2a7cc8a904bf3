"""The decoder: quick and careful paths agree, and varints and times are Go's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightrec.trace.decode import (
    Timescale,
    _decode_with_care,
    decode_events,
    locate_event,
)
from flightrec.trace.spec import SPECS
from flightrec.trace.varint import VarintError, all_uvarints, read_uvarint, rest_of_uvarint
from tests.trace.rawtext import uvarint

settings.register_profile("trace", derandomize=True, deadline=None, database=None)
settings.load_profile("trace")

WORD = (1 << 64) - 1
TIMED = [spec for spec in SPECS.values() if spec.timed]

# Sizes of varints matter, so let all of them come up.
numbers = st.integers(0, 64).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))
events = st.sampled_from(TIMED).flatmap(
    lambda spec: st.tuples(st.just(spec.type), st.tuples(*[numbers] * len(spec.args)))
)
payloads = st.one_of(
    st.binary(max_size=60),
    st.lists(events, max_size=12).map(
        lambda found: b"".join(
            bytes([number]) + b"".join(map(uvarint, values)) for number, values in found
        )
    ),
)
# Linux's clock, one without a whole number of ns, none, and the extremes.
frequencies = st.sampled_from([15_625_000, 3_906_250, 10_000_000, 2_441_406, 1, 0, WORD])


@given(numbers, st.binary(max_size=3))
def test_uvarint_round_trip(value: int, rest: bytes) -> None:
    """A uvarint reads back as what was written, and what follows is left."""
    data = uvarint(value) + rest
    assert read_uvarint(data, 0) == (value, len(data) - len(rest))


@given(st.binary(min_size=1, max_size=14))
def test_uvarint_readers_agree(data: bytes) -> None:
    """The decoder's reader of long varints reads what the plain one does, or fails with it."""
    try:
        expected: tuple[int, int] | None = read_uvarint(data, 0)
    except VarintError:
        expected = None
    if expected is not None and expected[1] < 3:
        return
    found: tuple[int, int] | None
    try:
        found = rest_of_uvarint(data, 2, (data[0] & 127) | (data[1] & 127) << 7)
    except (VarintError, IndexError):
        found = None
    assert found == expected


@given(st.lists(numbers, max_size=8))
def test_all_uvarints(values: list[int]) -> None:
    """A row of uvarints is read in one go, or left to a closer look if one is very long."""
    found = all_uvarints(b"".join(map(uvarint, values)))
    if max(values, default=0) >> 63:
        assert found is None
    else:
        assert found == values


@pytest.mark.parametrize("data", [b"\x80", b"\x83\x00", b"\xff" * 12 + b"\x01"])
def test_unusual_uvarints(data: bytes) -> None:
    """What is cut off, too long or not in shortest form is left to a closer look."""
    assert all_uvarints(b"\x01" + data) is None


@pytest.mark.parametrize(
    "data", [b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\x80" * 11], ids=["65", "71", "78"]
)
def test_long_uvarint(data: bytes) -> None:
    """More than 64 bits are refused, as by Go's encoding/binary."""
    with pytest.raises(VarintError, match="64 bits"):
        read_uvarint(data, 0)


@settings(max_examples=600)
@given(payloads, numbers, frequencies)
def test_paths_agree(data: bytes, start: int, frequency: int) -> None:
    """The quick path decodes what the careful one does, and stops at the same event."""
    scale = Timescale(frequency)
    quick, trouble = decode_events(data, start, scale)
    careful, complaint = _decode_with_care(data, start, scale)
    assert quick == careful
    assert (trouble is None) == (complaint is None)


@settings(max_examples=40)
@given(st.lists(events, max_size=12))
def test_locate_event(found: list[tuple[int, tuple[int, ...]]]) -> None:
    """An event's place in its batch is found again."""
    encoded = [bytes([number]) + b"".join(map(uvarint, values)) for number, values in found]
    for i in range(len(encoded) + 1):
        assert locate_event(b"".join(encoded), i) == sum(map(len, encoded[:i]))


def test_no_id_is_none() -> None:
    """The id -1 of a goroutine, proc or thread is None; other arguments keep their bits."""
    status = bytes([25, 1]) + uvarint(WORD) + uvarint(WORD) + uvarint(WORD)
    heap = bytes([37, 1]) + uvarint(WORD)
    records, trouble = decode_events(status + heap, 0, None)
    assert trouble is None
    assert records == [(1, 25, None, None, WORD), (2, 37, WORD)]


@pytest.mark.parametrize(
    ("frequency", "units", "ns"),
    [
        (15_625_000, 3, 192),
        (10_000_000, 3, 300),
        (3_000_000_000, 10, 3),
        (0, 5, -(1 << 63)),
        (1, WORD, -(1 << 63)),
    ],
)
def test_time_is_gos(frequency: int, units: int, ns: int) -> None:
    """Clock units become ns by Go's floating point, fractions cut, overflow included."""
    assert Timescale(frequency).ns(units) == ns
