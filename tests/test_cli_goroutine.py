"""``flightrec goroutine``: one goroutine's life."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

import flightrec
from flightrec import trace
from flightrec.cli import main
from flightrec.trace.summary.timeline import lives
from tests.helpers_go import Judge


@pytest.fixture(scope="module")
def recorded(
    runtime: flightrec.GoRuntime, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A trace of a server, and of a task, region and log of Python's."""
    file = tmp_path_factory.mktemp("goroutine") / "recorded.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=8 << 20) as recorder:
        with runtime.task("whole"), runtime.region("inner"):
            runtime.log("stage", "begins")
            runtime.run("http_server", duration=0.05)
        recorder.write_to(file)
    judge.check(file)
    return file


@pytest.fixture(scope="module")
def summary(recorded: Path) -> trace.Summary:
    """The trace's summary."""
    return trace.summarize(recorded)


def worker(summary: trace.Summary) -> int:
    """The id of the goroutine that a client of the server is."""
    return next(
        goid
        for goid, found in summary.goroutines.items()
        if goid is not None
        and found.name.startswith("flightrec/gobridge/workloads.httpServer.func3")
    )


@pytest.mark.parametrize(
    ("span", "code", "told"),
    [
        (["--since", "10m"], 0, "It did not exist in the stretch that was asked for."),
        (["--since", "2s", "--until", "1s"], 2, "--until is before --since"),
    ],
)
def test_odd_stretches(
    span: list[str],
    code: int,
    told: str,
    recorded: Path,
    summary: trace.Summary,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That a goroutine was not there is told, and a stretch that ends early is wrong usage."""
    assert main(["goroutine", str(recorded), str(worker(summary)), *span]) == code
    captured = capsys.readouterr()
    assert told in captured.out + captured.err


def test_stretches_tile_each_life(recorded: Path, summary: trace.Summary) -> None:
    """Each stretch begins where the one before ends, and together they are the summary's times."""
    events = list(trace.read(recorded))
    checked = 0
    for goid, goroutine in summary.goroutines.items():
        if goid is None or goid in summary.earlier_lives or checked > 60:
            continue
        checked += 1
        (life,) = lives(events, goid)
        for one, other in pairwise(life.stretches):
            assert one.end_ns == other.begin_ns
        totals = dict.fromkeys(trace.GoState, 0)
        for stretch in life.stretches:
            totals[stretch.state] += stretch.duration_ns
        stats = goroutine.stats
        assert totals[trace.GoState.RUNNING] == stats.execution_ns
        assert totals[trace.GoState.RUNNABLE] == stats.runnable_ns
        assert totals[trace.GoState.WAITING] == stats.blocked_total_ns
        syscall_ns = stats.syscall_ns + stats.syscall_blocked_ns
        assert totals[trace.GoState.SYSCALL] == syscall_ns
        assert life.ended == (goroutine.ended_ns is not None)
    assert checked > 10


def test_who_woke_it(recorded: Path, summary: trace.Summary) -> None:
    """Each wait that ended has a waker, with the goroutine and the place of the event."""
    goid = worker(summary)
    unblocked = {
        event.time: event
        for event in trace.read(recorded)
        if isinstance(event, trace.GoroutineTransition)
        and event.goid == goid
        and event.from_state is trace.GoState.WAITING
        and not event.is_restatement
    }
    (life,) = lives(trace.read(recorded), goid)
    waits = [one for one in life.stretches if one.state is trace.GoState.WAITING and one.ended]
    assert len(waits) == len(unblocked) > 10
    for wait in waits:
        assert wait.waker is not None
        assert wait.waker.goroutine == unblocked[wait.end_ns].goroutine
        assert wait.waker.stack == unblocked[wait.end_ns].stack
        assert wait.reason


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_text(
    columns: int,
    recorded: Path,
    summary: trace.Summary,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The text says who created it, why it stopped and who woke it, within the columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["goroutine", str(recorded), str(worker(summary))]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns
    text = " ".join(out.split())
    assert "created at " in text
    assert "(gobridge.startWorkload" in text
    assert "waiting (select) in workloads.askOnce (http_server.go:" in text
    assert "woken by goroutine " in text
    assert "it ends" in text


def test_short_stretches_are_put_together(
    recorded: Path, summary: trace.Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    """A life of thousands of stretches fits on a few screens; --all shows every one."""
    goid = str(worker(summary))
    main(["goroutine", str(recorded), goid])
    brief = capsys.readouterr().out
    main(["goroutine", "--all", str(recorded), goid])
    everything = capsys.readouterr().out
    assert "short ones: " in brief
    assert "short ones: " not in everything
    assert len(brief.splitlines()) < len(everything.splitlines())
    assert len(brief.splitlines()) < 1000


def test_annotations(
    recorded: Path, summary: trace.Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tasks, regions and logs stand at their time in the life of their goroutine."""
    task = next(found for found in summary.tasks.values() if found.name == "whole")
    main(["goroutine", str(recorded), str(task.goroutines[0])])
    out = capsys.readouterr().out
    places = [
        out.index(text)
        for text in (
            "'whole' begins",
            "region 'inner' begins",
            "log stage: begins",
            "region 'inner' ends",
            "'whole' ends",
        )
    ]
    assert places == sorted(places)


def test_a_part(recorded: Path, summary: trace.Summary, capsys: pytest.CaptureFixture[str]) -> None:
    """--since and --until leave out what lies before and after."""
    goid = worker(summary)
    life = summary.goroutines[goid]
    middle = life.created_ns + life.stats.total_ns // 2
    options = ["--json", "--since", str(middle), "--until", str(middle + 2_000_000)]
    assert main(["goroutine", str(recorded), str(goid), *options]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["stretches"]
    assert all(one["end_ns"] >= middle for one in found["stretches"])
    assert all(one["begin_ns"] <= middle + 2_000_000 for one in found["stretches"])


def test_no_such_goroutine(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A goroutine that is not there is said to be missing, with exit code 1."""
    assert main(["goroutine", str(recorded), "987654321"]) == 1
    assert "there is no goroutine 987654321" in capsys.readouterr().err


def test_broken(
    recorded: Path, summary: trace.Summary, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a broken trace the life up to the broken place is told, and the exit code is 1."""
    file = tmp_path / "broken.trace"
    file.write_bytes(recorded.read_bytes()[:-3])
    assert main(["goroutine", str(file), str(worker(summary))]) == 1
    captured = capsys.readouterr()
    assert "not a valid trace" in captured.err
    (tmp_path / "text").write_text("no trace")
    assert main(["goroutine", str(tmp_path / "text"), "1"]) == 1
