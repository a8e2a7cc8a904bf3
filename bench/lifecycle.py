"""How long starting and stopping takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.contenders import Discard, Ours, Reference
from bench.spread import Spread
from flightrec import GoRuntime

__all__ = ["Lifecycle", "measure_lifecycle"]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """One contender's times on an idle runtime, in ms."""

    start: Spread
    stop: Spread


def measure_lifecycle(runtime: GoRuntime, rounds: int) -> dict[str, Lifecycle]:
    """Start and stop the contenders in turn. By contender's name.

    Ours from Python, all of it; the others inside Go, without the way to Python and back.
    """
    discard, reference = Discard(runtime), Reference(runtime)
    times: dict[str, tuple[list[float], list[float]]] = {}

    def note(name: str, start_ns: int, stop_ns: int) -> None:
        starts, stops = times.setdefault(name, ([], []))
        starts.append(start_ns / 1e6)
        stops.append(stop_ns / 1e6)

    for _ in range(rounds):
        for native in (discard, reference):
            native.start()
            native.stop()
            note(native.name, *native.took_ns)
        for ours in (Ours(runtime), Ours(runtime, storage="python")):
            began = time.perf_counter_ns()
            ours.start()
            started = time.perf_counter_ns()
            recorder = ours.recorder
            stopping = time.perf_counter_ns()
            recorder.stop()
            note(ours.name, started - began, time.perf_counter_ns() - stopping)
    return {
        name: Lifecycle(Spread.of(starts), Spread.of(stops))
        for name, (starts, stops) in times.items()
    }
