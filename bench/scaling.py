"""How the cost grows with the number of goroutines and with the size of the window."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from bench.conditions import IDLE
from bench.contenders import DEFAULT_WINDOW, Contender, Off, Ours, Reference, Window
from bench.measure import Job, Sample, rounds
from flightrec import GoRuntime

__all__ = ["measure_goroutines", "measure_windows"]


def measure_goroutines(
    runtime: GoRuntime, numbers: Sequence[int], job: Job, count: int
) -> dict[int, dict[str, list[Sample]]]:
    """Run a job beside parked goroutines, which announce themselves in every generation."""
    contenders: tuple[Contender, ...] = (Off(), Reference(runtime), Ours(runtime))
    results = {}
    for number in numbers:
        with _parked(runtime, number):
            results[number] = rounds(runtime, contenders, job, IDLE, count)
    return results


@contextlib.contextmanager
def _parked(runtime: GoRuntime, number: int) -> Iterator[None]:
    before = runtime.run("goroutines")
    handle = runtime.start("idle", goroutines=number)
    try:
        deadline = time.monotonic() + 30
        while runtime.run("goroutines") - before < number:
            if handle.done or time.monotonic() > deadline:
                raise RuntimeError(f"{number} goroutines do not start")
            time.sleep(0.01)
        yield
    finally:
        handle.cancel()
        handle.result()


def measure_windows(
    runtime: GoRuntime, sizes_mib: Sequence[int], job: Job, count: int
) -> dict[int, dict[str, list[Sample]]]:
    """Run a job under windows of several sizes."""
    contenders: tuple[Contender, ...] = (Reference(runtime), Ours(runtime))
    return {
        size: rounds(
            runtime,
            contenders,
            job,
            IDLE,
            count,
            Window(max_bytes=size << 20, min_age=DEFAULT_WINDOW.min_age),
        )
        for size in sizes_mib
    }
