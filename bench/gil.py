"""How long the GIL is held for the recorder, per MiB recorded.

Two measures, on runs of their own:

- the wall time inside the delivery callback. ctypes takes the GIL before it and gives it back
  after; with Python idle nobody else wants it meanwhile, so all of that time it is held.
- the CPU time of the whole delivery thread, from the system. It has ctypes' own work around the
  callback in it, and also what the thread does without the GIL: an upper bound for what computing
  needs it for.

The first is longer when the kernel takes the CPU from the thread in the middle, which it does when
Go uses all CPUs: that is real, and other Python threads would wait for it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flightrec.recorder
from bench.conditions import IDLE, PythonLoad
from bench.contenders import Ours
from bench.measure import Job, measure
from bench.spread import Spread
from flightrec import GoRuntime
from flightrec.recording import Recording

__all__ = ["GilHeld", "measure_gil"]


class _TimedRecording(Recording):
    """A recording that sums up the time in its callback."""

    wall_ns = 0
    calls = 0

    def _consume(self, _context: int | None, shown: Any, count: int, *rest: Any) -> int:
        began = time.perf_counter_ns()
        try:
            return super()._consume(_context, shown, count, *rest)
        finally:
            cls = _TimedRecording
            cls.wall_ns += time.perf_counter_ns() - began
            cls.calls += 1


@contextlib.contextmanager
def _timed_recordings() -> Iterator[None]:
    module = vars(flightrec.recorder)
    before = module["Recording"]
    module["Recording"] = _TimedRecording
    try:
        yield
    finally:
        module["Recording"] = before


@dataclass(frozen=True, slots=True)
class GilHeld:
    """What one MiB of trace costs Python, in ms."""

    callback_ms: Spread  #: wall time in the callback, per MiB
    thread_ms: Spread | None  #: CPU time of the delivery thread, per MiB; None if unknown
    callback_us: Spread  #: the first, of one callback, in us
    callbacks_per_second: Spread
    mib_per_second: Spread


def measure_gil(runtime: GoRuntime, job: Job, rounds: int) -> dict[str, GilHeld]:
    """Measure ours with either storage, Python idle. By contender's name."""
    results: dict[str, GilHeld] = {}
    with _timed_recordings():
        for contender in (Ours(runtime), Ours(runtime, storage="python")):
            walls, cpus, each, frequency, speed = [], [], [], [], []
            for _ in range(rounds):
                _TimedRecording.wall_ns = _TimedRecording.calls = 0
                sample = measure(runtime, contender, job, PythonLoad(IDLE.threads))
                held_ns = _TimedRecording.wall_ns
                walls.append(held_ns / 1e6 / sample.mib)
                each.append(held_ns / 1e3 / _TimedRecording.calls)
                frequency.append(_TimedRecording.calls / sample.seconds)
                speed.append(sample.mib / sample.seconds)
                if sample.facts.delivery_cpu_seconds is not None:
                    cpus.append(sample.facts.delivery_cpu_seconds * 1e3 / sample.mib)
            results[contender.name] = GilHeld(
                Spread.of(walls),
                Spread.of(cpus) if cpus else None,
                Spread.of(each),
                Spread.of(frequency),
                Spread.of(speed),
            )
    return results
