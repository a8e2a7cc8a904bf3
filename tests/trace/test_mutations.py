"""Damaged traces: TraceFormatError and nothing else, soon, in little memory, as Go decides."""

from __future__ import annotations

import functools
import itertools
import os
import random
import subprocess
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightrec.errors import TraceFormatError
from flightrec.trace import AllocFree, batches, go_text, read, wire_events
from tests.trace.toolchains import toolchains
from tests.trace.tracebuilder import NONE, batch, event, simple
from tests.trace.tracemaker import Scenario, TraceMaker

settings.register_profile("trace", derandomize=True, deadline=None, database=None)
settings.load_profile("trace")

pytestmark = pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")

# How many damaged traces the largest test below reads; more where somebody is fuzzing.
EXAMPLES = int(os.environ.get("FLIGHTREC_FUZZ_EXAMPLES", "1000"))

# Small traces, of several generations each, so that damage hits everything.
_PERIOD = "traceadvanceperiod=2000000"
SCENARIOS = [
    Scenario("gc", 5, godebug=_PERIOD),
    Scenario("syscalls,http", 5, godebug=_PERIOD),
    Scenario("annotations", 5, godebug=_PERIOD),
    Scenario("fewcoroutines"),
    Scenario("annotations", 5, godebug=f"{_PERIOD},traceallocfree=1"),
]


class Base(NamedTuple):
    """A sound trace: its header and its batches, each with its header."""

    header: bytes
    batches: list[bytes]

    @property
    def whole(self) -> bytes:
        """The trace."""
        return self.header + b"".join(self.batches)


@pytest.fixture(scope="module")
def bases(maker: TraceMaker) -> list[Base]:
    """Traces to damage, of every toolchain."""
    found = []
    for toolchain in toolchains():
        for i, scenario in enumerate(SCENARIOS):
            if "allocfree" in scenario.godebug and toolchain.minor < 23:
                continue
            file = maker.folder / f"mutate-{i}-{toolchain.version}.trace"
            if not file.exists():
                maker.record(toolchain, scenario, file)
            found.append(_base(file.read_bytes()))
    return found


def _base(trace: bytes) -> Base:
    starts = [batch.offset for batch in batches(trace)] + [len(trace)]
    pairs = itertools.pairwise(starts)
    return Base(trace[: starts[0]], [trace[start:end] for start, end in pairs])


def _overwrite(base: Base, rng: random.Random) -> bytes:
    trace = bytearray(base.whole)
    for _ in range(rng.choice([1, 1, 1, 2, 6])):
        trace[rng.randrange(len(trace))] = rng.randrange(256)
    return bytes(trace)


def _flip(base: Base, rng: random.Random) -> bytes:
    trace = bytearray(base.whole)
    trace[rng.randrange(len(trace))] ^= 1 << rng.randrange(8)
    return bytes(trace)


def _cut(base: Base, rng: random.Random) -> bytes:
    return base.whole[: rng.randrange(len(base.whole))]


def _splice(base: Base, rng: random.Random) -> bytes:
    trace = bytearray(base.whole)
    at = rng.randrange(16, len(trace))
    new = bytes(rng.choice([0, 1, 2, 127, 128, 255]) for _ in range(rng.randrange(4)))
    trace[at : at + rng.randrange(4)] = new
    return bytes(trace)


def _move_batch(base: Base, rng: random.Random) -> bytes:
    moved = list(base.batches)
    moved.insert(rng.randrange(len(moved)), moved.pop(rng.randrange(len(moved))))
    return base.header + b"".join(moved)


def _shuffle(base: Base, rng: random.Random) -> bytes:
    return base.header + b"".join(rng.sample(base.batches, len(base.batches)))


def _drop_batch(base: Base, rng: random.Random) -> bytes:
    kept = list(base.batches)
    del kept[rng.randrange(len(kept))]
    return base.header + b"".join(kept)


def _double_batch(base: Base, rng: random.Random) -> bytes:
    more = list(base.batches)
    more.insert(rng.randrange(len(more)), rng.choice(more))
    return base.header + b"".join(more)


def _change_version(base: Base, rng: random.Random) -> bytes:
    version = rng.choice([b"22", b"23", b"25", b"26"])
    return base.header.replace(base.header[5:7], version, 1) + b"".join(base.batches)


