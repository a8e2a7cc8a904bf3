"""Merges the streams of a generation's Ms into one: the reader's main loop."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from flightrec.errors import TraceFormatError
from flightrec.trace.decode import locate_event
from flightrec.trace.errors import broken
from flightrec.trace.events import Event, Generation, StackSample, Sync
from flightrec.trace.frontier import NEVER, Cursor, remove, sift_down, sift_up, update
from flightrec.trace.generations import GenerationData
from flightrec.trace.ordering import BrokenOrderError, OrderState, rules_for
from flightrec.trace.sorting import sort_by_time
from flightrec.trace.spec import SPECS
from flightrec.trace.stacks import NO_STACK, Stack

__all__ = ["merge", "sync_event"]

# Events are handed over in lists of about this many, or as many as one M has in a row, so that
# a step from one event to the next costs the consumer no more than a step through a list.
_CHUNK: Final = 256

# How many of the events that wait an error tells of.
_SHOWN: Final = 8


def merge(data: GenerationData, state: OrderState, syncs: int, last: int) -> Iterator[list[Event]]:
    """The events of a generation in lists, beginning with sync event number ``syncs``.

    ``last`` is the time of the event before. Mirrors ``Reader.ReadEvent`` in Go's
    ``internal/trace/reader.go``: take the M whose next event has the least timestamp; where that
    event cannot come yet, the first of the others by timestamp whose event can; where none can, the
    trace is broken. A timestamp that is not later than the last one is moved to 1 ns after it.

    Raises TraceFormatError after the events before the broken place.
    """
    info, scale = data.info, data.scale
    heap: list[Cursor] = []
    for m, batches in data.batches.items():
        cursor = Cursor(m, batches)
        if cursor.load(scale):
            if cursor.time == NEVER:
                raise _malformed(cursor, data.number)
            heap.append(cursor)
            sift_up(heap, len(heap) - 1)
    data.batches = {}  # The cursors release them one by one.
    if heap and not state.initial:
        state.initial = data.number
    rules = rules_for(state, data.tables, info)
    stacks = data.tables.stacks
    samples = [
        (scale.ns(time), goroutine, proc, thread, stack)
        for time, thread, proc, goroutine, stack in data.tables.samples
    ]
    sort_by_time(samples, [sample[0] for sample in samples])
    samples.reverse()
    next_sample = samples[-1][0] if samples else NEVER

    sync = sync_event(data, info, syncs, max(scale.ns(data.min_time), last + 1))
    last = sync.time
    out: list[Event] = [sync]
    emit = out.append
    new = tuple.__new__
    extra = state.extra
    at = 0
    try:
        while heap:
            if len(out) >= _CHUNK:
                yield out
                out = []
                emit = out.append
            cursor = heap[0]
            time = cursor.time
            if next_sample < time:
                last = max(next_sample, last + 1)
                emit(_sample(last, samples.pop(), stacks, info))
                next_sample = samples[-1][0] if samples else NEVER
                continue
            # The M stays first until its time is past that of a child in the heap or a sample's.
            size = len(heap)
            if size > 2:
                limit, second = heap[1].time, heap[2].time
                if second < limit:
                    limit = second
            elif size == 2:
                limit = heap[1].time
            else:
                limit = NEVER - 1
            if next_sample < limit:
                limit = next_sample
            ms = cursor.ms
            if ms is None:
                ms = cursor.ms = state.thread(cursor.m)
            records, at = cursor.records, cursor.at
            record = records[at]
            while time <= limit:
                if time <= last:
                    time = last + 1
                event = rules[record[1]](ms, record, time)
                if event is None:
                    break
                emit(event)
                last = time
                if extra:
                    for event in extra:
                        last += 1
                        emit(new(type(event), (last, *event[1:])))
                    extra.clear()
                at += 1
                record = records[at]
                time = record[0]
            else:
                cursor.at = at
                cursor.time = time
                if time != NEVER or _next_batch(cursor, data):
                    sift_down(heap, 0)
                else:
                    remove(heap, 0)
                continue
            cursor.at = at
            cursor.time = record[0]
            # Its next event has to wait for another M's.
            sort_by_time(heap, [waiting.time for waiting in heap])
            for i in range(1, size):
                cursor = heap[i]
                ms = cursor.ms
                if ms is None:
                    ms = cursor.ms = state.thread(cursor.m)
                at = cursor.at
                time = cursor.time
                if time <= last:
                    time = last + 1
                record = cursor.records[at]
                event = rules[record[1]](ms, record, time)
                if event is None:
                    continue
                emit(event)
                last = time
                if extra:
                    for event in extra:
                        last += 1
                        emit(new(type(event), (last, *event[1:])))
                    extra.clear()
                at += 1
                cursor.at = at
                cursor.time = cursor.records[at][0]
                if cursor.time != NEVER or _next_batch(cursor, data):
                    update(heap, i)
                else:
                    remove(heap, i)
                break
            else:
                cursor = heap[0]
                at = cursor.at
                raise BrokenOrderError(_stuck(heap))
    except (BrokenOrderError, KeyError, TraceFormatError) as error:
        if out:
            yield out
        if isinstance(error, TraceFormatError):
            raise
        raise _refused(error, cursor, at, data.number) from None
    try:
        while samples:
            last = max(samples[-1][0], last + 1)
            emit(_sample(last, samples.pop(), stacks, info))
    except TraceFormatError:
        yield out
        raise
    if out:
        yield out


def sync_event(data: GenerationData | None, info: Generation, n: int, time: int) -> Sync:
    """Sync event number ``n``, which begins a generation, or without ``data`` ends the trace."""
    experimental = {} if data is None else data.experimental
    return Sync(
        time,
        None,
        None,
        None,
        NO_STACK,
        info,
        n,
        None if data is None else info.clock,
        MappingProxyType({name: tuple(found) for name, found in experimental.items()}),
    )


def _sample(
    time: int,
    sample: tuple[int, int | None, int | None, int | None, int],
    stacks: dict[int, Stack],
    info: Generation,
) -> StackSample:
    _, goroutine, proc, thread, stack = sample
    found = stacks.get(stack)
    if found is None:
        # It is no M's event, and so has no place in a batch that could be told.
        raise broken(
            f"a CPU sample has unknown stack {stack}; it is of goroutine "
            f"{'none' if goroutine is None else goroutine} at {time} ns",
            generation=info.number,
        )
    return StackSample(time, goroutine, proc, thread, found, info)


def _next_batch(cursor: Cursor, data: GenerationData) -> bool:
    """Go on to the M's next batch; False if it has none, TraceFormatError if it is broken."""
    if cursor.trouble is not None:
        raise _malformed(cursor, data.number)
    if not cursor.load(data.scale):
        return False
    if cursor.time == NEVER:
        raise _malformed(cursor, data.number)
    return True


