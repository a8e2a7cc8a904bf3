"""How long a snapshot takes to a file: ours, Go's own, and what the bytes alone would take."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.conditions import IDLE, PythonLoad
from bench.contenders import Contender, Ours, Reference, Window
from bench.measure import Job, measure
from bench.spread import Spread, ratios
from flightrec import GoRuntime, Snapshot

__all__ = ["SnapshotTimes", "UnderLoad", "measure_snapshots", "measure_under_load"]

MIB = 1 << 20

#: Snapshots taken of each filled window; the round's value is their median.
_REPEATS = 3

#: A window is full at this share of its size: before anything must leave it.
_FULL = 0.95


@dataclass(frozen=True, slots=True)
class SnapshotTimes:
    """Snapshots of windows of one size, of an idle Go runtime. Times in ms."""

    window_mib: int
    ours: Spread
    reference: Spread
    bare: Spread  #: writev of the same bytes to a new file, and one advance
    ours_mib: Spread  #: what was written
    reference_mib: Spread

    @property
    def to_reference(self) -> Spread:
        """Ours / Go's own."""
        return ratios(self.ours.values, self.reference.values)

    @property
    def to_bare(self) -> Spread:
        """Ours / the bytes alone."""
        return ratios(self.ours.values, self.bare.values)


def measure_snapshots(runtime: GoRuntime, window_mib: int, rounds: int) -> SnapshotTimes:
    """Fill windows of the same settings with the same amount of trace, and write them.

    Filled and then left alone, because under load Go's own window is several times as large as it
    should be, and would be compared with a smaller one.
    """
    window = Window(max_bytes=window_mib * MIB, min_age=3600.0)
    ours, reference = Ours(runtime), Reference(runtime)
    columns: tuple[list[float], ...] = ([], [], [], [], [])
    with tempfile.TemporaryDirectory(prefix="flightrec-bench-") as folder:
        path = Path(folder) / "snapshot.trace"
        for _ in range(rounds):
            runtime.run("collect")
            reference.start(window)
            _fill(runtime, reference.window_bytes, window)
            times = []
            for _ in range(_REPEATS):
                nanoseconds, nbytes = reference.write_to(path)
                times.append(nanoseconds / 1e6)
                path.unlink()
            reference.stop()
            columns[0].append(_middle(times))
            columns[1].append(nbytes / MIB)

            runtime.run("collect")
            ours.start(window)
            _fill(runtime, ours.window_bytes, window)
            times, bare = [], []
            for _ in range(_REPEATS):
                began = time.perf_counter_ns()
                nbytes = ours.recorder.write_to(path)
                times.append((time.perf_counter_ns() - began) / 1e6)
                path.unlink()
                advance = runtime.run("advance")["ns"]
                bare.append(
                    (advance + _write_bare(ours.recorder.snapshot(flush=False), path)) / 1e6
                )
                path.unlink()
            ours.stop()
            columns[2].append(_middle(times))
            columns[3].append(nbytes / MIB)
            columns[4].append(_middle(bare))
    reference_ms, reference_mib, ours_ms, ours_mib, bare_ms = map(Spread.of, columns)
    return SnapshotTimes(window_mib, ours_ms, reference_ms, bare_ms, ours_mib, reference_mib)


def _fill(runtime: GoRuntime, held: Callable[[], int], window: Window) -> None:
    """Trace pingpong in short pieces until the window is full."""
    deadline = time.monotonic() + 120
    while (missing := window.max_bytes * _FULL - held()) > 0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"a window of {window.max_bytes} bytes does not fill in two minutes")
        # At no less than 20 and no more than 150 MiB/s.
        runtime.run("pingpong", duration=min(max(missing / (150 * MIB), 0.005), 1.0))


def _write_bare(snapshot: Snapshot, path: Path) -> int:
    """Write a snapshot's bytes with nothing around it; return ns."""
    pieces = [piece for piece in snapshot._pieces() if len(piece)]
    began = time.perf_counter_ns()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        written = sum(
            os.writev(descriptor, pieces[i : i + 1024]) for i in range(0, len(pieces), 1024)
        )
    finally:
        os.close(descriptor)
    took = time.perf_counter_ns() - began
    if written != snapshot.nbytes:
        raise RuntimeError(f"writev wrote {written} of {snapshot.nbytes} bytes")
    return took


def _middle(values: list[float]) -> float:
    return Spread.of(values).median


@dataclass(frozen=True, slots=True)
class UnderLoad:
    """Snapshots while pingpong runs, both recorders at the same settings. Times in ms."""

    window_mib: int
    ours: Spread
    reference: Spread
    ours_mib: Spread
    reference_mib: Spread

    @property
    def to_reference(self) -> Spread:
        """Ours / Go's own."""
        return ratios(self.ours.values, self.reference.values)


def measure_under_load(
    runtime: GoRuntime, window_mib: int, seconds: float, rounds: int
) -> UnderLoad:
    """Take one snapshot in the middle of each run."""
    window = Window(max_bytes=window_mib * MIB, min_age=3600.0)
    ours, reference = Ours(runtime), Reference(runtime)
    taken: dict[str, list[tuple[float, float]]] = {ours.name: [], reference.name: []}

    def take_ours(path: Path) -> tuple[int, int]:
        began = time.perf_counter_ns()
        nbytes = ours.recorder.write_to(path)
        return time.perf_counter_ns() - began, nbytes

    both: tuple[tuple[Contender, Callable[[Path], tuple[int, int]]], ...] = (
        (reference, reference.write_to),
        (ours, take_ours),
    )
    with tempfile.TemporaryDirectory(prefix="flightrec-bench-") as folder:
        path = Path(folder) / "snapshot.trace"
        for _ in range(rounds):
            for contender, take in both:

                def during(
                    name: str = contender.name, take: Callable[[Path], tuple[int, int]] = take
                ) -> None:
                    time.sleep(seconds / 2)
                    nanoseconds, nbytes = take(path)
                    taken[name].append((nanoseconds / 1e6, nbytes / MIB))

                job = Job("pingpong", seconds)
                measure(runtime, contender, job, PythonLoad(IDLE.threads), window, during)
                path.unlink()
    return UnderLoad(
        window_mib,
        *(Spread.of(ms for ms, _ in taken[name]) for name in (ours.name, reference.name)),
        *(Spread.of(mib for _, mib in taken[name]) for name in (ours.name, reference.name)),
    )