MUTATIONS: list[Callable[[Base, random.Random], bytes]] = [
    _overwrite,
    _flip,
    _cut,
    _splice,
    _move_batch,
    _shuffle,
    _drop_batch,
    _double_batch,
    _change_version,
]


def _mutated(bases: list[Base], seed: int) -> bytes:
    rng = random.Random(seed)
    return rng.choice(MUTATIONS)(rng.choice(bases), rng)


def _events(trace: bytes) -> tuple[int, str | None]:
    """How many events can be read, and why no more."""
    count = 0
    try:
        for _ in read(trace):
            count += 1
    except TraceFormatError as error:
        return count, str(error)
    return count, None


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 1 << 32))
def test_only_format_errors(bases: list[Base], seed: int) -> None:
    """Whatever is done to a trace, reading it ends, with events or a TraceFormatError."""
    trace = _mutated(bases, seed)
    began = time.monotonic()
    count, _ = _events(trace)
    # A tenth of a microsecond's work would do for each byte; this catches what is not linear.
    assert time.monotonic() - began < 20
    assert count <= 4 * len(trace) + 10


@settings(max_examples=EXAMPLES // 4)
@given(seed=st.integers(0, 1 << 32))
def test_stop_raises_no_truncation(bases: list[Base], seed: int) -> None:
    """A trace that is cut anywhere can be read with on_truncated="stop"."""
    rng = random.Random(seed)
    trace = _cut(rng.choice(bases), rng)
    if len(trace) < 16:
        return
    for _ in read(trace, on_truncated="stop"):
        pass


@settings(max_examples=EXAMPLES // 4)
@given(seed=st.integers(0, 1 << 32))
def test_raw_events_only_format_errors(bases: list[Base], seed: int) -> None:
    """Batches and raw events of a damaged trace come, or a TraceFormatError does."""
    trace = _mutated(bases, seed)
    for level in (batches, wire_events):
        try:
            for _ in level(trace):
                pass
        except TraceFormatError:
            pass


@settings(max_examples=EXAMPLES // 5)
@given(seed=st.integers(0, 1 << 32))
def test_events_can_be_used(bases: list[Base], seed: int) -> None:
    """Events of a damaged trace can be printed, and their memory interpreted."""
    memory = AllocFree()
    try:
        for event in read(_mutated(bases, seed)):
            assert go_text(event)
            memory.feed(event)
    except TraceFormatError:
        pass


def test_memory_is_bounded(bases: list[Base]) -> None:
    """Damage makes the reader take no more memory than a multiple of the trace's size."""
    largest = max(len(base.whole) for base in bases)
    tracemalloc.start()
    try:
        for seed in range(40):
            _events(_mutated(bases, seed))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * largest + (8 << 20)


NEWEST = [tool for tool in toolchains() if tool.minor >= 26][-1:]


@pytest.mark.skipif(not NEWEST, reason="no Go toolchain of 1.26 or later was found")
def test_verdict_is_gos(bases: list[Base], maker: TraceMaker, tmp_path: Path) -> None:
    """Go's reader refuses the damaged traces that ours refuses, and sees as many events."""
    traces = [_mutated(bases, seed) for seed in range(600)]
    # Chance brings these up too rarely: a table that ends where a number should begin.
    for version in (22, 25, 26):
        cut = event("CPUSample", 1, 2, 3, 4, 5)
        for length in range(1, len(cut)):
            table = batch(2, NONE, 5, event("CPUSamples"), cut[:length])
            traces.append(simple(version) + table + simple(version, (2,))[16:])
    verdicts = _go_verdicts(traces, maker, tmp_path)
    accepted = 0
    for seed, (trace, theirs) in enumerate(zip(traces, verdicts, strict=True)):
        count, refusal = _events(trace)
        verdict, number, *reason = theirs.split(" ", 2)
        assert (refusal is None) == (verdict == "accept"), (seed, refusal, reason)
        if refusal is None:
            assert count == int(number), seed
            accepted += 1
    # Both happen, or this compares nothing.
    assert 40 < accepted < 560


def _go_verdicts(traces: list[bytes], maker: TraceMaker, folder: Path) -> list[str]:
    files = []
    for i, trace in enumerate(traces):
        file = folder / f"{i}.trace"
        file.write_bytes(trace)
        files.append(file)
    run = functools.partial(
        subprocess.run, capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    process = run([maker.verdict_program(NEWEST[0])], input="".join(f"{file}\n" for file in files))
    output: str = process.stdout
    return output.splitlines()
