"""What is in a trace's batches, event by event: unordered, unchecked and fast."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from flightrec.trace.batches import Batch, read_batches, read_header
from flightrec.trace.decode import decode_events, locate_event
from flightrec.trace.errors import broken
from flightrec.trace.source import Input, Source
from flightrec.trace.spec import EVENT_TYPES, SPECS
from flightrec.trace.varint import VarintError, read_uvarint

__all__ = ["WireEvent", "wire_events"]

_STACK: Final = EVENT_TYPES["Stack"]
_STRING: Final = EVENT_TYPES["String"]
_STRUCTURAL: Final = frozenset(
    EVENT_TYPES[name]
    for name in ("Strings", "Stacks", "CPUSamples", "Frequency", "Sync", "EndOfGeneration")
)


class WireEvent(NamedTuple):
    """One event as it is in the file.

    ``type`` is its number, a key of :data:`flightrec.trace.spec.SPECS`. ``time`` is in trace
    clock units; an event of a table has its batch's. ``thread`` (None for none) and
    ``generation`` are the batch's. ``values`` are its arguments without ``dt``, in the order of
    ``SPECS[type].values``, ids of goroutines, procs and threads None where there is none; a
    Stack's frames follow it, four numbers each. ``data`` is a String's bytes.
    """

    type: int
    time: int
    thread: int | None
    generation: int
    values: tuple[int | None, ...]
    data: bytes = b""

    @property
    def name(self) -> str:
        """The type's name."""
        return SPECS[self.type].name


def wire_events(source: Source) -> Iterator[WireEvent]:
    """Every event of a trace in the order of the file, tables included.

    *source* is what :func:`flightrec.trace.read` takes. The batches themselves are not among
    the events, see :func:`flightrec.trace.batches`; experimental ones are left out. Neither the
    order of events nor what they refer to is checked, so this reads a trace that
    :func:`~flightrec.trace.read` refuses as long as each batch can be decoded. Memory stays within
    a few mebibytes. Shows what ``go tool trace -d=wire`` does, with absolute times.

    Raises TraceFormatError where the trace cannot be decoded, after the events before. The
    iterator is not thread-safe.
    """
    opened = Input(source)
    read_header(opened)
    return chain.from_iterable(_by_batch(opened))


def _by_batch(opened: Input) -> Generator[Iterable[WireEvent], None, None]:
    new = tuple.__new__
    try:
        for batch in read_batches(opened):
            _, _, generation, thread, time, experiment, data = batch
            if experiment or not data:
                continue
            if data[0] in _STRUCTURAL:
                yield from _structural(batch)
                continue
            records, trouble = decode_events(data, time, None)
            yield [
                new(WireEvent, (record[1], record[0], thread, generation, record[2:], b""))
                for record in records
            ]
            if trouble is not None:
                raise _error(batch, batch.data_offset + locate_event(data, len(records)), trouble)
    finally:
        opened.close()


def _structural(batch: Batch) -> Iterator[list[WireEvent]]:
    """The events of a batch that is a piece of a table."""
    data, time = batch.data, batch.time
    out: list[WireEvent] = []
    at = 0
    trouble = None
    try:
        while at < len(data):
            start = at
            spec = SPECS.get(data[at])
            if spec is None or spec.experiment or spec.name.endswith("Batch"):
                trouble = f"event type {data[at]} cannot stand in a table"
                break
            at += 1
            values: list[int | None] = []
            for _ in spec.args:
                value, at = read_uvarint(data, at)
                values.append(value)
            if spec.timed:
                delta = values.pop(0)
                assert delta is not None
                time += delta
            text = b""
            if spec.type == _STRING:
                length, at = read_uvarint(data, at)
                text = data[at : at + length]
                if len(text) < length:
                    raise VarintError(truncated=True)
                at += length
            elif spec.type == _STACK:
                for _ in range(4 * (values[1] or 0)):
                    value, at = read_uvarint(data, at)
                    values.append(value)
            for i in spec.signed:
                if (values[i] or 0) >= 1 << 63:
                    values[i] = None if values[i] == (1 << 64) - 1 else (values[i] or 0) - (1 << 64)
            out.append(
                WireEvent(spec.type, time, batch.thread, batch.generation, tuple(values), text)
            )
    except VarintError:
        trouble = "the batch ends in the middle of an event"
    yield out
    if trouble is not None:
        raise _error(batch, batch.data_offset + start, trouble)


def _error(batch: Batch, offset: int, reason: str) -> Exception:
    return broken(
        reason,
        offset=offset,
        generation=batch.generation,
        thread=batch.thread,
        batch=batch.offset,
    )
