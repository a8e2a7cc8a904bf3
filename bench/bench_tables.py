"""What tables, SQLite, Perfetto and a report cost beside the reader.

``python -m bench.bench_tables``

The traces are snapshots that a recorder takes of bundled workloads. Every contender runs in a
process of its own; rounds go through all of them in turn, and medians of CPU time are compared, as
the wall clock says little on a machine that does other things too. ``tables`` makes all rows and
drops them; what the others take beyond it is the writing. ``explain`` is the report's explanation:
while the tables are made it looks at all events, and then reads a part of the trace again. The
bar of issue 15 is 1.5 times ``trace.read``, and the writing: for SQLite and Perfetto that is the
tables, for the report the tables and the explanation.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import flightrec
from bench.bench_trace_reader import Run, run_process
from bench.table import text_table

_MIB: Final = 1 << 20
_BAR: Final = 1.5

_BEGIN: Final = "import gc, sys, os; gc.disable(); file, out = sys.argv[1:]; "

#: Each as the command line does it: without the cyclic garbage collector.
_CONTENDERS: Final = {
    "start": "import flightrec.tables, flightrec.sql, flightrec.export.perfetto\n"
    "import flightrec.report; n = 0",
    "read": "from flightrec import trace; n = sum(map(len, trace.read(file).chunks()))",
    "tables": "from flightrec.tables import read_tables\n"
    "n = sum(len(c.rows('snapshots')) for c in read_tables(file))",
    "explain": "from flightrec.report.write import *\n"
    "from flightrec.tables import TableReader\n"
    "from flightrec.trace.why import explain_surveyed\n"
    "from flightrec.trace.why.survey import Survey\n"
    "survey = Survey(waits=True)\n"
    "for c in TableReader(file, REPORT_TABLES, seen=survey.add): pass\n"
    "n = len(explain_surveyed(file, survey).parts)",
    "sqlite": "from flightrec.sql import to_sqlite; to_sqlite(file, out); n = os.stat(out).st_size",
    "perfetto": "from flightrec.export.perfetto import *\n"
    "from flightrec.tables import read_tables\n"
    "with open(out, 'wb') as f: write_perfetto(read_tables(file, PERFETTO_TABLES), f)\n"
    "n = os.stat(out).st_size",
    "report": "from flightrec.report import write_report\n"
    "with open(out, 'wb') as f: write_report(file, f)\n"
    "n = os.stat(out).st_size",
}

#: Those that write a file.
_WRITERS: Final = ("sqlite", "perfetto", "report")

#: What each takes without the writing, where that is not ``tables``.
_BASES: Final = {"report": "explain"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_tables", description=__doc__)
    parser.add_argument("traces", nargs="*", type=Path, help="traces to measure instead")
    parser.add_argument("--size", type=int, default=10, help="trace size in MiB (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (%(default)s)")
    parser.add_argument("--workloads", default="pingpong,http_server", help="a trace of each")
    parser.add_argument("--json", type=Path, help="write every value to this file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        traces = options.traces or [
            _snapshot(name, options.size, Path(folder)) for name in options.workloads.split(",")
        ]
        results = {trace.stem: _measure(trace, options.rounds, Path(folder)) for trace in traces}
    print(_table(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    barred = [result[name] for result in results.values() for name in ("tables", "explain")]
    return int(any(found["times_read"] > _BAR for found in barred))


def _snapshot(workload: str, size: int, folder: Path) -> Path:
    """A snapshot of about so many MiB."""
    runtime = flightrec.load()
    trace = folder / f"{workload}.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=2 * size * _MIB, min_age=600) as recorder:
        running = runtime.start(workload)
        while recorder.stats().window_bytes < size * _MIB:
            time.sleep(0.001)
        recorder.write_to(trace)
        running.cancel()
        running.wait()
    return trace


def _measure(trace: Path, rounds: int, folder: Path) -> dict[str, Any]:
    runs: dict[str, list[Run]] = {name: [] for name in _CONTENDERS}
    for number in range(rounds + 1):  # the first round warms up
        for name, kept in runs.items():
            out = folder / "out"
            code = _BEGIN + _CONTENDERS[name] + "\nprint(n)"
            command = [sys.executable, "-c", code, os.fspath(trace), os.fspath(out)]
            run = run_process(command, dict(os.environ))
            out.unlink(missing_ok=True)
            if number:
                kept.append(run)
            print(f"{trace.name}: {name} {run.cpu:.2f} s CPU", file=sys.stderr, flush=True)
    start = statistics.median(run.cpu for run in runs["start"])
    cpu = {name: statistics.median(run.cpu for run in kept) - start for name, kept in runs.items()}
    return {
        name: {
            "cpu_s": cpu[name],
            "times_read": cpu[name] / cpu["read"],
            "writing_s": max(0.0, cpu[name] - cpu[_BASES.get(name, "tables")]),
            "peak_bytes": max(run.peak for run in kept),
            "runs_cpu_s": [run.cpu for run in kept],
            "result": kept[0].events,
        }
        for name, kept in runs.items()
        if name != "start"
    }


def _table(results: dict[str, Any]) -> str:
    head = ("trace", "contender", "CPU s", "x read", "of it writing", "peak MiB", "output MiB")
    rows = [
        (
            name,
            contender,
            f"{found['cpu_s']:.2f}",
            f"{found['times_read']:.2f}",
            f"{found['writing_s']:.2f}" if contender in _WRITERS else "",
            f"{found['peak_bytes'] / _MIB:.0f}",
            f"{found['result'] / _MIB:.0f}" if contender in _WRITERS else "",
        )
        for name, result in results.items()
        for contender, found in result.items()
    ]
    return text_table(f"Tables beside the reader, Python {sys.version.split()[0]}", head, rows)


if __name__ == "__main__":
    sys.exit(main())
