"""One figure of one checkout, printed as JSON: what :mod:`bench.against` runs in both of them.

Run by path with a checkout as the current directory, it measures that checkout, which may be older
than this file: it imports what both have.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import flightrec
from bench.build import FOLDER, build_library
from bench.conditions import CONDITIONS, PythonLoad
from bench.contenders import Ours
from bench.gil import measure_gil
from bench.measure import Job, measure
from bench.scaling import measure_goroutines
from bench.snapshots import measure_snapshots, measure_under_load
from flightrec import GoRuntime
from flightrec.gobuild.bundled import LIBRARY_SUFFIX

#: Long enough for Go's own generation, which ends after a second.
_SECONDS = 1.5


def _throughput(runtime: GoRuntime, what: str, condition: str) -> float:
    """Work a second under our recorder, once everything has run before."""
    workload, _, mib = what.partition("+")
    heap = int(mib or 0) << 20
    threads = {each.name: each.threads for each in CONDITIONS}[condition]
    with PythonLoad(threads).running() as load:
        measure(runtime, Ours(runtime), Job(workload, 0.2, heap_bytes=heap), load)
        job = Job(workload, _SECONDS, heap_bytes=heap)
        return measure(runtime, Ours(runtime), job, load).throughput


def _goroutines(runtime: GoRuntime, count: str) -> float:
    """Work a second of pingpong beside so many parked goroutines."""
    samples = measure_goroutines(runtime, [int(count)], Job("pingpong", _SECONDS), 1)
    return samples[int(count)]["ours"][0].throughput


def _snapshot(runtime: GoRuntime, mib: str) -> float:
    """Milliseconds of a snapshot to a file, of an idle runtime or (``load``) beside pingpong."""
    if mib == "load":
        return measure_under_load(runtime, 10, 1.0, 3).ours.median
    return measure_snapshots(runtime, int(mib), 3).ours.median


def _gil(runtime: GoRuntime) -> float:
    """Milliseconds that the GIL is held for a MiB recorded."""
    return measure_gil(runtime, Job("pingpong", _SECONDS), 1)["ours"].callback_ms.median


_KINDS: dict[str, Callable[..., float]] = {
    "throughput": _throughput,
    "goroutines": _goroutines,
    "snapshot": _snapshot,
    "gil": _gil,
}


def main() -> None:
    """Build the library (``build``), or measure (``throughput pingpong idle``)."""
    kind, *arguments = sys.argv[1:]
    if kind == "build":
        build_library()
    else:
        runtime = flightrec.load(FOLDER / f"libbench{LIBRARY_SUFFIX}")
        print(json.dumps(_KINDS[kind](runtime, *arguments)))


if __name__ == "__main__":
    main()