def _place(cursor: Cursor, at: int) -> tuple[int, int]:
    """The offsets of the cursor's batch and of event number ``at`` in it."""
    batch = cursor.batch
    assert batch is not None
    return batch.offset, batch.data_offset + locate_event(batch.data, at)


def _malformed(cursor: Cursor, number: int) -> TraceFormatError:
    batch, offset = _place(cursor, len(cursor.records) - 1)
    reason = cursor.trouble or ""
    return broken(reason, offset=offset, generation=number, thread=cursor.m, batch=batch)


def _refused(error: Exception, cursor: Cursor, at: int, number: int) -> TraceFormatError:
    batch, offset = _place(cursor, at)
    name = SPECS[cursor.records[at][1]].name
    why = _missing(error) if isinstance(error, KeyError) else str(error)
    return broken(f"{name}: {why}", offset=offset, generation=number, thread=cursor.m, batch=batch)


def _missing(error: KeyError) -> str:
    return f"the generation has no string or stack {error.args[0]}"


def _stuck(heap: list[Cursor]) -> str:
    """What every M waits with, for the error that says that none can go on."""
    waiting = []
    for cursor in heap[:_SHOWN]:
        record = cursor.records[cursor.at]
        spec = SPECS[record[1]]
        values = ("none" if value is None else value for value in record[2:])
        told = " ".join(f"{name}={value}" for name, value in zip(spec.values, values, strict=True))
        owner = "no M" if cursor.m is None else f"M {cursor.m}"
        waiting.append(f"{owner}: {spec.name} {told}".rstrip())
    if len(heap) > _SHOWN:
        waiting.append(f"and {len(heap) - _SHOWN} more")
    return f"no M's next event can come now ({'; '.join(waiting)})"
