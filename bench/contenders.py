"""What is compared: five ways to (not) trace the same Go runtime, started and stopped alike."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flightrec import FlightRecorder, GoRuntime, WorkloadHandle
from flightrec.recording import StorageName

__all__ = [
    "CONTROL",
    "CONTROL_BYTES",
    "DEFAULT_WINDOW",
    "Contender",
    "Control",
    "Discard",
    "Facts",
    "Off",
    "Ours",
    "Reference",
    "Window",
    "all_contenders",
]


@dataclass(frozen=True, slots=True)
class Window:
    """The settings that every recorder gets."""

    max_bytes: int
    min_age: float  # seconds


#: The defaults of both recorders.
DEFAULT_WINDOW = Window(max_bytes=10 << 20, min_age=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a contender knows of itself when it is stopped; None where it does not tell."""

    trace_bytes: int | None = None
    batches: int | None = None
    generations: int | None = None
    dropped_generations: int | None = None
    early_advances: int | None = None
    deliveries: int | None = None
    peak_window_bytes: int | None = None
    delivery_cpu_seconds: float | None = None


class Contender(Protocol):
    """One way to trace. Started and stopped any number of times."""

    @property
    def name(self) -> str:
        """Its key in the results."""

    @property
    def title(self) -> str:
        """Its name in tables."""

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Begin."""

    def stop(self) -> Facts:
        """End."""


class Off:
    """No tracing."""

    name = "off"
    title = "tracing off"

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Do nothing."""

    def stop(self) -> Facts:
        """Do nothing."""
        return Facts()


class Discard:
    """The tracer is on, and every batch is thrown away: the floor for whoever wants them."""

    name = "discard"
    title = "discard"

    def __init__(self, runtime: GoRuntime) -> None:
        self._runtime = runtime
        self.took_ns = (0, 0)  #: start and stop, the last time

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Start the tracer."""
        self.took_ns = (self._runtime.run("discard_start")["ns"], 0)

    def stop(self) -> Facts:
        """Stop the tracer."""
        result = self._runtime.run("discard_stop")
        self.took_ns = (self.took_ns[0], result["ns"])
        if not result["bytes"]:
            raise RuntimeError("the tracer was on and wrote nothing")
        return Facts(trace_bytes=result["bytes"])


class Reference:
    """Go's own ``runtime/trace.FlightRecorder``, built in under a build tag."""

    name = "go"
    title = "Go's own"

    def __init__(self, runtime: GoRuntime, *, watch: bool = False) -> None:
        self._runtime = runtime
        self._watch = watch
        self.took_ns = (0, 0)  #: start and stop, the last time; measured in Go

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Start it."""
        result = self._runtime.run(
            "reference_start",
            min_age_ns=int(window.min_age * 1e9),
            max_bytes=window.max_bytes,
            watch=self._watch,
        )
        self.took_ns = (result["ns"], 0)

    def window_bytes(self) -> int:
        """Return what it holds now: complete generations and the active one."""
        return int(self._runtime.run("reference_window")["bytes"])

    def write_to(self, path: Path) -> tuple[int, int]:
        """Write a snapshot to a file; return nanoseconds, measured in Go, and bytes."""
        result = self._runtime.run("reference_write_to", path=str(path))
        return result["ns"], result["bytes"]

    def stop(self) -> Facts:
        """Stop it."""
        held = self.window_bytes()
        result = self._runtime.run("reference_stop")
        self.took_ns = (self.took_ns[0], result["ns"])
        peak = max(result["peak_window_bytes"], held)
        return Facts(peak_window_bytes=peak if self._watch else None)


class Ours:
    """``flightrec.FlightRecorder``, with either storage."""

    def __init__(self, runtime: GoRuntime, *, storage: StorageName = "native") -> None:
        self._runtime = runtime
        self._storage: StorageName = storage
        self._recorder: FlightRecorder | None = None
        self.name: str = "ours" if storage == "native" else storage
        self.title: str = "ours" if storage == "native" else "ours, kept in Python"

    @property
    def recorder(self) -> FlightRecorder:
        """The recorder that runs."""
        assert self._recorder is not None
        return self._recorder

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Start a new recorder."""
        self._recorder = FlightRecorder(
            self._runtime,
            min_age=window.min_age,
            max_bytes=window.max_bytes,
            storage=self._storage,
        )
        self._recorder.start()

    def window_bytes(self) -> int:
        """Return what it holds now: ring, active generation and queue."""
        return self.recorder.stats().window_bytes

    def stop(self) -> Facts:
        """Stop it."""
        stats, cpu_seconds = self.recorder.stats(), _delivery_cpu_seconds()
        self.recorder.stop()
        self._recorder = None
        return Facts(
            trace_bytes=stats.total_bytes,
            batches=stats.total_batches,
            generations=stats.total_generations,
            dropped_generations=stats.dropped_generations,
            early_advances=stats.early_advances,
            deliveries=stats.deliveries,
            peak_window_bytes=stats.peak_window_bytes,
            delivery_cpu_seconds=cpu_seconds,
        )


#: What Go's own recorder keeps on the Go heap, on average of a run: half of its window.
CONTROL_BYTES = 5 << 20
CONTROL = "control"


class Control:
    """Ours, and as much alive on the Go heap as Go's own recorder has there.

    Go's collector runs when the heap has doubled. Go's own recorder keeps its window on that heap,
    and so makes collections rarer, by far where the program has little there itself. This says what
    of the difference is due to that.
    """

    name = CONTROL
    title = f"ours, and {CONTROL_BYTES >> 20} MiB alive on the Go heap"

    def __init__(self, runtime: GoRuntime) -> None:
        self._runtime = runtime
        self._ours = Ours(runtime)
        self._alive: WorkloadHandle | None = None

    def start(self, window: Window = DEFAULT_WINDOW) -> None:
        """Fill the heap and start a new recorder."""
        self._alive = self._runtime.start("hold", bytes=CONTROL_BYTES)
        self._ours.start(window)

    def stop(self) -> Facts:
        """Stop it and empty the heap."""
        facts = self._ours.stop()
        assert self._alive is not None
        self._alive.cancel()
        self._alive.result()
        return facts


def _delivery_cpu_seconds() -> float | None:
    """Return how much the delivery thread has computed, without asking it."""
    if sys.platform != "linux":
        return None
    for thread in threading.enumerate():
        if thread.name == "flightrec-delivery" and thread.ident is not None:
            return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return None


def all_contenders(runtime: GoRuntime) -> tuple[Contender, ...]:
    """Return the five, in the order in which each round has them."""
    return (
        Off(),
        Discard(runtime),
        Reference(runtime),
        Ours(runtime),
        Ours(runtime, storage="python"),
    )
