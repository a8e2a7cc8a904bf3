"""``flightrec info``: what is in a trace, on one screen and as JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec.cli import main, progress
from tests.conftest import MakeRecorder


@pytest.fixture(scope="module")
def recorded(runtime: flightrec.GoRuntime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of a server, the collector and something logged from Python."""
    file = tmp_path_factory.mktemp("info") / "recorded.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=8 << 20) as recorder:
        with runtime.task("whole") as task:
            task.log("stage", "begins")
            runtime.run("http_server", duration=0.05)
            runtime.run("gc_churn", duration=0.05)
        recorder.write_to(file)
    return file


@pytest.fixture
def facts(recorded: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What ``--json`` tells of it."""
    assert main(["info", "--json", str(recorded)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_one_screen(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text fits on one screen: 50 lines of 100 columns."""
    assert main(["info", str(recorded)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100 + len(str(recorded))


@pytest.mark.parametrize(
    "title",
    ["window", "generations", "events", "goroutines", "scheduling", "blocked", "GC", "heap"],
)
def test_sections(title: str, recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text has a line for each thing that there is to tell."""
    main(["info", str(recorded)])
    assert any(line.startswith(title) for line in capsys.readouterr().out.splitlines())


def test_counts_events(recorded: Path, facts: dict[str, Any]) -> None:
    """The events by type add up to what the reader gives."""
    assert facts["event_count"] == sum(1 for _ in flightrec.trace.read(recorded))
    assert sum(facts["events"].values()) == facts["event_count"]
    assert sum(found["events"] for found in facts["generations"]) == facts["event_count"]


def test_format(recorded: Path, facts: dict[str, Any]) -> None:
    """The format is the one in the trace's header."""
    assert recorded.read_bytes().startswith(f"go {facts['format']} trace".encode())
    assert facts["bytes"] == recorded.stat().st_size


def test_tasks(facts: dict[str, Any]) -> None:
    """Tasks are told by name."""
    assert facts["tasks"]["whole"]["count"] == 1
    assert facts["tasks"]["whole"]["max_ns"] > 100_000_000
    assert facts["tasks"]["request"]["count"] > 1


def test_collector(facts: dict[str, Any]) -> None:
    """GC cycles and the pauses that belong to them are told, the longest pause first."""
    assert facts["gc"]["cycles"] > 0
    assert facts["pauses"]["count"] >= facts["gc"]["cycles"]
    longest = [pause["duration_ns"] for pause in facts["pauses"]["longest"]]
    assert longest == sorted(longest, reverse=True)


def test_broken(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken trace is summarised up to the broken place, and the exit code is 1."""
    file = tmp_path / "broken.trace"
    trace = recorded.read_bytes()
    file.write_bytes(trace[: len(trace) - 3])
    assert main(["info", "--json", str(file)]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"] in captured.err
    assert "not a valid trace" in captured.err


def test_no_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no trace at all ends with 1 and has nothing summarised."""
    file = tmp_path / "text"
    file.write_text("no trace")
    assert main(["info", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "not a Go execution trace" in captured.err


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there ends with 2."""
    assert main(["info", str(tmp_path / "none")]) == 2


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a long reading shows how far it is, and wipes that at the end."""
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())
    monkeypatch.setattr(progress, "_PATIENCE", 0)
    main(["info", str(recorded)])
    assert "[" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")


def test_no_progress_when_quick(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes no longer than the patience shows no bar."""
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())
    monkeypatch.setattr(progress, "_PATIENCE", 1000)
    main(["info", str(recorded)])
    assert terminal.getvalue() == ""


def test_no_progress_without_a_terminal(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is no terminal, nothing is written to it."""
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    monkeypatch.setattr(progress, "_PATIENCE", 0)
    main(["info", str(recorded)])
    assert log.getvalue() == ""


def test_snapshot_without_goroutines_of_note(
    make_recorder: MakeRecorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A snapshot of next to nothing is summarised as well."""
    recorder = make_recorder()
    recorder.start()
    recorder.write_to(tmp_path / "idle.trace")
    assert main(["info", str(tmp_path / "idle.trace")]) == 0
    assert "generations" in capsys.readouterr().out
