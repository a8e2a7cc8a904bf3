"""From the bytes of an event batch to plain tuples: the reader's innermost loop.

One pass over a whole batch, with nothing called for the common case: one and two byte varints
are put together in line, and a batch of 64 KiB is small enough that its decoded events need not
be bounded any further. The tables are computed from :mod:`flightrec.trace.spec`.
"""

from __future__ import annotations

import math
from typing import Any, Final

from flightrec.trace.spec import SPECS
from flightrec.trace.varint import VarintError, read_uvarint, rest_of_uvarint

__all__ = ["Record", "Timescale", "decode_events", "locate_event"]

#: ``(time, type, *values)``, time in ns or in clock units, values without ``dt``. The id of a
#: goroutine, proc or thread is None where Go has -1 for "none".
Record = tuple[Any, ...]

_WORD: Final = 1 << 64
_SIGN: Final = 1 << 63

# Arguments after dt; -1 for what cannot stand in an event batch.
_COUNTS: Final = [
    len(SPECS[number].values) if number in SPECS and SPECS[number].timed else -1
    for number in range(256)
]
_SIGNED: Final = [
    frozenset(SPECS[number].signed) if number in SPECS else frozenset() for number in range(256)
]

# Up to this many clock units, scaling is exact in a float64 as it is in an int.
_EXACT: Final = 1 << 40


class Timescale:
    """Turns trace clock units into ns with the rounding of Go's reader.

    Go multiplies float64s and cuts off the fraction; where the frequency divides a second
    evenly (it does on Linux: 64 ns a unit), an int product is the same and much cheaper.
    """

    __slots__ = ("_ns_per_unit", "whole")

    def __init__(self, units_per_second: int) -> None:
        seconds = units_per_second / 1e9
        self._ns_per_unit = 1.0 / seconds if seconds else math.inf
        #: Whole ns per unit, or 0 where it is no whole number.
        self.whole = 0
        if 1 <= self._ns_per_unit < 1 << 20 and self._ns_per_unit.is_integer():
            self.whole = int(self._ns_per_unit)

    def ns(self, units: int) -> int:
        """The time of ``units``, a uint64, as Go's reader computes it."""
        product = units * self._ns_per_unit
        # What Go's conversion gives on amd64 for a float that no int64 can hold.
        if not -_SIGN <= product < _SIGN:
            return -_SIGN
        return int(product)


def _to_signed(value: int, event_type: int, index: int) -> Any:
    """``value``, which has the top bit set, as the event's argument ``index`` means it."""
    if index not in _SIGNED[event_type]:
        return value
    return None if value == _WORD - 1 else value - _WORD


