"""``python -m bench.against OLD``: this checkout beside an older one, as ``git worktree`` makes it.

Both need ``make setup``. Each run is a process of its own, and the two alternate. A ratio over 1
says that this checkout is the better one, whatever the unit is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from bench.spread import Spread, ratios

#: Of what cell.py measures: the arguments, and the unit, of which more is better or less.
_MORE, _LESS = "work / s", "ms"

CELLS: dict[str, tuple[tuple[str, ...], str]] = {
    **{
        f"{workload} {condition}": (("throughput", workload, condition), _MORE)
        for workload in ("pingpong", "http_server", "gc_churn", "http_server+64", "gc_churn+64")
        for condition in ("idle", "spinning")
    },
    "pingpong spinning4": (("throughput", "pingpong", "spinning4"), _MORE),
    "goroutines 10000": (("goroutines", "10000"), _MORE),
    "goroutines 100000": (("goroutines", "100000"), _MORE),
    "snapshot 1 MiB": (("snapshot", "1"), _LESS),
    "snapshot 10 MiB": (("snapshot", "10"), _LESS),
    "snapshot beside pingpong": (("snapshot", "load"), _LESS),
    "GIL held for a MiB": (("gil",), _LESS),
}

_HERE = Path(__file__).resolve().parent.parent
_ROW = "{:24}  {:8}  {:>29}  {:>29}  {:>18}"


def _run(checkout: Path, *arguments: str) -> str:
    """Run cell.py, this checkout's, on a checkout; return what it prints."""
    code = (
        f"import runpy; runpy.run_path({str(_HERE / 'bench' / 'cell.py')!r}, run_name='__main__')"
    )
    command = [str(checkout / ".venv" / "bin" / "python"), "-c", code, *arguments]
    # With -c the current directory comes first in sys.path.
    done = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout


def compare(old: Path, cell: str, pairs: int) -> tuple[Spread, Spread, Spread]:
    """Return the old checkout's values, this one's, and by how much this one's are better."""
    arguments, unit = CELLS[cell]
    values: dict[Path, list[float]] = {old: [], _HERE: []}
    for i in range(pairs):
        for checkout in (old, _HERE) if i % 2 else (_HERE, old):
            values[checkout].append(float(json.loads(_run(checkout, *arguments))))
    before, now = values[old], values[_HERE]
    better = ratios(now, before) if unit == _MORE else ratios(before, now)
    return Spread.of(before), Spread.of(now), better


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("old", type=Path, help="the other checkout")
    parser.add_argument("--cell", action="append", choices=CELLS, help="repeatable; all of them")
    parser.add_argument("--pairs", type=int, default=12, help="runs of each cell in each checkout")
    arguments = parser.parse_args()
    old = arguments.old.resolve()
    for checkout in (old, _HERE):
        _run(checkout, "build")
    print(f"Medians of {arguments.pairs} pairs [smallest … largest]\n")
    print(_ROW.format("", "unit", "old", "new", "new is better by"), flush=True)
    for cell in arguments.cell or CELLS:
        before, now, better = compare(old, cell, arguments.pairs)
        unit = CELLS[cell][1]
        digits = 0 if unit == _MORE else 3
        print(
            _ROW.format(cell, unit, before.text(digits), now.text(digits), better.text()),
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
