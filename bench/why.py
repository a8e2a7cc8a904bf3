"""What ``flightrec why`` costs beside ``flightrec info``: ``python -m bench.why``.

Real traces are made with the Go toolchain on PATH. Both commands run in processes of their own, in
turns, and medians of CPU time are compared, as the wall clock says little on a machine that does
other things too. The bar of issue 12 is 1.5 times the time of ``info``, and twice its memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.bench_trace_reader import Run, run_process
from bench.table import text_table
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import Scenario, TraceMaker

_MIB: Final = 1 << 20
_TIME_BAR: Final = 1.5
_MEMORY_BAR: Final = 2.0
_COMMANDS: Final = ("info", "why")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table; 1 if a bar is missed, 2 where there is no Go toolchain."""
    parser = argparse.ArgumentParser(prog="python -m bench.why", description=__doc__)
    parser.add_argument("traces", nargs="*", type=Path, help="traces to measure instead")
    parser.add_argument("--size", type=int, default=10, help="trace size in MiB (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (%(default)s)")
    parser.add_argument("--workloads", default="pingpong,http", help="a trace of each")
    options = parser.parse_args(arguments)
    if not options.traces and not toolchains():
        print("bench: needs a Go toolchain", file=sys.stderr)
        return 2
    missed, rows = False, []
    with tempfile.TemporaryDirectory() as folder:
        for trace in options.traces or _made(Path(folder), options.workloads, options.size):
            runs: dict[str, list[Run]] = {command: [] for command in _COMMANDS}
            for _ in range(options.rounds):
                for command, kept in runs.items():
                    kept.append(_run(command, trace))
            info, why = (statistics.median(run.cpu for run in runs[name]) for name in _COMMANDS)
            peaks = [max(run.peak for run in runs[name]) / _MIB for name in _COMMANDS]
            missed |= why > _TIME_BAR * info or peaks[1] > _MEMORY_BAR * peaks[0]
            size = trace.stat().st_size / _MIB
            rows.append(
                (
                    trace.stem,
                    f"{size:.1f}",
                    f"{info:.2f}",
                    f"{why:.2f}",
                    f"{why / info:.2f}",
                    *(f"{peak:.0f}" for peak in peaks),
                    f"{peaks[1] / peaks[0]:.2f}",
                )
            )
    head = ("trace", "MiB", "info CPU s", "why", "x", "info peak MiB", "why", "x")
    print(text_table(f"why beside info, Python {sys.version.split()[0]}", head, rows))
    return int(missed)


def _made(folder: Path, workloads: str, size: int) -> list[Path]:
    """Traces of workloads, so large."""
    maker, made = TraceMaker(folder), []
    for name in workloads.split(","):
        trace = folder / f"{name}.trace"
        scenario = Scenario(name, 120_000, int(size * 0.97 * _MIB))
        maker.record(toolchains()[-1], scenario, trace)
        made.append(trace)
    return made


def _run(command: str, trace: Path) -> Run:
    # The output is replaced by a number, which is what run_process reads.
    code = (
        "import contextlib, io, sys; from flightrec.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out: main(sys.argv[1:])\n"
        "print(len(out.getvalue()))"
    )
    return run_process([sys.executable, "-c", code, command, os.fspath(trace)], dict(os.environ))


if __name__ == "__main__":
    sys.exit(main())
