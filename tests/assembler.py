"""From chunks to generations, in plain Python: the twin of ``gobridge/stream.go`` for tests.

The same checks, the same errors; tests put both through the same streams.
"""

from __future__ import annotations

from flightrec.errors import TraceFormatError
from flightrec.generation import PythonGeneration
from flightrec.wire import (
    END_OF_GENERATION,
    HEADER_BYTES,
    BatchHeader,
    frequency_in,
    header_version,
    parse_batch,
)

__all__ = ["Assembler"]


def _after(generation: int) -> int:
    return generation + 1 if generation < 2**64 - 1 else 4


class Assembler:
    """Takes the chunks of a trace, as the runtime gives them, and yields complete generations.

    Not safe for use by two threads at a time.
    """

    def __init__(self) -> None:
        self.header = b""
        self.offset = 0  #: bytes of the stream so far
        self.batches = 0  #: batches so far
        self.generation = 0  #: number of the active generation; 0 between two of them
        self.nbytes = 0  #: size of the active generation
        self.min_time = 0  #: smallest batch time in it, trace clock units; 0 if there is none
        self._frequency = 0
        self._chunks: list[bytes] = []
        self._batches = 0
        self._in_band = False
        self._newest = 0  # the last generation that was completed; 0 if that is not known

    def write(self, chunk: bytes, *, now_ns: int) -> PythonGeneration | None:
        """Take one chunk: the header, one whole batch, or the end of a generation.

        :param now_ns: the time on the trace clock.
        :returns: the generation that the chunk completes, if it does.
        :raises TraceFormatError: the chunk is none of these, or not in its place.
        """
        size = len(chunk)
        if not self.header:
            if size < HEADER_BYTES:
                raise TraceFormatError(
                    f"expected at least {HEADER_BYTES} bytes in the first write, got {size}",
                    offset=self.offset,
                )
            self.header = bytes(chunk[:HEADER_BYTES])
            self._in_band = header_version(self.header) >= 26
            self.offset = HEADER_BYTES
            chunk = chunk[HEADER_BYTES:]
            size -= HEADER_BYTES
            if not chunk:
                return None
        finished = self._write_batch(chunk, now_ns)
        self.offset += size
        return finished

    def _write_batch(self, chunk: bytes, now_ns: int) -> PythonGeneration | None:
        if not chunk:
            return None
        if chunk[0] == END_OF_GENERATION:
            self._check_end(chunk)
            self._append(chunk)
            return self._finish(now_ns)
        batch = self._parse(chunk)
        finished = None
        if self.generation and batch.generation != self.generation:
            if self._in_band:
                raise TraceFormatError(
                    f"broken trace: batch of generation {batch.generation} before the end of "
                    f"generation {self.generation}",
                    offset=self.offset + 1,
                    generation=batch.generation,
                )
            if batch.generation != _after(self.generation):
                raise TraceFormatError(
                    f"broken trace: generation {batch.generation} follows generation "
                    f"{self.generation}",
                    offset=self.offset + 1,
                    generation=batch.generation,
                )
            finished = self._finish(now_ns)
        elif not self.generation and self._newest and batch.generation != _after(self._newest):
            raise TraceFormatError(
                f"broken trace: generation {batch.generation} follows generation {self._newest}",
                offset=self.offset + 1,
                generation=batch.generation,
            )
        self.generation = batch.generation
        if batch.time and (self.min_time == 0 or batch.time < self.min_time):
            self.min_time = batch.time
        self._frequency = frequency_in(chunk, batch) or self._frequency
        self._batches += 1
        self.batches += 1
        self._append(chunk)
        return finished

    def _parse(self, chunk: bytes) -> BatchHeader:
        try:
            return parse_batch(chunk, offset=self.offset)
        except TraceFormatError as exc:
            if exc.generation is None and self.generation:
                raise TraceFormatError(
                    exc.reason, offset=exc.offset, generation=self.generation
                ) from None
            raise

    def _check_end(self, chunk: bytes) -> None:
        active = self.generation or None
        if len(chunk) != 1:
            raise TraceFormatError(
                "unexpected end of generation in batch of size >1",
                offset=self.offset + 1,
                generation=active,
            )
        if not self._in_band:
            raise TraceFormatError(
                "unexpected end of generation in a trace from before Go 1.26",
                offset=self.offset,
                generation=active,
            )
        if not self.generation:
            raise TraceFormatError(
                "broken trace: end of a generation that has no batch", offset=self.offset
            )

    def _append(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.nbytes += len(chunk)

    def _finish(self, now_ns: int) -> PythonGeneration:
        if not self._frequency:
            raise TraceFormatError(
                f"broken trace: failed to find frequency event in generation {self.generation}",
                offset=self.offset,
                generation=self.generation,
            )
        newest = self.generation
        finished = PythonGeneration(
            number=self.generation,
            nbytes=self.nbytes,
            batches=self._batches,
            start_ns=self.min_time * 1_000_000_000 // self._frequency,
            end_ns=now_ns,
            units_per_second=self._frequency,
            header=self.header,
            chunks=tuple(self._chunks),
        )
        self._newest = newest
        self.generation = self.nbytes = self.min_time = self._frequency = self._batches = 0
        self._chunks = []
        return finished

    def end(self, *, now_ns: int) -> PythonGeneration | None:
        """Take the end of the trace; return the generation that it completes, if it does.

        Before Go 1.26 nothing in the stream ends the last one.
        """
        if self.generation and not self._in_band and self._frequency:
            return self._finish(now_ns)
        return None
