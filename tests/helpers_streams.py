"""Streams of chunks, as a trace reader gets them, and what the two assemblers make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import flightrec
from flightrec.errors import TraceFormatError
from flightrec.generation import Generation, Hold, PythonGeneration
from flightrec.recording import Recording, RecordingOptions
from flightrec.ring import Retention
from flightrec.wire import END_OF_GENERATION, parse_batch
from tests.assembler import Assembler

Stream = tuple[bytes, ...]  #: chunks; the first is the header


def keep_all(ring: tuple[Any, ...], finished: Any, **_: object) -> tuple[Any, ...]:
    """Retention policy: everything stays."""
    return (*ring, finished)


def record(
    runtime: flightrec.GoRuntime,
    generations: int,
    *,
    experiments: tuple[str, ...] = (),
    workload: str | None = None,
    **arguments: object,
) -> Stream:
    """Record a real stream of a few generations, each with a log message and perhaps a workload."""
    recorder = flightrec.FlightRecorder(
        runtime, storage="python", policy=keep_all, experiments=experiments, max_bytes=1 << 30
    )
    with recorder:
        for number in range(generations):
            runtime.log("generation", str(number))
            if workload is not None:
                runtime.run(workload, **arguments)
            snapshot = recorder.snapshot()
    chunks: list[bytes] = [snapshot.header]
    for generation in snapshot.generations:
        assert isinstance(generation, PythonGeneration)
        chunks += generation.chunks
    return tuple(chunks)


_END = bytes([END_OF_GENERATION])


def without_ends(stream: Stream) -> Stream:
    """Return the stream as Go before 1.26 writes it: nothing ends a generation but the next one."""
    return (b"go 1.22 trace\0\0\0", *(chunk for chunk in stream[1:] if chunk != _END))


def with_ends(stream: Stream) -> Stream:
    """Return the stream as Go from 1.26 on writes it: a byte ends each generation."""
    batches = without_ends(stream)[1:]
    out = [b"go 1.26 trace\0\0\0"]
    for at, chunk in enumerate(batches):
        out.append(chunk)
        following = batches[at + 1] if at + 1 < len(batches) else None
        if following is None or (
            parse_batch(following).generation != parse_batch(chunk).generation
        ):
            out.append(_END)
    return tuple(out)


class Refusal(NamedTuple):
    """Which chunk was refused, and how."""

    chunk: int
    message: str
    reason: str
    offset: int | None
    generation: int | None

    @classmethod
    def of(cls, chunk: int, error: TraceFormatError) -> Refusal:
        """Take down an error."""
        return cls(chunk, str(error), error.reason, error.offset, error.generation)


class Facts(NamedTuple):
    """All that is known of a generation, but for when it was complete."""

    header: bytes
    number: int
    nbytes: int
    batches: int
    start_ns: int
    units_per_second: int
    content: bytes

    @classmethod
    def of(cls, generation: Generation) -> Facts:
        """Take down a generation."""
        hold = generation.hold()
        assert hold is not None
        return cls(
            generation.header,
            generation.number,
            generation.nbytes,
            generation.batches,
            generation.start_ns,
            generation.units_per_second,
            b"".join(hold.buffers),
        )


class Verdict(NamedTuple):
    """What an assembler made of a stream."""

    generations: tuple[Facts, ...]
    refusal: Refusal | None


def assemble_plain(stream: Iterable[bytes]) -> Verdict:
    """Give the stream to the assembler in plain Python."""
    assembler = Assembler()
    generations: list[Facts] = []
    refusal = None
    for number, chunk in enumerate(stream):
        try:
            finished = assembler.write(chunk, now_ns=0)
        except TraceFormatError as exc:
            refusal = Refusal.of(number, exc)
            break
        if finished is not None:
            generations.append(Facts.of(finished))
    else:
        last = assembler.end(now_ns=0)
        if last is not None:
            generations.append(Facts.of(last))
    return Verdict(tuple(generations), refusal)


def replay(
    runtime: flightrec.GoRuntime,
    *,
    max_bytes: int = 1 << 30,
    policy: Any = keep_all,
    **options: Any,
) -> Recording:
    """Return a recording that is fed by hand and, by default, keeps everything."""
    retention = Retention(policy=policy, max_bytes=max_bytes, min_age_ns=1 << 62)
    recording = Recording(runtime, RecordingOptions(retention=retention, replay=True, **options))
    recording.open()
    return recording


def finish(recording: Recording) -> None:
    """Stop a recording, wait until its thread is gone, and free what it has."""
    recording.stop()
    recording.close()


def take(recording: Recording, timeout: float = 60.0) -> Hold:
    """Flush, and take hold of the window."""
    recording.flush(timeout)
    return recording.hold()


def assemble_native(
    runtime: flightrec.GoRuntime, stream: Sequence[bytes], *, storage: str = "native"
) -> Verdict:
    """Give the stream to a session of the bridge."""
    recording = replay(runtime, storage=storage)
    try:
        refusal = None
        for number, chunk in enumerate(stream):
            try:
                recording.session.feed(chunk)
            except TraceFormatError as exc:
                refusal = Refusal.of(number, exc)
                break
        recording.stop()
        failure = recording.failure
        if refusal is None:  # the end of the stream may be refused as well
            assert failure is None, failure
        else:  # and whoever stops the recording is told the same
            assert isinstance(failure, TraceFormatError)
            assert Refusal.of(refusal.chunk, failure) == refusal
        ring = recording.hold().generations
        return Verdict(tuple(map(Facts.of, ring)), refusal)
    finally:
        finish(recording)
