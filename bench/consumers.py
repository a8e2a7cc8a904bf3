"""What further consumers cost: a stream to a file beside a recorder, and three recorders."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.conditions import IDLE
from bench.contenders import DEFAULT_WINDOW, Contender, Facts, Ours, Window
from bench.measure import Job, Sample, rounds
from flightrec import FlightRecorder, GoRuntime, Tracer

__all__ = ["THREE", "WITH_STREAM", "measure_consumers"]

WITH_STREAM = "with a stream"
THREE = "three recorders"


class _WithStream(Ours):
    """A recorder, and beside it a stream to a file."""

    def __init__(self, runtime: GoRuntime) -> None:
        super().__init__(runtime)
        self.name, self.title = WITH_STREAM, WITH_STREAM
        self._tracer = Tracer(runtime)
        self._open = contextlib.ExitStack()

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Start both."""
        super().start(window)
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="flightrec-bench-"))
        self._stream = self._open.enter_context(self._tracer.start(Path(folder, "full.trace")))

    def stop(self) -> Facts:
        """Stop both. What the stream missed counts as dropped."""
        facts = super().stop()
        self._open.close()
        if missed := self._stream.stats().missed_generations:
            raise RuntimeError(f"the stream missed {missed} generations: the disk is too slow")
        return facts


class _Three(Ours):
    """Three recorders with the same window."""

    def __init__(self, runtime: GoRuntime) -> None:
        super().__init__(runtime)
        self.name, self.title = THREE, THREE
        self._runtime_of_others = runtime
        self._open = contextlib.ExitStack()

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Start them."""
        super().start(window)
        for _ in range(2):
            self._open.enter_context(
                FlightRecorder(
                    self._runtime_of_others, min_age=window.min_age, max_bytes=window.max_bytes
                )
            )

    def stop(self) -> Facts:
        """Stop them."""
        self._open.close()
        return super().stop()


def measure_consumers(
    runtime: GoRuntime, workloads: Sequence[str], seconds: float, count: int
) -> dict[str, dict[str, list[Sample]]]:
    """Run workloads under one recorder, one beside a stream, and three."""
    contenders: tuple[Contender, ...] = (Ours(runtime), _WithStream(runtime), _Three(runtime))
    return {
        workload: rounds(runtime, contenders, Job(workload, seconds), IDLE, count)
        for workload in workloads
    }
