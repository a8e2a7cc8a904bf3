"""The outermost layer of a Go execution trace: its header and its batches.

A trace is a 16-byte header and then batches. A batch is a header (type, generation, M, time, size;
an experimental one has an experiment after the type) and its payload of at most 64 KiB. From Go
1.26 on a byte of its own ends each generation. The model is ``runtime/trace/batch.go``, but for
the experiment, which Go's own recorder forgets.

Pure functions: no clock, no thread, no native code. ``gobridge/batch.go`` is the native twin of
this module; both are under the same tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flightrec.errors import TraceFormatError

__all__ = [
    "END_OF_GENERATION",
    "EVENT_BATCH",
    "EXPERIMENTAL_BATCH",
    "HEADER_BYTES",
    "MAX_BATCH_BYTES",
    "BatchHeader",
    "follows",
    "frequency_in",
    "header_version",
    "parse_batch",
    "split_batches",
]

HEADER_BYTES = 16
#: The runtime's limit on a batch's payload.
MAX_BATCH_BYTES = 64 << 10

EVENT_BATCH = 1
FREQUENCY = 8
EXPERIMENTAL_BATCH = 49
SYNC = 50
END_OF_GENERATION = 52


class BatchHeader(NamedTuple):
    """What the header of a batch says."""

    event_type: int
    experiment: int
    generation: int
    m: int
    time: int  #: trace clock units
    size: int  #: of the payload, bytes
    payload: int  #: offset of the payload in the batch


def header_version(header: bytes) -> int:
    r"""Return the minor Go version that a trace header names, 0 if it is not a trace header.

    ``go 1.26 trace\0\0\0`` gives 26. Go 1.27 writes that of 1.26.
    """
    if len(header) < HEADER_BYTES or not header.startswith(b"go 1."):
        return 0
    digits, _, rest = bytes(header[5:HEADER_BYTES]).partition(b" ")
    if rest.rstrip(b"\0") != b"trace" or not digits.isdigit():
        return 0
    return int(digits)


def _uvarint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return the varint at an offset and the offset after it; below 0: minus the trouble."""
    value = shift = 0
    for end in range(at, len(data)):
        byte = data[end]
        if shift > 63 or (shift == 63 and 1 < byte < 0x80):
            return 0, -2
        if byte < 0x80:
            return value | byte << shift, end + 1
        value |= (byte & 0x7F) << shift
        shift += 7
    return 0, -1


def parse_batch(chunk: bytes | memoryview, *, offset: int = 0) -> BatchHeader:
    """Parse the header of a batch that must fill ``chunk`` exactly.

    :param offset: where in the stream the chunk begins; only the errors' offset uses it.
    :raises TraceFormatError: the chunk is empty, not a batch, incomplete, or has bytes left over.
    """
    if not chunk:
        raise TraceFormatError("batch is empty", offset=offset)
    event_type = chunk[0]
    experiment = 0
    at = 1
    if event_type == EXPERIMENTAL_BATCH:
        experiment = chunk[1] if len(chunk) > 1 else 0
        at = 2
    elif event_type != EVENT_BATCH:
        raise TraceFormatError(f"expected batch event, got event {event_type}", offset=offset)
    fields: list[int] = []
    for name in ("generation", "M ID", "timestamp", "size"):
        value, end = _uvarint(chunk, at)
        if end < 0:
            what = "the batch ends inside it" if end == -1 else "it overflows 64 bits"
            raise TraceFormatError(
                f"error reading batch {name}: {what}",
                offset=offset + min(at, len(chunk)),
                generation=(fields[0] or None) if fields else None,
            )
        fields.append(value)
        at = end
    generation, m, time, size = fields
    if generation == 0:
        raise TraceFormatError("invalid generation number 0", offset=offset + 1)
    if size > MAX_BATCH_BYTES:
        raise TraceFormatError(
            f"invalid batch size {size}, maximum is {MAX_BATCH_BYTES}",
            offset=offset + at,
            generation=generation,
        )
    got = len(chunk) - at
    if got < size:
        raise TraceFormatError(
            f"incomplete batch: it has {got} bytes of {size}",
            offset=offset + len(chunk),
            generation=generation,
        )
    if got > size:
        raise TraceFormatError(
            f"{got - size} trailing bytes after the batch",
            offset=offset + at + size,
            generation=generation,
        )
    return BatchHeader(event_type, experiment, generation, m, time, size, at)


def split_batches(data: bytes) -> Iterator[bytes]:
    """Yield the batches, and the bytes that end generations, that stand in ``data`` one by one.

    ``data`` is known to be whole batches: nothing is checked.
    """
    at = 0
    while at < len(data):
        end = at + 1
        if data[at] != END_OF_GENERATION:
            end += data[at] == EXPERIMENTAL_BATCH
            size = 0
            for _ in ("generation", "M ID", "timestamp", "size"):
                size, end = _uvarint(data, end)
            end += size
        yield data[at:end]
        at = end


def frequency_in(chunk: bytes | memoryview, header: BatchHeader) -> int:
    """Return the trace clock units per second that a batch states, 0 if it states none.

    Up to Go 1.24 ``EvFrequency`` is alone in its batch; from 1.25 on it follows ``EvSync``.
    """
    at = header.payload
    if header.event_type != EVENT_BATCH:
        return 0
    if at < len(chunk) and chunk[at] == SYNC:
        at += 1
    if at >= len(chunk) or chunk[at] != FREQUENCY:
        return 0
    value, end = _uvarint(chunk, at + 1)
    return value if end > 0 else 0


def follows(number: int, following: int) -> bool:
    """Say whether generations have consecutive numbers (traceNextGen in runtime/trace.go)."""
    return following == (number + 1 if number < 2**64 - 1 else 4)
