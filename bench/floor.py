"""How full the window is, whenever one looks: ``python -m bench.floor`` beside a steady load."""

from __future__ import annotations

import time
from dataclasses import dataclass

import flightrec

__all__ = ["Fill", "measure_fill"]

_MAX_BYTES = 10 << 20
_SNAPSHOTS = 100


@dataclass(frozen=True, slots=True)
class Fill:
    """What snapshots held, as parts of ``max_bytes``, in rising order; and the largest window."""

    parts: tuple[float, ...]
    peak_to_ceiling: float

    @property
    def all_but_five(self) -> float:
        """What at least 95 of 100 snapshots held."""
        return self.parts[len(self.parts) // 20]


def measure_fill(runtime: flightrec.GoRuntime, *, pairs: int = 1) -> Fill:
    """Take snapshots of a full window beside ``pingpong``, the tracer's worst case."""
    recorder = flightrec.FlightRecorder(runtime, max_bytes=_MAX_BYTES, min_age=60.0)
    handle = runtime.start("pingpong", pairs=pairs, duration=600.0)
    try:
        with recorder:
            while recorder.stats().total_bytes < 3 * _MAX_BYTES:
                time.sleep(0.01)
            parts = []
            for _ in range(_SNAPSHOTS):
                parts.append(recorder.snapshot().nbytes / _MAX_BYTES)
                time.sleep(0.03)  # so that the window moves on between them
            stats = recorder.stats()
    finally:
        handle.cancel()
        handle.wait()
    return Fill(tuple(sorted(parts)), stats.peak_window_bytes / stats.ceiling_bytes)


def main() -> None:
    """Print a table."""
    runtime = flightrec.load()
    print("pairs   least   95 of 100   median   peak / ceiling")
    for pairs in (1, 1, 1, 4, 4, 4):
        fill = measure_fill(runtime, pairs=pairs)
        median = fill.parts[len(fill.parts) // 2]
        print(
            f"{pairs:5} {fill.parts[0]:7.2f} {fill.all_but_five:11.2f} {median:8.2f} "
            f"{fill.peak_to_ceiling:16.2f}"
        )


if __name__ == "__main__":
    main()
