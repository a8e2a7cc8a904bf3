"""The program's own runtime/trace beside our recording: neither notices the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Child
from tests.helpers_go import Judge

pytestmark = pytest.mark.go_versions


@pytest.fixture
def child(libraries: Callable[[str], Path]) -> Child:
    """Run Python code in child processes that load the program."""
    return Child(libraries("traces"))


def marks(judge: Judge, trace: Path) -> list[str]:
    """Return the marks in a trace, in order; fail unless it is valid."""
    logs = [event for event in judge.events(trace) if event.kind == "Log"]
    return [e.value("Message") for e in logs if e.value("Category") == "mark"]


PREPARE = """
folder = sys.argv[1]
runtime = flightrec.load()
busy = runtime.start("busy")

def mark(text):
    runtime.run("mark", Path=text)

def start(name):
    runtime.run("start", Path=f"{folder}/{name}")

def stop():
    runtime.run("stop")

recorder = flightrec.FlightRecorder(runtime, min_age=60, max_bytes=256 << 20)
"""
FINISH = """
busy.cancel()
"""


def run(child: Child, code: str, folder: Path) -> str:
    """Run code in between."""
    return child.run(PREPARE + code + FINISH, folder).stdout


def test_trace_while_recorded(child: Child, judge: Judge, tmp_path: Path) -> None:
    """A trace.Start in a recorded program has what happens until its Stop; so has the recording."""
    code = """
with recorder:
    mark("before")
    start("own.trace")
    mark("first")
    mark("last")
    stop()
    mark("after")
    recorder.write_to(f"{folder}/ours.trace")
"""
    run(child, code, tmp_path)
    assert marks(judge, tmp_path / "own.trace") == ["first", "last"]
    ours = marks(judge, tmp_path / "ours.trace")
    assert ours == ["before", "first", "last", "after"]


def test_recording_while_traced(child: Child, judge: Judge, tmp_path: Path) -> None:
    """A recording that begins and ends while the program traces leaves its trace alone."""
    code = """
start("own.trace")
mark("a")
with recorder:
    mark("b")
    recorder.write_to(f"{folder}/ours.trace")
mark("c")
stop()
mark("d")
print(runtime.run("enabled"))
"""
    assert run(child, code, tmp_path) == "False\n"
    assert marks(judge, tmp_path / "own.trace") == ["a", "b", "c"]
    assert marks(judge, tmp_path / "ours.trace")[-1] == "b"  # begins with a generation


def test_traces_that_overlap(child: Child, judge: Judge, tmp_path: Path) -> None:
    """The recording may end before the trace, or begin before it does, again and again."""
    code = """
for i in range(3):
    recorder.start()
    start(f"{i}.trace")
    mark(f"{i}a")
    recorder.stop()
    mark(f"{i}b")
    recorder.start()
    mark(f"{i}c")
    stop()
    mark(f"{i}d")
    recorder.write_to(f"{folder}/ours.trace")
    recorder.stop()
"""
    run(child, code, tmp_path)
    for i in range(3):
        assert marks(judge, tmp_path / f"{i}.trace") == [f"{i}{letter}" for letter in "abc"]
    assert marks(judge, tmp_path / "ours.trace")[-2:] == ["2c", "2d"]


def test_trace_alone(child: Child, judge: Judge, tmp_path: Path) -> None:
    """Without a recorder trace.Start and Stop do what they always do, any number of times."""
    code = """
for i in range(3):
    start(f"{i}.trace")
    mark(f"{i}")
    stop()
    stop()
"""
    run(child, code, tmp_path)
    for i in range(3):
        assert marks(judge, tmp_path / f"{i}.trace") == [f"{i}"]


def test_second_start_fails_as_in_plain_go(child: Child, tmp_path: Path) -> None:
    """The program's own second trace.Start fails with Go's words, and its first goes on."""
    code = """
for context in (recorder, __import__("contextlib").nullcontext()):
    with context:
        start("a.trace")
        try:
            start("b.trace")
        except flightrec.WorkloadError as exc:
            print(exc.reason if hasattr(exc, "reason") else exc)
        stop()
"""
    lines = run(child, code, tmp_path).splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert "already enabled" in lines[0]


def test_pprof(child: Child, judge: Judge, tmp_path: Path) -> None:
    """/debug/pprof/trace answers with a valid trace while the program is recorded."""
    code = """
with recorder:
    print(runtime.run("pprof", Path=f"{folder}/pprof.trace"))
    recorder.write_to(f"{folder}/ours.trace")
"""
    assert run(child, code, tmp_path) == "200\n"
    judge.check(tmp_path / "pprof.trace")
    judge.check(tmp_path / "ours.trace")


def test_stop_without_start(child: Child, judge: Judge, tmp_path: Path) -> None:
    """A trace.Stop in a program that does not trace leaves our recording alone."""
    code = """
with recorder:
    stop()
    mark("after")
    recorder.write_to(f"{folder}/ours.trace")
"""
    run(child, code, tmp_path)
    assert marks(judge, tmp_path / "ours.trace") == ["after"]


def test_own_flight_recorder(child: Child, judge: Judge, go_minor: int, tmp_path: Path) -> None:
    """runtime/trace.FlightRecorder works beside our recording and a trace (Go 1.25 and later)."""
    if go_minor < 25:
        pytest.skip("there is no trace.FlightRecorder before Go 1.25")
    code = """
runtime.run("flight_start")
recorder.start()
start("own.trace")
mark("a")
runtime.run("flight_write", Path=f"{folder}/flight.trace")
recorder.stop()
mark("b")
runtime.run("flight_stop")
mark("c")
stop()
"""
    run(child, code, tmp_path)
    assert marks(judge, tmp_path / "own.trace") == ["a", "b", "c"]
    assert marks(judge, tmp_path / "flight.trace") == ["a"]


def test_testing(child: Child, judge: Judge, tmp_path: Path) -> None:
    """A test binary's -trace has its tests while it is recorded; so has the recording."""
    code = """
recorder.start()
mark("before")
runtime.on_departure(lambda departure: recorder.write_to(f"{folder}/ours.trace"))
runtime.run("testing", Path=f"{folder}/own.trace")
"""
    assert "PASS\n" in run(child, code, tmp_path)
    assert marks(judge, tmp_path / "own.trace") == ["tested"]
    assert marks(judge, tmp_path / "ours.trace") == ["before", "tested"]
