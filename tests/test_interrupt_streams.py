"""An exception at any place of a stream's acts: nothing runs on, and no good file is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Child

ACTS = """
import time, warnings
import flightrec.live  # else its import is interrupted at each of its places, which takes long
from pathlib import Path
from tests.helpers_interrupt import *
from tests.helpers_interrupt import Interrupted

warnings.simplefilter("ignore", ResourceWarning)  # a file that is left to Python is closed

def unraisable(told):  # in what runs when an object goes, Python tells of an exception only here
    if told.exc_type is not Interrupted:
        sys.__unraisablehook__(told)

sys.unraisablehook = unraisable
folder, name = sys.argv[1:]
path = f"{folder}/t.trace"
runtime = flightrec.load()
tracer = flightrec.Tracer(runtime)
recorder = flightrec.FlightRecorder(runtime)
recorder.start()
held = []

def start():
    held.append(tracer.start(path))

def listen():
    held.append(recorder.events())

prepare, action = {
    "start": (lambda: None, start),
    "flush": (start, lambda: held[-1].flush()),
    "stop": (start, lambda: held[-1].stop()),
    "events": (lambda: None, listen),
    "close": (listen, lambda: held[-1].close()),
}[name]

def after(place):
    started = bool(held)
    while held:
        if name in ("events", "close"):
            held.pop().close()
        else:
            stream = held.pop()
            try:
                stream.stop(timeout=30)
            except flightrec.NotEnabledError:
                assert name == "stop", place  # it was done
            assert stream.stats().written_generations, place
    deadline = time.monotonic() + 30
    while runtime.cdll.flightrec_session_count() > 1 or list(Path(folder).glob("*partial*")):
        assert time.monotonic() < deadline, (place, os.listdir(folder))
        time.sleep(0.001)
    with open(path, "rb") as file:
        whole = file.read(5) != b"older"
    assert whole == (started and name not in ("events", "close")), place
    begin()

def begin():
    with open(path, "w") as file:
        file.write("older")
    prepare()

begin()
assert interrupt_everywhere(action, after) > 10
for each in held:
    each.close() if name in ("events", "close") else each.active and each.stop()
"""


@pytest.mark.parametrize("act", ["start", "flush", "stop", "events", "close"])
def test_streams(child: Child, tmp_path: Path, act: str) -> None:
    """An exception at any place of its acts ends a stream or leaves it to be stopped."""
    child.run(ACTS, tmp_path, act)
