"""Collects the batches of a generation and says when it is complete.

Up to Go 1.25 a generation ends where the next one's first batch is, or the trace ends. From Go
1.26 on a byte of its own ends it. Mirrors ``readGeneration`` and ``readGenerationWithSpill`` in
Go's ``internal/trace/generation.go``, and what they make of errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flightrec.errors import TraceFormatError
from flightrec.trace.batches import Batch
from flightrec.trace.decode import Timescale
from flightrec.trace.errors import TruncatedTraceError, broken
from flightrec.trace.events import ExperimentalBatch, Generation
from flightrec.trace.spec import EVENT_TYPES, EXPERIMENTS
from flightrec.trace.tables import ClockSnapshot, Tables

__all__ = ["GenerationData", "read_generations"]

_STRINGS: Final = EVENT_TYPES["Strings"]
_STACKS: Final = EVENT_TYPES["Stacks"]
_CPU_SAMPLES: Final = EVENT_TYPES["CPUSamples"]
_FREQUENCY: Final = EVENT_TYPES["Frequency"]
_SYNC: Final = EVENT_TYPES["Sync"]
_NS: Final = 1_000_000_000
_SIGN: Final = 1 << 63
_WORD: Final = 1 << 64


class GenerationData:
    """All of one generation: its event batches by M, still encoded, and its decoded tables."""

    __slots__ = (
        "_ordinary",
        "batches",
        "complete",
        "experimental",
        "info",
        "min_time",
        "number",
        "offset",
        "scale",
        "tables",
    )

    def __init__(self, batch: Batch) -> None:
        self.number = batch.generation
        self.offset = batch.offset
        #: The least time of its batches, in clock units. Like in Go, 0 is no time yet.
        self.min_time = batch.time
        #: Event batches by M, in the order in which the Ms appear.
        self.batches: dict[int | None, list[Batch]] = {}
        self.tables = Tables()
        self.experimental: dict[str, list[ExperimentalBatch]] = {}
        #: Whether the trace says that nothing of it is missing; None if it does not say.
        self.complete: bool | None = None
        self.scale = Timescale(0)
        self.info = Generation(self.number, offset=self.offset)

    def add(self, batch: Batch, version: int) -> None:
        """Take in a batch; TraceFormatError if it is a table's and broken."""
        if self.min_time == 0 or batch.time < self.min_time:
            self.min_time = batch.time
        first = batch.first
        if first == _STRINGS:
            self.tables.add_strings(batch)
        elif first == _STACKS:
            self.tables.add_stacks(batch)
        elif first == _CPU_SAMPLES:
            self.tables.add_samples(batch)
        elif first is not None and first == (_SYNC if version >= 25 else _FREQUENCY):
            self.tables.add_sync(batch, header=version >= 25, snapshots=version >= 25)
        elif batch.experiment:
            number = batch.experiment
            name = EXPERIMENTS[number] if number < len(EXPERIMENTS) else f"experiment {number}"
            found = self.experimental.setdefault(name, [])
            found.append(ExperimentalBatch(batch.thread, batch.data))
        elif batch.ends_generation:
            raise self._error("a batch begins with an end-of-generation event", batch.offset)
        else:
            # The order in which the Ms appear counts, even if it is with nothing.
            found_batches = self.batches.setdefault(batch.thread, [])
            if batch.data:
                found_batches.append(batch)

    def finish(self, version: int) -> None:
        """Check what must be there once all batches are in, and set ``scale`` and ``info``."""
        sync = self.tables.sync
        if sync.units_per_second is None:
            raise self._error("it has no frequency event")
        if version >= 25 and sync.snapshot is None:
            raise self._error("it has no clock snapshot")
        trouble = self.tables.check_frames()
        if trouble is not None:
            raise self._error(trouble)
        self.scale = scale = Timescale(sync.units_per_second)
        clock = None
        if sync.snapshot is not None:
            time, mono, seconds, rest = sync.snapshot
            seconds -= _WORD if seconds >= _SIGN else 0
            clock = ClockSnapshot(scale.ns(time), mono, seconds * _NS + rest)
        self.info = Generation(
            self.number, clock=clock, units_per_second=sync.units_per_second, offset=self.offset
        )

    def _error(self, reason: str, offset: int | None = None) -> TraceFormatError:
        at = self.offset if offset is None else offset
        return broken(reason, offset=at, generation=self.number)


