"""``flightrec events``: a trace's events, chosen and printed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import trace
from flightrec.cli import main
from flightrec.cli.events import Moment, moment


@pytest.fixture(scope="module")
def recorded(runtime: flightrec.GoRuntime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace with two logs and what goroutines did between."""
    file = tmp_path_factory.mktemp("events") / "recorded.trace"
    with flightrec.FlightRecorder(runtime) as recorder:
        runtime.log("stage", "begins")
        runtime.run("mutex", duration=0.02)
        runtime.log("stage", "ends")
        recorder.write_to(file)
    return file


def lines(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    """What the command prints."""
    assert main(["events", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def objects(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    """What the command prints with --json."""
    return [json.loads(line) for line in lines(capsys, "--json", *arguments)]


def logs(capsys: pytest.CaptureFixture[str], recorded: Path) -> list[dict[str, Any]]:
    """The program's own logs, without those that name Python's threads."""
    found = objects(capsys, recorded, "--kind", "log")
    return [log for log in found if log["category"] == "stage"]


def test_every_event(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without options there is a line for each event, worded as Go words it."""
    printed = lines(capsys, recorded)
    events = list(trace.read(recorded))
    assert len(printed) == len(events)
    first = events[0].time
    for line, event in zip(printed, events, strict=True):
        seconds, text = line.split(maxsplit=1)
        assert text == trace.go_text(event, stacks=False)
        assert float(seconds) == pytest.approx((event.time - first) / 1e9, abs=1e-9)


def test_json_has_every_event(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json there is an object for each event, with its fields."""
    printed = objects(capsys, recorded)
    for found, event in zip(printed, trace.read(recorded), strict=True):
        assert (found["kind"], found["time"]) == (event.kind, event.time)
        assert found.get("goroutine") == event.goroutine
        assert len(found.get("stack", ())) == len(event.stack)


def test_json_of_a_log(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log's object has its category, message and task."""
    first, _ = logs(capsys, recorded)
    assert (first["category"], first["message"], first["task"]) == ("stage", "begins", 0)


def test_json_of_a_transition(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state transition's object says whose it is, and from which state to which."""
    found = objects(capsys, recorded, "--kind", "GoroutineTransition")[0]
    assert found["resource"] == "Goroutine"
    assert found["to_state"] in {"Running", "Runnable", "Waiting", "Syscall", "NotExist"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--kind", "Log"], {"Log"}),
        (["--kind", "log,SYNC"], {"Log", "Sync"}),
        (["--kind", "Log", "--kind", "Sync"], {"Log", "Sync"}),
        (["--kind", "ProcTransition"], {"StateTransition"}),
    ],
)
def test_kinds(
    words: list[str], expected: set[str], recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--kind takes kinds and types in any case, several of them."""
    assert {found["kind"] for found in objects(capsys, recorded, *words)} == expected


def test_unknown_kind(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown kind is wrong usage, and the error names those there are."""
    assert main(["events", str(recorded), "--kind", "nonsense"]) == 2
    assert "StateTransition" in capsys.readouterr().err


def test_goroutine(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--goroutine gives what a goroutine does and what is done to it."""
    goid = next(
        event.goid
        for event in trace.read(recorded)
        if isinstance(event, trace.GoroutineTransition) and event.from_state == "NotExist"
    )
    found = objects(capsys, recorded, "--goroutine", goid)
    assert found
    assert all(goid in (event.get("goroutine"), event.get("goid")) for event in found)
    assert any(event.get("goroutine") != goid for event in found)


def test_since_and_until(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--since and --until take the trace's own time, both ends included."""
    begin, end = (found["time"] for found in logs(capsys, recorded))
    times = [found["time"] for found in objects(capsys, recorded, "--since", begin, "--until", end)]
    assert (times[0], times[-1]) == (begin, end)
    assert len(times) > 2


def test_relative_times(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--since and --until with a unit count from the first event."""
    times = [float(line.split()[0]) for line in lines(capsys, recorded)]
    since, until = times[len(times) // 3], times[len(times) // 2]
    assert 0 < since < until < times[-1]
    bounds = ("--since", f"{since * 1e3:.6f}ms", "--until", f"{until * 1e3:.6f}ms")
    within = [float(line.split()[0]) for line in lines(capsys, recorded, *bounds)]
    # What is printed is rounded, so the events at the bounds themselves may be in or out.
    assert {t for t in times if since < t < until} <= set(within)
    assert all(since <= t <= until for t in within)


def test_limit(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--limit stops after so many."""
    assert len(lines(capsys, recorded, "-n", 3)) == 3


def test_stacks(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--stacks prints stacks under the events, as Go does."""
    printed = lines(capsys, recorded, "--stacks", "--kind", "StateTransition")
    assert "Stack=" in printed


def test_broken(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a broken trace the events before the broken place are printed; the exit code is 1."""
    file = tmp_path / "broken.trace"
    file.write_bytes(recorded.read_bytes() + b"\xff")
    assert main(["events", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out
    assert "not a valid trace" in captured.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5s", Moment(1_500_000_000, relative=True)),
        ("+20ms", Moment(20_000_000, relative=True)),
        ("0s", Moment(0, relative=True)),
        ("7us", Moment(7_000, relative=True)),
        ("123456", Moment(123456, relative=False)),
    ],
)
def test_moment(text: str, expected: Moment) -> None:
    """A time has a unit, and counts from the start; without one it is the trace's own."""
    assert moment(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1.5", "1h30"])
def test_not_a_moment(text: str) -> None:
    """What is no time is refused."""
    with pytest.raises(argparse.ArgumentTypeError, match="not a time"):
        moment(text)
