"""``python -m bench.fairness``: how long snapshots and advances take while goroutines hog the Ps.

Goroutines that keep waking each other run on in one time slice, and whoever else is in their P's
queue waits until sysmon ends it. ``docs/upstream.md`` says why the trace reader used to keep sysmon
from doing so. ``--stock`` measures a library without the overlay that mends this.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import flightrec
from bench.conditions import PythonLoad
from flightrec import GoRuntime
from flightrec.gobuild.bundled import LIBRARY_NAME, build_bridge
from flightrec.gobuild.overlays import DEFAULT_OVERLAYS
from flightrec.gobuild.overlays.reader_slice import READER_SLICE
from flightrec.toolchain import find_toolchain

__all__ = ["CELLS", "Cell", "Latencies", "measure_cell"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What runs meanwhile."""

    name: str
    workloads: tuple[str, ...]  #: empty: all bundled ones
    spinning: int = 0  #: Python threads that compute


_BUNDLED = ("gc_churn", "http_server", "idle", "mutex", "pingpong", "syscalls")

CELLS = (
    Cell("pingpong", ("pingpong",)),
    Cell("pingpong beside a spinning Python thread", ("pingpong",), spinning=1),
    Cell("all workloads", _BUNDLED),
)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Sorted, in ms."""

    values: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """Return the value that a share of the values does not exceed."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def __str__(self) -> str:
        return (
            f"{self.quantile(0.5):7.1f} {self.quantile(0.99):7.1f} {self.values[-1]:7.1f}"
            f"  ({len(self.values)})"
        )


def measure_cell(runtime: GoRuntime, cell: Cell, seconds: float) -> dict[str, Latencies]:
    """Take a snapshot each 20 ms, and an advance if the library has a workload for that.

    :returns: ``snapshot``, and ``advance`` if there were any.
    """
    taken: dict[str, list[float]] = {"snapshot": [], "advance": []}
    advances = "advance" in runtime.workloads()
    load = PythonLoad(cell.spinning)
    with contextlib.ExitStack() as stack:
        recorder = stack.enter_context(flightrec.FlightRecorder(runtime, max_bytes=10 << 20))
        for name in cell.workloads:
            handle = runtime.start(name)
            stack.callback(_ended, handle)
        stack.enter_context(load.running())
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            recorder.snapshot()
            taken["snapshot"].append((time.perf_counter() - began) * 1e3)
            time.sleep(0.02)
            if advances:
                began = time.perf_counter()
                runtime.run("advance")
                taken["advance"].append((time.perf_counter() - began) * 1e3)
    return {what: Latencies(tuple(sorted(values))) for what, values in taken.items() if values}


def _ended(handle: flightrec.WorkloadHandle) -> None:
    handle.cancel()
    with contextlib.suppress(flightrec.WorkloadError):
        handle.result(60.0)


def main() -> int:
    """Build a library, and measure each cell in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    parser.add_argument("--stock", action="store_true", help="without the overlay reader-slice")
    parser.add_argument("--go", help="the go command or its GOROOT")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each cell")
    parser.add_argument("--cell", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell is not None:
        found = measure_cell(flightrec.load(), CELLS[arguments.cell], arguments.seconds)
        print(json.dumps({what: latencies.values for what, latencies in found.items()}))
        return 0
    toolchain = find_toolchain(arguments.go)
    overlays = [
        each for each in DEFAULT_OVERLAYS if each is not READER_SLICE or not arguments.stock
    ]
    with tempfile.TemporaryDirectory(prefix="flightrec-fairness-") as folder:
        library = Path(folder, LIBRARY_NAME)
        command, tags = "./cmd/libgobridge", "-tags="
        if toolchain.version >= (1, 25):
            command, tags = "./cmd/benchlib", "-tags=flightrec_reference"
        outcomes = build_bridge(library, toolchain, command, tags, overlays=overlays)
        names = ", ".join(each.name for each in outcomes if not each.missing)
        print(f"{toolchain.version_text}, {os.cpu_count()} CPUs, overlays: {names}")
        print(f"{'ms':>59}  median    99 % longest")
        for number, cell in enumerate(CELLS):
            command_line = [sys.executable, "-m", "bench.fairness", "--cell", str(number)]
            done = subprocess.run(
                [*command_line, "--seconds", str(arguments.seconds)],
                env={**os.environ, "FLIGHTREC_LIBRARY": str(library)},
                stdout=subprocess.PIPE,
                check=True,
            )
            for what, values in json.loads(done.stdout).items():
                print(f"{cell.name:48} {what:10} {Latencies(tuple(values))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
