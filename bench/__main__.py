"""``python -m bench``: measure flightrec beside Go's own recorder, and say which bars hold.

The exit code says whether it could be measured, not what came out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import flightrec
from bench.build import FOLDER, build_library
from bench.conditions import CONDITIONS, IDLE
from bench.consumers import measure_consumers
from bench.contenders import Control, Reference, all_contenders
from bench.gil import measure_gil
from bench.hour import measure_hour
from bench.lifecycle import measure_lifecycle
from bench.measure import Job, rounds
from bench.plan import CONTROLLED, FULL, HEAP_BYTES, QUICK, WITH_HEAP, Plan
from bench.report import bars_table, tables
from bench.results import Machine, Results
from bench.scaling import measure_goroutines, measure_windows
from bench.snapshots import measure_snapshots, measure_under_load
from bench.verify import verify
from flightrec import FlightRecorderError, GoRuntime
from flightrec.toolchain import Toolchain

RESULTS = Path(__file__).resolve().parent / "results.json"
QUICK_RESULTS = FOLDER / "quick.json"  # rough numbers do not replace the others


def main() -> int:
    """Return 0 if everything was measured, 2 if it cannot be here."""
    arguments = _parser().parse_args()
    plan = QUICK if arguments.quick else FULL
    try:
        library, toolchain = build_library()
        runtime = flightrec.load(library)
    except FlightRecorderError as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 2
    results = Results(machine=Machine.here(runtime.go_version), plan=plan.name)
    print(_heading(results.machine, plan))
    began = time.monotonic()
    for name, section in _sections(runtime, toolchain, plan, results).items():
        if not arguments.only or name in arguments.only:
            print(f"{time.monotonic() - began:6.0f} s  {name}", file=sys.stderr, flush=True)
            section()
    results.seconds = time.monotonic() - began
    for table in tables(results):
        print(table)
    print(bars_table(results))
    if (others := results.others_cpus()) is not None:
        rough = ": the numbers are rough" if others.median > _QUIET_CPUS else ""
        of = results.machine.cpus
        print(f"\nMeanwhile other processes used {others.text()} of {of} CPUs{rough}.")
    output = arguments.output or (QUICK_RESULTS if arguments.quick else RESULTS)
    results.save(output)
    print(f"Measured in {results.seconds:.0f} s; every value is in {output}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run: rough numbers")
    parser.add_argument(
        "--only",
        action="append",
        metavar="SECTION",
        help=f"one of {', '.join(_NAMES)}; repeatable",
        choices=_NAMES,
    )
    parser.add_argument("-o", "--output", type=Path, help="the JSON file (bench/results.json)")
    return parser


#: What a machine's other processes may use before its numbers are called rough.
_QUIET_CPUS = 0.1

_NAMES = (
    "verify",
    "throughput",
    "window",
    "gil",
    "snapshots",
    "lifecycle",
    "windows",
    "consumers",
    "hour",
    "goroutines",  # last: the runtime never frees what it knows of dead ones
)


def _sections(
    runtime: GoRuntime, toolchain: Toolchain, plan: Plan, results: Results
) -> dict[str, Callable[[], None]]:
    pingpong = Job("pingpong", plan.seconds)

    def throughput() -> None:
        conditions = {condition.name: condition for condition in CONDITIONS}
        for (name, condition), count in plan.rounds.items():
            workload, plus, _ = name.partition(WITH_HEAP)
            job = Job(workload, plan.seconds, heap_bytes=HEAP_BYTES if plus else 0)
            control = (Control(runtime),) if name in CONTROLLED else ()
            contenders = (*all_contenders(runtime), *control)
            results.throughput[name, condition] = rounds(
                runtime, contenders, job, conditions[condition], count
            )

    def window() -> None:
        # Long enough for more than one of Go's own generations.
        job = Job("pingpong", 3.0)
        watched = Reference(runtime, watch=True)
        samples = rounds(runtime, [watched], job, IDLE, plan.watch_rounds)
        results.watched = samples[watched.name]

    def gil() -> None:
        results.gil = measure_gil(runtime, pingpong, plan.gil_rounds)

    def snapshots() -> None:
        for size, count in plan.snapshot_rounds.items():
            results.snapshots[size] = measure_snapshots(runtime, size, count)
        results.under_load = measure_under_load(runtime, 10, 2.0, plan.under_load_rounds)

    def lifecycle() -> None:
        results.lifecycle = measure_lifecycle(runtime, plan.lifecycle_rounds)

    def goroutines() -> None:
        results.goroutines = measure_goroutines(
            runtime, plan.goroutines, pingpong, plan.goroutine_rounds
        )

    def windows() -> None:
        results.windows = measure_windows(runtime, plan.windows_mib, pingpong, plan.window_rounds)

    def consumers() -> None:
        results.consumers = measure_consumers(
            runtime, ("pingpong", "http_server"), plan.seconds, plan.consumer_rounds
        )

    def hour() -> None:
        results.hour = measure_hour(runtime, plan.hour_seconds)

    sections = (
        lambda: verify(runtime, toolchain),
        throughput,
        window,
        gil,
        snapshots,
        lifecycle,
        windows,
        consumers,
        hour,
        goroutines,
    )
    return dict(zip(_NAMES, sections, strict=True))


def _heading(machine: Machine, plan: Plan) -> str:
    load = "" if machine.load_average is None else f", load average {machine.load_average:.1f}"
    return (
        f"flightrec {machine.flightrec}, {machine.go}, Python {machine.python}, {machine.system}, "
        f"{machine.cpus} x {machine.cpu}{load}; {plan.name} run"
    )


if __name__ == "__main__":
    sys.exit(main())
