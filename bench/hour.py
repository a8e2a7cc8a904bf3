"""An hour's worth of batches, replayed as fast as it goes: does memory grow, does the cost?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from bench.renumber import Template
from bench.system import rss_bytes
from flightrec import FlightRecorder, GoRuntime
from flightrec.generation import PythonGeneration
from flightrec.recording import Recording, RecordingOptions
from flightrec.ring import Retention, retain

__all__ = ["Hour", "measure_hour"]

_MAX_BYTES = 10 << 20
_SAMPLES = 40

#: What is replayed: as many generations as fill the window, as large as a full one makes them.
_GENERATIONS = 5
_GENERATION_BYTES = _MAX_BYTES // 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What it came to, and what was seen on the way."""

    trace_seconds: float  #: how much tracing the replayed bytes are worth
    seconds: float  #: how long that took
    nbytes: int
    batches: int
    generations: int
    dropped_generations: int
    beyond_window_bytes: tuple[int, ...]  #: RSS that is neither window nor was there before
    us_per_batch: tuple[float, ...]  #: between the samples

    @property
    def peak_beyond_bytes(self) -> int:
        """The most RSS beyond the window, 0 if it cannot be known."""
        return max(self.beyond_window_bytes, default=0)

    @property
    def growth_bytes(self) -> int:
        """How much more RSS beyond the window the last quarter had than the second."""
        second, last = _quarters(self.beyond_window_bytes)
        return int(last - second)

    @property
    def cost_growth(self) -> float:
        """Time per batch in the last quarter / in the second."""
        second, last = _quarters(self.us_per_batch)
        return last / second if second else 1.0


def _quarters(values: Sequence[float]) -> tuple[float, float]:
    """Return the medians of the second and of the last quarter; in the first, pools fill."""
    quarter = len(values) // 4
    if not quarter:
        return 0.0, 0.0
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])


def measure_hour(runtime: GoRuntime, trace_seconds: float) -> Hour:
    """Record pingpong, the tracer's worst case, and replay that for as long as asked."""
    header, template, speed = _source(runtime)
    runtime.run("collect")
    before = rss_bytes()
    # Only its size limits the window.
    retention = Retention(policy=retain, max_bytes=_MAX_BYTES, min_age_ns=10**18)
    recording = Recording(runtime, RecordingOptions(retention=retention, replay=True))
    recording.open()
    try:
        wanted = speed * trace_seconds
        recording.session.feed(header)
        fed = number = batches = 0
        beyond: list[int] = []
        cost: list[float] = []
        began = since = time.perf_counter()
        while fed < wanted:
            number += 1
            for chunk in template.chunks(number):
                recording.session.feed(chunk)
                fed += len(chunk)
                batches += 1
            if fed >= wanted * (len(cost) + 1) / _SAMPLES:
                now = time.perf_counter()
                cost.append((now - since) * 1e6 / batches)
                counters = recording.statistics()
                rss = rss_bytes()
                if before is not None and rss is not None:
                    beyond.append(rss - before - int(counters.window_bytes))
                batches = 0
                since = time.perf_counter()
        seconds = time.perf_counter() - began
        counters = recording.statistics()
    finally:
        recording.stop()
        recording.close()
    return Hour(
        trace_seconds=trace_seconds,
        seconds=seconds,
        nbytes=int(counters.total_bytes),
        batches=int(counters.total_batches),
        generations=int(counters.total_generations),
        dropped_generations=int(counters.dropped_generations),
        beyond_window_bytes=tuple(beyond),
        us_per_batch=tuple(cost),
    )


def _source(runtime: GoRuntime) -> tuple[bytes, Template, float]:
    """Return a trace's header, its generations, and how many bytes a second there were."""
    recorder = FlightRecorder(
        runtime, max_bytes=2 * _GENERATIONS * _GENERATION_BYTES, min_age=3600.0, storage="python"
    )
    with recorder:
        seconds = 0.0
        for number in range(1, _GENERATIONS + 1):
            while recorder.stats().total_bytes < number * _GENERATION_BYTES:
                seconds += runtime.run("timed", workload="pingpong", arguments={"duration": 0.01})[
                    "seconds"
                ]
            snapshot = recorder.snapshot()  # ends the generation
        speed = recorder.stats().total_bytes / seconds
    generations = [cast("PythonGeneration", g).chunks for g in snapshot.generations]
    return snapshot.header, Template(generations), speed
