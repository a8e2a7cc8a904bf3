"""The outermost layer of a trace: its header, then batches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from flightrec.trace.errors import TruncatedTraceError, broken
from flightrec.trace.source import Input, Source
from flightrec.trace.spec import EVENT_TYPES, FORMATS, FORMATS_V1, MAX_BATCH_SIZE
from flightrec.trace.varint import VarintError, read_uvarint

__all__ = ["Batch", "batches", "read_batches", "read_header"]

_EVENT_BATCH: Final = EVENT_TYPES["EventBatch"]
_EXPERIMENTAL_BATCH: Final = EVENT_TYPES["ExperimentalBatch"]
_END_OF_GENERATION: Final = EVENT_TYPES["EndOfGeneration"]
_NO_THREAD: Final = (1 << 64) - 1

# Two type bytes and four uvarints.
_MAX_HEADER: Final = 2 + 4 * 10

_HEADER_SIZE: Final = 16
_HEADER: Final = re.compile(rb"go 1\.([0-9]{1,9}) trace\0\0\0")


class Batch(NamedTuple):
    """One batch: what one M wrote in one generation, or a piece of a table.

    ``offset`` is where its header starts in the trace and ``data_offset`` where its payload,
    ``data``, does, in bytes. ``thread`` is the M's id, None where no M owns it. ``time`` is in
    trace clock units. ``experiment`` is 0 for an ordinary batch, else an index into
    :data:`flightrec.trace.spec.EXPERIMENTS`.

    From Go 1.26 a lone byte ends each generation. It is a Batch here as well, with generation 0,
    no thread and that byte as its data.
    """

    offset: int
    data_offset: int
    generation: int
    thread: int | None
    time: int
    experiment: int
    data: bytes

    @property
    def first(self) -> int | None:
        """The type of its first event, which tells what kind of batch it is; None if empty.

        None for an experimental batch too: its contents are the experiment's own.
        """
        return self.data[0] if self.data and not self.experiment else None

    @property
    def ends_generation(self) -> bool:
        """Whether it is Go 1.26's mark at the end of a generation."""
        return self.first == _END_OF_GENERATION


def batches(source: Source) -> Iterator[Batch]:
    """Every batch of a trace in the order of the file, not interpreted any further.

    *source* is what :func:`flightrec.trace.read` takes. Memory stays within a mebibyte or so.
    Raises TraceFormatError for anything but a trace of Go 1.22 or later, and where a header is
    broken; :class:`~flightrec.trace.errors.TruncatedTraceError` where the trace ends within one
    batch. Mirrors ``readBatch`` in Go's ``internal/trace``. The iterator is not thread-safe.
    """
    opened = Input(source)
    read_header(opened)
    return read_batches(opened)


def read_header(opened: Input) -> int:
    """Take the header off a fresh input and return the format version, one of ``FORMATS``."""
    while opened.left < _HEADER_SIZE and opened.more():
        pass
    start = opened.buffer[opened.position : opened.position + _HEADER_SIZE]
    match = _HEADER.match(start)
    if match is None:
        if start and _HEADER_PREFIX.startswith(start[: len(_HEADER_PREFIX)]):
            raise TruncatedTraceError("not a Go execution trace: it ends in the header", offset=0)
        raise broken("not a Go execution trace: it does not begin with 'go 1.N trace'", offset=0)
    version = int(match.group(1))
    if version in FORMATS_V1:
        raise broken(
            f"a trace of Go 1.21 or earlier (its header says go 1.{version}), whose format is an"
            " older one that only Go reads: use 'go tool trace'",
            offset=0,
        )
    if version not in FORMATS:
        known = ", ".join(f"1.{number}" for number in FORMATS)
        raise broken(
            f"a trace in the unknown format of go 1.{version}; this reader knows {known}",
            offset=0,
        )
    opened.position += match.end()
    return version


_HEADER_PREFIX: Final = b"go 1."


def read_batches(opened: Input) -> Iterator[Batch]:
    """The batches after the header. An error's ``generation`` is the one its batch is of."""
    while True:
        buffer, start = opened.buffer, opened.position
        if len(buffer) - start < _MAX_HEADER and opened.more():
            continue
        if start == len(buffer):
            return
        offset = opened.offset(start)
        kind = buffer[start]
        at = start + 1
        if kind == _END_OF_GENERATION:
            opened.position = at
            yield Batch(offset, offset, 0, None, 0, 0, buffer[start:at])
            continue
        experiment = 0
        if kind == _EXPERIMENTAL_BATCH:
            if at == len(buffer):
                # Go's reader takes a trace that ends right here for one that ended before.
                return
            experiment = buffer[at]
            at += 1
        elif kind != _EVENT_BATCH:
            raise broken(f"expected a batch, found event type {kind}", offset=offset)
        generation: int | None = None
        try:
            generation, at = read_uvarint(buffer, at)
            thread, at = read_uvarint(buffer, at)
            time, at = read_uvarint(buffer, at)
            size, at = read_uvarint(buffer, at)
        except VarintError as error:
            reason = f"a batch header is broken: {error}"
            if error.truncated:
                raise TruncatedTraceError(reason, offset=offset, generation=generation) from None
            raise broken(reason, offset=offset, generation=generation) from None
        if size > MAX_BATCH_SIZE:
            raise broken(
                f"a batch of {size} bytes; at most {MAX_BATCH_SIZE} are allowed",
                offset=offset,
                generation=generation,
            )
        header_size = at - start
        while opened.left < header_size + size and opened.more():
            pass
        if opened.left < header_size + size:
            raise TruncatedTraceError(
                f"a batch of {size} bytes is cut off after {opened.left - header_size}",
                offset=offset,
                generation=generation,
            )
        at = opened.position + header_size
        end = at + size
        data = opened.buffer[at:end]
        opened.position = end
        m: int | None = thread
        if thread >= 1 << 63:
            m = None if thread == _NO_THREAD else thread - (1 << 64)
        yield Batch(offset, offset + header_size, generation, m, time, experiment, data)
