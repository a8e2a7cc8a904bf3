"""``flightrec diff``: what changed between two traces."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

import flightrec
from flightrec import trace
from flightrec.cli import main
from flightrec.trace.summary.comparison import compare
from tests.helpers_go import Judge
from tests.trace.test_outliers import waits


@pytest.fixture(scope="module")
def recorded(
    runtime: flightrec.GoRuntime, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A trace in which goroutines idle all the time, and a server runs only in its second half."""
    file = tmp_path_factory.mktemp("diff") / "recorded.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=8 << 20) as recorder:
        idle = runtime.start("idle", goroutines=5, duration=60)
        runtime.run("mutex", duration=0.05)
        runtime.log("half", "second")
        runtime.run("http_server", duration=0.05)
        recorder.write_to(file)
        idle.cancel()
        idle.wait(60)
    judge.check(file)
    return file


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Two traces: in the second the same waits are twice as long."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_bytes(waits(*[2_000_000] * 50, tasks=True))
    after.write_bytes(waits(*[4_000_000] * 50, tasks=True))
    return str(before), str(after)


def test_what_changed(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The tasks and the place where they wait are told, with counts, medians and both rates."""
    assert main(["diff", *files]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "request (50, median 2.00 ms" in text
    assert "→ 50, median 4.00 ms" in text
    assert "sync: pricing.(*cache).get (cache.go) in sync.(*Mutex).Lock" in text


def test_as_json(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON has every change of both traces, with the exact numbers of their summaries."""
    main(["diff", "--json", *files])
    found = json.loads(capsys.readouterr().out)
    task = next(change for change in found["changes"] if change["kind"] == "task")
    for side, file in zip(("before", "after"), files, strict=True):
        durations = trace.summarize(file).task_durations["request"]
        assert task[side]["count"] == durations.count == 50
        assert task[side]["total_ns"] == durations.total_ns
        assert task[side]["max_ns"] == durations.max_ns


def test_nothing_changed(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Of a trace and itself nothing changed, and with --all everything is shown."""
    main(["diff", files[0], files[0]])
    assert "Nothing changed" in capsys.readouterr().out
    main(["diff", "--all", files[0], files[0]])
    assert "request" in capsys.readouterr().out


def test_what_changed_most_comes_first(recorded: Path, files: tuple[str, str]) -> None:
    """Changes of one kind are sorted by their time a second."""
    one, other = trace.summarize(recorded), trace.summarize(files[0])
    comparison = compare(one, other)
    for kind in ("task", "time", "wait", "syscall"):
        weights = [change.weight for change in comparison.of(kind)]
        assert weights == sorted(weights, reverse=True)
    assert len(comparison.of("time")) > 5


def test_two_stretches(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two stretches: what ran in one only is told, and what idles in both did not change."""
    log = next(
        event
        for event in trace.read(recorded)
        if isinstance(event, trace.Log) and event.message == "second"
    )
    with trace.read(recorded) as reader:
        first = next(reader).time
    spans = [f"{first}..{log.time}", f"{log.time}..{log.time + 40_000_000}"]
    assert main(["diff", "--json", str(recorded), "--a", spans[0], "--b", spans[1]]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    found = {(change["kind"], change["what"]): change for change in changes}
    request = found["task", "request"]
    assert request["before"]["count"] == 0
    assert request["after"]["count"] > 0
    idle = next(
        change
        for (kind, what), change in found.items()
        if kind == "time" and what.startswith("blocked: ") and "workloads.idle" in what
    )
    assert idle["before"]["count"] == idle["after"]["count"] == 5
    assert idle["after_ns_per_second"] == pytest.approx(5_000_000_000, rel=0.05)


def test_threads_of_two_processes(recorded: Path) -> None:
    """A Python thread is the same one in a trace of another process, where its number differs."""
    one = trace.summarize(recorded)
    functions = [
        dataclasses.replace(function, name=re.sub(r" \(\d+\)$", " (1)", function.name))
        for function in one.functions
    ]
    assert list(one.functions) != functions
    comparison = compare(one, dataclasses.replace(one, functions=tuple(functions)))
    threads = [change for change in comparison.of("time") if "Python thread" in change.what]
    assert threads
    assert all(change.before == change.after for change in threads)


def test_names_with_slashes(
    runtime: flightrec.GoRuntime, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A task's name is told as it is, though it looks like a path."""
    files = []
    for file, name in ((tmp_path / "a", "GET /a"), (tmp_path / "b", "GET /static/b.js")):
        with flightrec.FlightRecorder(runtime, max_bytes=4 << 20) as recorder:
            with runtime.task(name):
                runtime.run("idle", duration=0.01)
            recorder.write_to(file)
        files.append(str(file))
    assert main(["diff", *files]) == 0
    assert " GET /static/b.js (" in capsys.readouterr().out


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_width(
    columns: int,
    recorded: Path,
    files: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The text is no wider than the terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.chdir(recorded.parent)
    main(["diff", "--all", recorded.name, recorded.name])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 30
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["A"], "name a second trace"),
        (["A", "--a", "0s..1s", "--b", "0s..1s"], "name a second trace"),
        (["A", "--a", "1s"], "not a stretch"),
        (["A", "--a", "50s..60s", "--b", "0s..1s"], "no event in that stretch"),
        (["A", "--a", "2s..1s", "--b", "0s..1s"], "ends before it begins"),
    ],
)
def test_wrong_usage(
    arguments: list[str],
    reason: str,
    files: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without two things to compare the usage is wrong: exit code 2."""
    assert main(["diff", *(word.replace("A", files[0]) for word in arguments)]) == 2
    assert reason in capsys.readouterr().err


def test_broken(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no trace is named, with exit code 1."""
    text = tmp_path / "text"
    text.write_text("no trace")
    assert main(["diff", files[0], str(text)]) == 1
    assert f"{text}: not a valid trace" in capsys.readouterr().err
