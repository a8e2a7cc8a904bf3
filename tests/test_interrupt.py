"""An exception at any place, of a signal handler say: nothing hangs and nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Child
from tests.helpers_go import Judge

PREAMBLE = """
from tests.helpers_interrupt import *
from tests.helpers_interrupt import FLIGHTREC, THREADING
runtime = flightrec.load()
FILES = {"flightrec": (FLIGHTREC,), "threading": (FLIGHTREC, THREADING)}[sys.argv[1]]

def works(place):
    handle = runtime.start("idle", goroutines=1, duration=0.001)
    assert handle.wait(40), f"after an interruption at {place} a workload hangs"
    assert handle.result() == {"goroutines": 1}

def nothing_left():
    deadline = time.monotonic() + 40
    while runtime.cdll.flightrec_workload_count() or runtime._workloads._running:
        assert time.monotonic() < deadline, "a workload is left"
        time.sleep(0.001)

"""


@pytest.mark.parametrize("files", ["flightrec", "threading"])
@pytest.mark.parametrize(
    "action",
    [
        'runtime.run("idle", goroutines=1, duration=0.001)',
        'runtime.start("idle", goroutines=1, duration=0.001)',
        'runtime.start("idle", goroutines=1, duration=600).cancel()',
        "again.wait(0.001), again.result()",
    ],
    ids=["run", "start", "cancel", "result"],
)
def test_workloads(child: Child, action: str, files: str) -> None:
    """An exception at any place of run, start, cancel and result leaves the next one working."""
    child.run(
        PREAMBLE
        + f"""
again = runtime.start("idle", goroutines=1, duration=0.001)
assert again.wait(40)
def action():
    runtime._workloads._thread._thread = None  # so that it is begun again, and interrupted there
    {action}
def after(place):
    works(place)
    if "duration=600" in {action!r}:  # handed over, and never cancelled
        for handle in list(runtime._workloads._running.values()):
            handle.cancel()
assert interrupt_everywhere(action, after, files=FILES) > 3
nothing_left()
""",
        files,
    )


def test_run_cancels(child: Child) -> None:
    """Wherever run is interrupted, its workload is cancelled."""
    child.run(
        PREAMBLE
        + """
prepare = runtime._workloads.prepare
for number in range(1000):
    handle = prepare("idle")
    runtime._workloads.prepare = lambda name, handle=handle: handle
    timer = threading.Timer(0.1, handle.cancel)
    timer.start()
    with interrupt(number) as one:
        try:
            runtime.run("idle", goroutines=1, duration=600)
        except Interrupted:
            pass
    timer.cancel()
    nothing_left()
    if one.place is None:
        break
assert number > 10
""",
        "flightrec",
    )


def test_waiting_thread(child: Child) -> None:
    """Whatever is raised on the thread that waits for workloads, each of them has an outcome."""
    child.run(
        PREAMBLE
        + """
outcomes = set()
for every in (7, 11, 13):
    runtime._workloads._thread._thread = None
    with interrupt_threads(every) as places:
        for _ in range(60):
            handle = runtime.start("idle", goroutines=1, duration=0.0001)
            assert handle.wait(40), places
            try:
                handle.result()
                outcomes.add("result")
            except Interrupted:
                outcomes.add("interrupted")
    assert places
assert outcomes == {"result", "interrupted"}
""",
        "flightrec",
    )


@pytest.mark.parametrize("files", ["flightrec", "threading"])
def test_departure_watch(child: Child, files: str) -> None:
    """An on_departure that is interrupted at any place leaves the former one, or none."""
    child.run(
        PREAMBLE
        + """
told = [None]
tell = runtime._departures._tell
def noting(wish):
    tell(wish)
    told.append(wish)
runtime._departures._tell = noting
def action():
    runtime._departures._thread._thread = None
    runtime.on_departure(print)
def after(place):
    left = runtime._departures._wish
    assert left is told[-1], place
    assert left is None or left.callback is print, place
    if left is not None:  # it had been done
        runtime._departures._wish = None
        noting(None)
assert interrupt_everywhere(action, after, files=FILES) > 3
""",
        files,
    )


def test_waiters_are_independent(child: Child) -> None:
    """An exception in one thread's wait is nobody else's: all other waiters are woken."""
    child.run(
        PREAMBLE
        + """
from flightrec.finished import Finished
def check(number):
    event, woken = Finished(), []
    others = [threading.Thread(target=lambda: woken.append(event.wait(40))) for _ in range(3)]
    for other in others:
        other.start()
    with interrupt(number) as one:
        try:
            event.wait(0.001)
            event.call(lambda: None)
            event.wait(0.001)
        except Interrupted:
            pass
    event.set()
    for other in others:
        other.join()
    assert woken == [True] * 3, one.place
    return one.place
number = 0
while check(number):
    number += 1
assert number > 10
""",
        "flightrec",
    )


RECORDER = """
import io, warnings
from tests.helpers_interrupt import *
from tests.helpers_interrupt import FLIGHTREC, Interrupted

warnings.simplefilter("ignore", ResourceWarning)  # a file that is left to Python is closed

def unraisable(told):  # in what runs when an object goes, Python tells of an exception only here
    if told.exc_type is not Interrupted:
        sys.__unraisablehook__(told)

sys.unraisablehook = unraisable
path, name = sys.argv[1:]
runtime = flightrec.load()
recorder = flightrec.FlightRecorder(runtime)

def started():
    if not recorder.enabled:
        recorder.start()
        recorder.snapshot()

def stopped():
    if recorder.enabled:
        recorder.stop()

prepare, action = {
    "start": (stopped, recorder.start),
    "stop": (started, recorder.stop),
    "snapshot": (started, recorder.snapshot),
    "emergency": (started, lambda: recorder.snapshot(flush=False)),
    "last": (started, lambda: recorder.snapshot(last=0.001)),
    "write_to": (started, lambda: recorder.write_to(path)),
    "stats": (started, recorder.stats),
}[name]

def after(place):
    if name == "stop":
        stopped()  # again
    started()
    assert recorder.snapshot(timeout=30).generations, place
    recorder.write_to(io.BytesIO())
    recorder.stop()
    assert runtime.cdll.flightrec_session_count() == 0, place
    assert runtime.cdll.flightrec_generation_count() == 0, place
    left = [each for each in os.listdir(os.path.dirname(path)) if each.endswith(".tmp")]
    assert not left, (place, left)
    prepare()

prepare()
assert interrupt_everywhere(action, after) > 10
started()
recorder.write_to(path)
"""


@pytest.mark.parametrize(
    "action", ["start", "stop", "snapshot", "emergency", "last", "write_to", "stats"]
)
def test_recorder(child: Child, judge: Judge, tmp_path: Path, action: str) -> None:
    """An exception at any place of a recorder's acts leaves it working and nothing behind."""
    child.run(RECORDER, tmp_path / "x.trace", action)
    judge.check(tmp_path / "x.trace")
