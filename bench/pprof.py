"""``python -m bench.pprof``: what the Go side's CPU time goes into under one contender.

Look at the file with ``go tool pprof -top build/bench/libbench.so FILE``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import flightrec
from bench.build import build_library
from bench.conditions import PythonLoad
from bench.contenders import all_contenders
from bench.measure import Job, measure


def main() -> int:
    """Profile one run; return 0."""
    parser = argparse.ArgumentParser(prog="python -m bench.pprof", description=__doc__)
    parser.add_argument("contender", choices=("off", "discard", "go", "ours", "python"))
    parser.add_argument("workload", choices=("pingpong", "http_server", "gc_churn"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--spinning", type=int, default=0, help="Python threads that compute")
    arguments = parser.parse_args()
    library, _ = build_library()
    runtime = flightrec.load(library)
    chosen = {contender.name: contender for contender in all_contenders(runtime)}
    job = Job(arguments.workload, arguments.seconds)
    with PythonLoad(arguments.spinning).running() as load:
        runtime.run("profile_start", path=str(arguments.output))
        try:
            sample = measure(runtime, chosen[arguments.contender], job, load)
        finally:
            runtime.run("profile_stop")
    print(sample)
    return 0


if __name__ == "__main__":
    sys.exit(main())
