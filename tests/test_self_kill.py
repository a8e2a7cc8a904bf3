"""Programs that end themselves by a signal leave a snapshot, as those do that call os.Exit."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Child
from tests.helpers_go import Judge

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(sys.platform != "linux", reason="the overlay is for Linux"),
]

CODE = """
runtime = flightrec.load()
recorder = flightrec.FlightRecorder(runtime)
recorder.start()

def departs(departure):
    print(departure)
    if len(sys.argv) > 2:
        recorder.write_to(sys.argv[2])

runtime.on_departure(departs, as_program=True)
runtime.run("main", args=["selfkill", sys.argv[1]])
"""


@pytest.fixture
def child(libraries: Callable[[str], Path]) -> Child:
    """Run Python code in child processes that load the program."""
    return Child(libraries("selfkill"))


@pytest.mark.parametrize(
    ("way", "number"),
    [
        ("kill", signal.SIGTERM),
        ("kill 9", signal.SIGKILL),
        ("group", signal.SIGUSR2),
        ("process", signal.SIGTERM),
    ],
)
def test_snapshot_before_the_signal(
    way: str, number: int, child: Child, judge: Judge, tmp_path: Path
) -> None:
    """Before a signal to itself that ends the process the callback runs; then it ends by it."""
    done = child.run(CODE, way, tmp_path / "s.trace", check=False)
    assert done.returncode == -number, done.stderr
    assert done.stdout == f"Departure(kind='exit', code={128 + number})\n"
    judge.check(tmp_path / "s.trace")


def test_signals_that_do_not_end_the_process(child: Child) -> None:
    """Signals that the program handles or ignores, or that do nothing by default, are no end."""
    done = child.run(CODE, "nothing", check=False)
    assert done.stdout == "lives\nDeparture(kind='exit', code=5)\n"
    assert done.returncode == 5


def test_blocked_signal_is_no_end(child: Child) -> None:
    """After a signal to itself that is blocked everywhere, the process can still exit."""
    block = "faulthandler.cancel_dump_traceback_later()\n"  # its thread would take the signal
    block += "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
    done = child.run(block + CODE, "blocked", check=False)
    assert done.stdout == "Departure(kind='exit', code=143)\n"
    assert done.returncode == 6