def read_generations(
    batches: Iterator[Batch], version: int, max_bytes: int
) -> Iterator[GenerationData]:
    """The generations of a trace whose header says ``version``, one in memory at a time.

    Raises TraceFormatError, after the generations that are sound, and where one would take more
    than about ``max_bytes`` of memory; TruncatedTraceError where the rest of the trace is missing.
    """
    bounded = _bounded(batches, max_bytes)
    return _marked(bounded, version) if version >= 26 else _unmarked(bounded, version)


# What a batch takes in memory beside its bytes, and how many times its bytes a table takes: a
# frame of four bytes becomes several objects.
_BATCH_OVERHEAD: Final = 300
_TABLE_FACTOR: Final = 16


def _bounded(batches: Iterator[Batch], max_bytes: int) -> Iterator[Batch]:
    """The same batches, as long as those of one generation fit into memory."""
    number: int | None = None
    size = 0
    for batch in batches:
        if batch.generation != number:
            number, size = batch.generation, 0
        tables = batch.first in (_STRINGS, _STACKS, _CPU_SAMPLES)
        size += _BATCH_OVERHEAD + len(batch.data) * (_TABLE_FACTOR if tables else 1)
        if size > max_bytes:
            raise broken(
                f"the generation takes more than {max_bytes} bytes of memory; to allow that, "
                "raise max_generation_bytes",
                offset=batch.offset,
                generation=number,
            )
        yield batch


def _marked(batches: Iterator[Batch], version: int) -> Iterator[GenerationData]:
    data: GenerationData | None = None
    for batch in batches:
        if batch.ends_generation:
            if data is None:
                # Go's reader goes on and misses the frequency; the reason is this.
                raise broken("a generation ends that has no batches", offset=batch.offset)
            data.finish(version)
            data.complete = True
            yield data
            data = None
            continue
        if batch.generation == 0:
            raise broken("generation number 0 is not valid", offset=batch.offset)
        if data is None:
            data = GenerationData(batch)
        if batch.generation != data.number:
            raise broken(
                f"generation {batch.generation} begins before the one before it ends",
                offset=batch.offset,
                generation=data.number,
            )
        data.add(batch, version)
    if data is not None and data.batches:
        raise TruncatedTraceError(
            "the trace ends before the generation does", generation=data.number
        )


def _unmarked(batches: Iterator[Batch], version: int) -> Iterator[GenerationData]:
    data: GenerationData | None = None
    later: TraceFormatError | None = None
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            break
        except TraceFormatError as error:
            if data is None:
                raise
            # It may be in the next generation's first batch, so this one can be sound.
            later = error
            break
        if batch.generation == 0:
            raise broken("generation number 0 is not valid", offset=batch.offset)
        if data is not None and batch.generation == data.number + 1:
            data.finish(version)
            data.complete = True
            yield data
            data = None
        if data is None:
            data = GenerationData(batch)
        elif batch.generation != data.number:
            raise broken(
                f"a batch of generation {batch.generation} is out of order",
                offset=batch.offset,
                generation=data.number,
            )
        data.add(batch, version)
    if data is None:
        raise TruncatedTraceError("the trace has no generation")
    try:
        if later is not None and later.generation is not None:
            data.complete = later.generation != data.number
        try:
            data.finish(version)
        except TraceFormatError as error:
            if later is None or isinstance(later, TruncatedTraceError):
                # What completes a generation is written last, and so is what a cut takes first.
                raise TruncatedTraceError(
                    error.reason, offset=error.offset, generation=data.number
                ) from later
            raise
        yield data
        if later is not None:
            raise later
    finally:
        # An error's traceback has this frame: a name for the error here would make a cycle.
        later = None
