"""How fast the trace reader is, beside ``go tool trace``: ``python -m bench.bench_trace_reader``.

Real traces of 1, 10 and 100 MiB are made with the Go toolchain on PATH. Every contender runs in a
process of its own, so that start-up counts for both sides and the peak memory can be told; rounds
go through all contenders in turn, and medians are compared. CPU time is shown as well: on a
machine that does other things too it says more than the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.table import text_table
from tests.trace.toolchains import Toolchain, toolchains
from tests.trace.tracemaker import Scenario, TraceMaker

_MIB: Final = 1 << 20
_ROOT: Final = Path(__file__).resolve().parents[1]

# What issue 5 asks for.
_WIRE_BAR: Final = 0.5e6
_READ_BAR: Final = 3.0

_PYTHON: Final = {
    "wire_events": "n = sum(1 for _ in trace.wire_events(sys.argv[1]))",
    "read": "n = sum(1 for _ in trace.read(sys.argv[1]))",
    "info": "from flightrec.cli import main; main(['info', sys.argv[1]]); n = 0",
}
_GO: Final = {"go -d=wire": "wire", "go -d=parsed": "parsed"}
_RIVALS: Final = {"wire_events": "go -d=wire", "read": "go -d=parsed", "info": "go -d=parsed"}


class Run(NamedTuple):
    """One process: wall and CPU seconds, peak memory in bytes, and events if it told them."""

    wall: float
    cpu: float
    peak: int
    events: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table; 2 where there is no Go toolchain to measure against."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_trace_reader", description=__doc__)
    parser.add_argument("--sizes", default="1,10,100", help="trace sizes in MiB (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (%(default)s)")
    parser.add_argument("--workloads", default="gc,http,mutex,pingpong,syscalls,annotations")
    parser.add_argument("--json", type=Path, help="write every value to this file")
    options = parser.parse_args(arguments)
    usable = [toolchain for toolchain in toolchains() if toolchain.minor >= 24]
    if not usable:
        print("bench: needs a Go toolchain of 1.24 or later", file=sys.stderr)
        return 2
    toolchain = usable[-1]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        maker = TraceMaker(Path(folder))
        for size in (int(word) for word in options.sizes.split(",")):
            trace = Path(folder) / f"{size}.trace"
            maker.record(
                toolchain, Scenario(options.workloads, 120_000, int(size * 0.97 * _MIB)), trace
            )
            results.append(_measure(trace, toolchain, options.rounds))
            trace.unlink()
    title = f"Trace reader, Python {sys.version.split()[0]} beside {toolchain}"
    print(_table(title, results))
    if options.json is not None:
        found = {
            "python": sys.version.split()[0],
            "go": toolchain.version,
            "workloads": options.workloads,
            "bars": {"wire_events_per_second": _WIRE_BAR, "read_times_go": _READ_BAR},
            "traces": results,
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def _measure(trace: Path, toolchain: Toolchain, rounds: int) -> dict[str, Any]:
    """Medians of all contenders on a trace; the first round warms up and is thrown away."""
    runs: dict[str, list[Run]] = {name: [] for name in (*_PYTHON, *_GO)}
    for number in range(rounds + 1):
        for name, kept in runs.items():
            run = _run_go(trace, toolchain, _GO[name]) if name in _GO else _run_python(trace, name)
            if number:
                kept.append(run)
            print(f"{trace.name}: {name} {run.wall:.2f} s", file=sys.stderr, flush=True)
    contenders: dict[str, dict[str, Any]] = {
        name: {
            "wall_s": statistics.median(run.wall for run in kept),
            "cpu_s": statistics.median(run.cpu for run in kept),
            "peak_bytes": max(run.peak for run in kept),
            "events": kept[0].events,
            "runs_wall_s": [run.wall for run in kept],
            "runs_cpu_s": [run.cpu for run in kept],
        }
        for name, kept in runs.items()
    }
    contenders["info"]["events"] = contenders["read"]["events"]  # it prints others' numbers
    for ours, theirs in _RIVALS.items():
        mine, rival = contenders[ours], contenders[theirs]
        mine["events_per_s"] = mine["events"] / mine["wall_s"]
        mine["times_go_wall"] = mine["wall_s"] / rival["wall_s"]
        mine["times_go_cpu"] = mine["cpu_s"] / rival["cpu_s"]
        rival["events"] = mine["events"]
        rival["events_per_s"] = rival["events"] / rival["wall_s"]
    return {"bytes": trace.stat().st_size, "contenders": contenders}


def _run_python(trace: Path, name: str) -> Run:
    code = f"import sys; from flightrec import trace; {_PYTHON[name]}; print(n)"
    return run_process([sys.executable, "-c", code, os.fspath(trace)], dict(os.environ))


def _run_go(trace: Path, toolchain: Toolchain, mode: str) -> Run:
    # Its output goes to a file, as ours would; a pipe would measure whoever reads it.
    command = [toolchain.go, "tool", "trace", f"-d={mode}", os.fspath(trace)]
    return run_process(command, toolchain.environment)


def run_process(command: list[str], environment: dict[str, str]) -> Run:
    """Run a process and measure it; what it prints first, if that is a number, is its events."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=output, env=environment, cwd=_ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{command[0]} failed with {process.returncode}")
        output.seek(0)
        text = output.read(32).strip()
        events = int(text) if text.isdigit() else 0
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall, cpu, usage.ru_maxrss * 1024, events)


def _table(title: str, results: list[dict[str, Any]]) -> str:
    head = (
        "trace",
        "contender",
        "events",
        "wall s",
        "CPU s",
        "events/s",
        "x Go",
        "x Go CPU",
        "MiB",
    )
    rows = [
        (
            f"{result['bytes'] / _MIB:.1f} MiB",
            name,
            str(found["events"]),
            f"{found['wall_s']:.2f}",
            f"{found['cpu_s']:.2f}",
            f"{found['events_per_s']:,.0f}",
            f"{found['times_go_wall']:.2f}" if "times_go_wall" in found else "",
            f"{found['times_go_cpu']:.2f}" if "times_go_cpu" in found else "",
            f"{found['peak_bytes'] / _MIB:.0f}",
        )
        for result in results
        for name, found in result["contenders"].items()
    ]
    return text_table(title, head, rows)


if __name__ == "__main__":
    sys.exit(main())