def decode_events(
    data: bytes, start: int, scale: Timescale | None
) -> tuple[list[Record], str | None]:
    """Decode an event batch's payload whose header has the time ``start`` (clock units).

    Times are in ns by ``scale``, or clock units without one. Returns the events up to the
    first malformed one, and what is wrong with that one, None if nothing is.
    """
    if scale is None:
        time, unit = start, 1
    else:
        time, unit = scale.ns(start), scale.whole
    if not 0 <= time < _SIGN >> 1:
        return _decode_with_care(data, start, scale)
    if not unit:
        return _decode_and_scale(data, start, scale)
    out: list[Record] = []
    append = out.append
    raw = list(data)  # Indexing a list is much cheaper than indexing bytes.
    size = len(raw)
    counts = _COUNTS
    at = 0
    try:
        while at < size:
            event_type = raw[at]
            delta = raw[at + 1]
            at += 2
            if delta > 127:
                byte = raw[at]
                at += 1
                delta += (byte << 7) - 128
                if byte > 127:
                    delta, at = rest_of_uvarint(raw, at, delta - 16384)
                    if delta > _EXACT:
                        return _decode_with_care(data, start, scale)
            time += delta * unit
            count = counts[event_type]
            if count == 2:
                a = raw[at]
                at += 1
                if a > 127:
                    byte = raw[at]
                    at += 1
                    a += (byte << 7) - 128
                    if byte > 127:
                        a, at = rest_of_uvarint(raw, at, a - 16384)
                        if a >= _SIGN:
                            a = _to_signed(a, event_type, 0)
                b = raw[at]
                at += 1
                if b > 127:
                    byte = raw[at]
                    at += 1
                    b += (byte << 7) - 128
                    if byte > 127:
                        b, at = rest_of_uvarint(raw, at, b - 16384)
                        if b >= _SIGN:
                            b = _to_signed(b, event_type, 1)
                append((time, event_type, a, b))
            elif count == 3:
                a = raw[at]
                at += 1
                if a > 127:
                    byte = raw[at]
                    at += 1
                    a += (byte << 7) - 128
                    if byte > 127:
                        a, at = rest_of_uvarint(raw, at, a - 16384)
                        if a >= _SIGN:
                            a = _to_signed(a, event_type, 0)
                b = raw[at]
                at += 1
                if b > 127:
                    byte = raw[at]
                    at += 1
                    b += (byte << 7) - 128
                    if byte > 127:
                        b, at = rest_of_uvarint(raw, at, b - 16384)
                        if b >= _SIGN:
                            b = _to_signed(b, event_type, 1)
                c = raw[at]
                at += 1
                if c > 127:
                    byte = raw[at]
                    at += 1
                    c += (byte << 7) - 128
                    if byte > 127:
                        c, at = rest_of_uvarint(raw, at, c - 16384)
                        if c >= _SIGN:
                            c = _to_signed(c, event_type, 2)
                append((time, event_type, a, b, c))
            elif count == 0:
                append((time, event_type))
            elif count == 1:
                a = raw[at]
                at += 1
                if a > 127:
                    byte = raw[at]
                    at += 1
                    a += (byte << 7) - 128
                    if byte > 127:
                        a, at = rest_of_uvarint(raw, at, a - 16384)
                        if a >= _SIGN:
                            a = _to_signed(a, event_type, 0)
                append((time, event_type, a))
            elif count == 4:
                # Rare types; not worth four more copies of the above.
                a, at = read_uvarint(raw, at)
                b, at = read_uvarint(raw, at)
                c, at = read_uvarint(raw, at)
                d, at = read_uvarint(raw, at)
                if b >= _SIGN or a >= _SIGN:
                    a = _to_signed(a, event_type, 0) if a >= _SIGN else a
                    b = _to_signed(b, event_type, 1) if b >= _SIGN else b
                append((time, event_type, a, b, c, d))
            else:
                return out, _no_event(event_type)
    except IndexError:
        # The varint that ran out of bytes may belong to a type that has none.
        if counts[event_type] < 0:
            return out, _no_event(event_type)
        return out, "the batch ends in the middle of an event"
    except VarintError as error:
        return out, _no_event(event_type) if counts[event_type] < 0 else str(error)
    if time >= _SIGN:
        return _decode_with_care(data, start, scale)
    return out, None


def _no_event(event_type: int) -> str:
    spec = SPECS.get(event_type)
    name = f"{event_type}" if spec is None else spec.name
    return f"event type {name} cannot stand in a batch of events"


def _decode_and_scale(
    data: bytes, start: int, scale: Timescale | None
) -> tuple[list[Record], str | None]:
    """As :func:`decode_events` for a clock unit that is no whole number of ns (on Windows).

    Go rounds each event's delta, not its time, so the deltas must be had first.
    """
    assert scale is not None
    records, trouble = decode_events(data, start, None)
    before, time = start, scale.ns(start)
    out: list[Record] = []
    for record in records:
        step = scale.ns(record[0] - before)
        if step < 0:  # More ns than an int64 has.
            return _decode_with_care(data, start, scale)
        time += step
        before = record[0]
        out.append((time, *record[1:]))
    if time >= _SIGN:
        return _decode_with_care(data, start, scale)
    return out, trouble


def _decode_with_care(
    data: bytes, start: int, scale: Timescale | None
) -> tuple[list[Record], str | None]:
    """As :func:`decode_events`, one event after the other, with the wrap-around of an int64."""
    ns = int if scale is None else scale.ns
    time = ns(start)
    out: list[Record] = []
    at = 0
    while at < len(data):
        try:
            event_type, values, at = _decode_one(data, at)
        except VarintError as error:
            return out, str(error)
        except KeyError as error:
            return out, _no_event(error.args[0])
        time += ns(values.pop(0))
        if scale is not None:
            time = (time + _SIGN) % _WORD - _SIGN
        fixed = [
            value if value < _SIGN else _to_signed(value, event_type, i)
            for i, value in enumerate(values)
        ]
        out.append((time, event_type, *fixed))
    return out, None


def _decode_one(data: bytes, at: int) -> tuple[int, list[int], int]:
    """One event's type, all its arguments, and the index after it."""
    event_type = data[at]
    count = _COUNTS[event_type]
    if count < 0:
        raise KeyError(event_type)
    at += 1
    values = []
    for _ in range(count + 1):
        value, at = read_uvarint(data, at)
        values.append(value)
    return event_type, values, at


def locate_event(data: bytes, index: int) -> int:
    """Where in a batch's payload event number ``index`` starts; its end if it has fewer.

    The decoder keeps no positions, since only an error message wants one.
    """
    at = 0
    try:
        for _ in range(index):
            if at >= len(data):
                break
            at = _decode_one(data, at)[2]
    except (VarintError, KeyError):
        pass
    return at
