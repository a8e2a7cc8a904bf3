"""Goroutines that hog the Ps do not keep a snapshot or an advance waiting.

``python -m bench.fairness`` prints the same measurements as a table, also for the stock runtime.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.fairness import CELLS, Cell
from tests.helpers import Child

#: What the process may compute, on average, during a snapshot and an advance together, ms:
#: processor time, so that other processes matter little. Beside pingpong, 4 s a run, the stock
#: runtime took 360 to 28,500 ms by the clock on 2 CPUs that were otherwise idle enough, with the
#: overlay 90 to 110. On a machine with 20 other busy processes the stock runtime does not hog
#: either (120 to 150 ms of processor time, with the overlay 94 to 106). The other cells are held to
#: a bound.
LIMITS_MS = (400, 2000, 2000)

MEASURE = """
import json
from bench.fairness import CELLS, measure_cell
found = measure_cell(flightrec.load(), CELLS[int(sys.argv[1])], 4.0, time.process_time)
print(json.dumps({what: latencies.values for what, latencies in found.items()}))
"""


@pytest.mark.go_versions
@pytest.mark.parametrize("cell", CELLS, ids=[cell.name.replace(" ", "-") for cell in CELLS])
def test_advances_get_their_turn(cell: Cell, go_library: Path) -> None:
    """Snapshots and advances come through beside goroutines that keep waking each other."""
    done = Child(go_library).run(MEASURE, CELLS.index(cell))
    found: dict[str, list[float]] = json.loads(done.stdout)
    snapshots, advances = found["snapshot"], found["advance"]
    mean = (sum(snapshots) + sum(advances)) / len(snapshots)
    assert mean < LIMITS_MS[CELLS.index(cell)], found
