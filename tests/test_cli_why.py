"""``flightrec why``: what it prints, and how it ends."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

import flightrec
from flightrec.cli import main
from tests.conftest import MakeRecorder


@pytest.fixture
def snapshot(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder, tmp_path: Path) -> Path:
    """Record quick tasks and a slow one, and write a snapshot."""
    path = tmp_path / "s.trace"
    with make_recorder(max_bytes=4 << 20) as recorder:
        for _ in range(8):
            with runtime.task("step"):
                pass
        with runtime.task("step"):
            runtime.run("idle", duration=0.05)
        recorder.write_to(path)
    return path


def test_picks_what_stands_out(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without options the slowest task against its kind is explained."""
    assert main(["why", str(snapshot)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Task ")
    assert "'step' took" in out
    assert "(median of 8 others" in out


def test_several(snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several traces are explained one after the other, and the worst exit code counts."""
    text = tmp_path / "text"
    text.write_text("no trace")
    assert main(["why", str(text), str(snapshot)]) == 1
    told = capsys.readouterr()
    assert f"flightrec: {text}: not a valid trace" in told.err
    assert told.out.startswith(f"{text}:\n\n{snapshot}:\nTask ")


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_width(
    columns: int,
    snapshot: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text is as wide as the terminal, or as COLUMNS says, and the bars with it."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["why", str(snapshot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    summary = lines[: lines.index("")]
    for line, following in itertools.pairwise(summary):
        assert len(line) + 1 + len(following.split()[0]) > columns  # it would not have had room
    assert len(summary) > 1 or columns > 80
    full = max(6, min(24, columns // 8))
    assert full // 2 < max(line.count("█") for line in lines) <= full


def test_json(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` is one object."""
    assert main(["why", str(snapshot), "--json", "--task", "step"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["subject"]["name"] == "step"
    assert sum(cause["ns"] for cause in told["causes"]) == told["subject"]["duration_ns"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--task", "nope"], "the trace has no task 'nope'; its tasks are 'step'"),
        (["--goroutine", "987654"], "the trace has no goroutine 987654"),
        (["--log", "nope"], "the trace has no log 'nope'"),
    ],
)
def test_missing(
    options: list[str], said: str, snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the trace does not have ends with 1 and a sentence."""
    assert main(["why", str(snapshot), *options]) == 1
    assert said in capsys.readouterr().err


def test_no_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no trace ends with 1, and what is no file with 2."""
    path = tmp_path / "no.trace"
    path.write_bytes(b"this is not a trace at all")
    assert main(["why", str(path)]) == 1
    assert "not a valid trace" in capsys.readouterr().err
    assert main(["why", str(tmp_path / "nothing")]) == 2


def test_broken_tail(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trace that is broken at its end is explained, says so and ends with 1."""
    snapshot.write_bytes(snapshot.read_bytes() + b"\xff")
    assert main(["why", str(snapshot)]) == 1
    assert capsys.readouterr().out.startswith("Careful: ")


def test_since(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times count from the start of the trace."""
    assert main(["why", str(snapshot), "--until", "1ns"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Nothing stands out. Looked at: no tasks")
    assert "--slowest, --task NAME and --goroutine N explain one all the same." in out


@pytest.mark.parametrize(
    ("span", "code", "reason"),
    [
        (["--since", "10m"], 1, "there is no event in that stretch; the trace lasts"),
        (["--until", "1"], 1, "there is no event in that stretch; the trace lasts"),
        (["--since", "2s", "--until", "1s"], 2, "--until is before --since"),
    ],
)
def test_odd_stretches(
    span: list[str], code: int, reason: str, snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stretch outside the trace has nothing to explain, and one that ends early is wrong."""
    assert main(["why", str(snapshot), *span]) == code
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("command", ["info", "diff", "events", "goroutine", "validate", "redact"])
def test_others_read_standard_input(
    command: str,
    snapshot: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So do the others that read a trace once."""
    monkeypatch.setenv("COLUMNS", "400")  # no line ends within the path
    more = {
        "diff": [str(snapshot)],
        "events": ["-n1"],
        "goroutine": ["2"],
        "redact": ["-o", str(tmp_path / "redacted")],
    }.get(command, [])
    usual = main([command, str(snapshot), *more])
    answer = capsys.readouterr().out
    with snapshot.open(encoding="latin-1") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main([command, "-", *more]) == usual == 0
    words = answer.replace(str(snapshot), "-", 1).split()
    assert capsys.readouterr().out.split() == words


@pytest.mark.parametrize("span", [[], ["--since", "1ns"]], ids=["", "since"])
def test_standard_input(
    span: list[str], snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """- is standard input, be it a file or a pipe; the answer is the same."""
    assert main(["why", "--json", str(snapshot), *span]) == 0
    answer = capsys.readouterr().out.encode()
    command = [sys.executable, "-m", "flightrec", "why", "--json", "-", *span]
    with snapshot.open("rb") as file:
        assert subprocess.check_output(command, stdin=file) == answer
    data = snapshot.read_bytes()
    assert subprocess.check_output(command, input=data) == answer


def test_no_events(
    runtime: flightrec.GoRuntime, snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a trace that is cut off before its first event is nothing to explain."""
    snapshot.write_bytes(snapshot.read_bytes()[:16])
    assert main(["why", str(snapshot)]) == 0
    assert capsys.readouterr().out == "There is nothing to explain: the trace has no events.\n"


def test_one_question(snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two questions at once are wrong usage."""
    assert main(["why", str(snapshot), "--slowest", "--task", "step"]) == 2
    assert "not allowed with" in capsys.readouterr().err
