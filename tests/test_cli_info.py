"""``flightrec info``: what is in a trace, on one screen and as JSON."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec.cli import main, progress
from tests.conftest import MakeRecorder
from tests.trace.test_outliers import waits


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


def test_most_of_one_goroutine(
    recorded: Path, facts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the totals of many goroutines stands the most that one of them had."""
    many = [function for function in facts["functions"] if function["goroutines"] > 1]
    assert many
    for function in many:
        for name, most in function["most_of_one"].items():
            told = function[name]
            total = sum(told.values()) if isinstance(told, dict) else told
            if name == "syscall_ns":
                total += function["syscall_blocked_ns"]
            assert total / function["goroutines"] <= most <= total
    assert main(["info", str(recorded)]) == 0
    assert re.search(r"\n   at most( +\S+ [mµn]?s){4}  for one\n", capsys.readouterr().out)


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_one_screen(
    columns: int,
    recorded: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The text is as wide as the terminal, no wider, and fits on one screen."""
    monkeypatch.chdir(recorded.parent)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["info", recorded.name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) <= (60 if columns >= 80 else 80)


@pytest.fixture(scope="module")
def odd(runtime: flightrec.GoRuntime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace in which very much is odd, and has very long names."""
    file = tmp_path_factory.mktemp("info") / "odd.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=8 << 20) as recorder:
        for i in range(8):
            for name in (f"{i} " + "many words " * 60, f"{i}" + "long" * 150):
                for k in range(10):
                    with runtime.task(name), runtime.region(name):
                        if k == 9:
                            runtime.run("idle" if i else "http_server", duration=0.012)
        recorder.write_to(file)
    return file


@pytest.mark.parametrize("more", [[], ["--all"]], ids=["", "all"])
@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_one_screen_of_odd_things(
    columns: int,
    more: list[str],
    odd: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However much is odd and however long names are, it is one screen, and says what it leaves."""
    monkeypatch.chdir(odd.parent)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["info", *more, odd.name]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) <= (60 if columns >= 80 else 80)
    assert re.search(r"and \d+ more \(--json\)", out)
    assert re.search(r"and \d+ other names", out)


def test_functions_are_not_cut(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No function's name is cut at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    main(["info", str(recorded)])
    assert "…" not in capsys.readouterr().out.partition("window")[2]


def test_hides_the_recorder(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The goroutines and pauses of the runtime and the recorder are shown with --all only."""
    main(["info", str(recorded)])
    brief = capsys.readouterr().out
    main(["info", "--all", str(recorded)])
    everything = capsys.readouterr().out
    for word in ("runtime.bgsweep", "advanceLoop", "start trace"):
        assert word not in brief
    assert "of the runtime and the recorder" in brief
    assert "runtime." in everything.partition("goroutines")[2]


def test_names_the_program(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stack is named by the program's frame, with its line, beside what it called."""
    main(["info", str(recorded)])
    text = " ".join(capsys.readouterr().out.split())
    assert re.search(r"workloads\.askOnce \(http_server\.go:\d+\) in http\.\(", text)


def test_equal_places_are_one_line(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No two lines about where goroutines blocked name the same place and reason."""
    main(["info", str(recorded)])
    section = capsys.readouterr().out.partition("\nblocked")[2].partition("\nsyscalls")[0]
    rows = re.findall(r"^ +\S+ \S+ +\S+ \S+ +[\d,]+  (.*)$", section, re.M)
    assert len(rows) > 2
    assert len(set(rows)) == len(rows)


def test_what_is_odd_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one long wait is told before all sums: how long, when, where, and what is usual."""
    monkeypatch.setenv("COLUMNS", "100")
    file = tmp_path / "odd.trace"
    file.write_bytes(waits(*[2_000_000] * 60, 1_500_000_000, *[2_000_000] * 40))
    assert main(["info", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.index("stands out") < out.index("goroutines")
    text = " ".join(out.split())
    assert (
        "1.50 s waiting (sync): pricing.(*cache).get (cache.go:34) in sync.(*Mutex).Lock; "
        "goroutine 1 (main.worker) at 0.1" in text
    )
    assert "101 such, median 2.00 ms" in text


def test_nothing_is_odd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing stands out, that is said."""
    file = tmp_path / "even.trace"
    file.write_bytes(waits(*[2_000_000] * 60))
    main(["info", str(file)])
    assert "stands out  nothing" in capsys.readouterr().out


def test_outliers_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON has the outliers with kind, count, median, longest and stack."""
    file = tmp_path / "odd.trace"
    file.write_bytes(waits(*[2_000_000] * 60, 1_500_000_000))
    main(["info", "--json", str(file)])
    (one,) = json.loads(capsys.readouterr().out)["outliers"]
    assert (one["kind"], one["what"], one["count"]) == ("wait", "sync", 61)
    assert one["longest"]["goroutine"] == 1
    assert one["stack"][1]["function"] == "shop/pricing.(*cache).get"


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
    main(["info", str(file)])
    told = capsys.readouterr().out
    heading, _, _ = told.partition("\nbroken ")
    assert ": BROKEN, " in " ".join(heading.split())  # a long path takes all of its line
    assert "\nbroken " in told


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


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_unreadable_file(capsys: pytest.CaptureFixture[str]) -> None:
    """An error while a file is read names the file."""
    assert main(["info", "/proc/self/mem"]) == 2
    assert capsys.readouterr().err == "flightrec: /proc/self/mem: Input/output error\n"


def test_from_a_pipe(recorded: Path) -> None:
    """Of a trace from a pipe the size is told, too."""
    data = recorded.read_bytes()
    command = [sys.executable, "-m", "flightrec", "info", "--json", "/dev/stdin"]
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout)["bytes"] == len(data)


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
