"""What ``--instrument database/sql`` costs an operation: ``python -m bench.sql``.

A program that asks a driver which answers at once, built as it is and instrumented, not traced,
recorded, and recorded with a rule, in turns.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from bench.build import FOLDER
from bench.table import text_table
from flightrec.gobuild import build

ROUNDS = 7
COUNT = 50_000
_CODE = """\
import contextlib, flightrec, sys
library, how, count = sys.argv[1:]
runtime = flightrec.load(library)
with contextlib.ExitStack() as stack:
    if how != "not traced":
        recorder = stack.enter_context(flightrec.FlightRecorder(runtime))
    if how == "with a rule":
        recorder.when("task slower than 1h", on_fire=print)
    runtime.run("main", args=["sqlload", "-count", count])
"""
HOW = ("not traced", "recorded", "with a rule")


def main() -> None:
    """Print a table: ns for an operation, as a median."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    libraries = {}
    for kind, packages in (("plain", ()), ("instrumented", ("database/sql",))):
        libraries[kind] = FOLDER / f"libsqlload-{kind}.so"
        build(Path(__file__).parent / "sqlload", libraries[kind], instrument=packages)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(ROUNDS):
        for how in HOW:
            for kind, library in libraries.items():
                command = [sys.executable, "-c", _CODE, str(library), how, str(COUNT)]
                said = json.loads(subprocess.check_output(command))
                found.setdefault((how, kind), []).append(said)
    rows = []
    for operation in sorted(found[HOW[0], "plain"][0]):
        for how in HOW:
            plain, instrumented = (
                statistics.median(each[operation] for each in found[how, kind])
                for kind in libraries
            )
            rows.append(
                (
                    f"{operation}, {how}",
                    f"{plain:.0f}",
                    f"{instrumented:.0f}",
                    f"{instrumented - plain:+.0f}",
                )
            )
    print(text_table("ns an operation", ("operation", "plain", "instrumented", "difference"), rows))


if __name__ == "__main__":
    main()
