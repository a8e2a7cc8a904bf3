"""``flightrec run`` with rules, on unmodified Go programs, end to end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, until
from tests.helpers_go import Judge
from tests.helpers_run import Runner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def rules(folder: Path, *rules: str) -> list[str | Path]:
    """Options that save what these rules find, at once."""
    return [
        *(word for rule in rules for word in ("--when", rule)),
        *("-d", folder, "--arm-after", "0", "--min-interval", "0", "--per-rule", "0"),
    ]


def facts(path: Path) -> dict[str, Any]:
    """The metadata beside a snapshot."""
    found: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return found


@pytest.mark.matrix
def test_slow_task(
    libraries: Callable[[str], Path], runner: Runner, judge: Judge, tmp_path: Path
) -> None:
    """Of an unmodified program's tasks the slow one leaves a snapshot, with what followed."""
    folder = tmp_path / "snapshots"
    options = rules(folder, 'task "req*" slower than 200ms')
    program = runner.start(libraries("tasks"), options=[*options, "--tail", "200ms"])
    program.expect("ready")
    for took in ("1ms", "300ms", "1ms"):
        program.write(took + "\n")
        program.expect("done")
    until(lambda: list(folder.glob("*.trace")), "it is saved")
    assert program.finish().status == 0
    (path,) = folder.glob("*.trace")
    events = judge.events(path)
    requests = [e for e in events if e.kind == "TaskBegin" and 'Type="request"' in e.text]
    assert requests
    assert any(e.kind == "Log" and 'Message="sent"' in e.text for e in events)
    told = facts(path)
    event = told["reasons"][0]["event"]
    assert event["name"] == "request"
    assert event["end_ns"] - event["start_ns"] >= 300e6
    assert told["window"]["end_ns"] - event["end_ns"] >= 200e6
    # The task that runs from the program's start to its end began before any window.
    (whole,) = [task for task in told["open_tasks"] if task["name"] == "whole"]
    regions = [region for region in told["open_regions"] if region["start_ns"] < event["start_ns"]]
    assert {region["name"] for region in regions} == {"the whole region", "waiting for good"}
    assert {region["task"] for region in regions} == {whole["id"]}


@pytest.mark.parametrize(
    ("how", "rule", "status"),
    [("exit", "exit status != 0", 7), ("panic", "panic", 2), ("return", "exit status == 0", 0)],
)
def test_exits(
    libraries: Callable[[str], Path],
    runner: Runner,
    judge: Judge,
    tmp_path: Path,
    how: str,
    rule: str,
    status: int,
) -> None:
    """A program's end is a rule like any other; a rule about another end stays silent."""
    folder = tmp_path / "snapshots"
    other = 'signal "SIGTERM"'
    done = runner.run(libraries("ends"), how, options=rules(folder, rule, other))
    assert done.status == status, done.err
    (path,) = folder.glob("*.trace")
    judge.check(path)
    assert [reason["condition"] for reason in facts(path)["reasons"]] == [rule]
    judge.check(runner.snapshot)


def test_signal(
    libraries: Callable[[str], Path], runner: Runner, judge: Judge, tmp_path: Path
) -> None:
    """A signal that ends the program is a rule as well, and cuts no tail short of its snapshot."""
    folder = tmp_path / "snapshots"
    options = rules(folder, 'signal "SIGTERM"', 'task "request" slower than 200ms')
    program = runner.start(libraries("tasks"), options=[*options, "--tail", "1h"])
    program.expect("ready")
    program.write("300ms\n")
    program.expect("done")
    program.signal(signal.SIGTERM)
    assert program.finish().status == 128 + signal.SIGTERM
    (path,) = folder.glob("*.trace")
    judge.check(path)
    conditions = {reason["condition"] for reason in facts(path)["reasons"]}
    assert conditions == {'task "request" slower than 200ms', 'signal "SIGTERM"'}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--when", "gorutines > 5"], "did you mean goroutines?"),
        (["--when", "panic for 5s"], "remove it"),
        (["--when", "http slower than 1s"], "--instrument net/http"),
        (["--tail", "1s"], "add --when RULE"),
        (["--rules", "none.toml"], "No such file"),
        (["--when", "panic", "--max-snapshots", "0"], "max_files"),
        (["--when", "panic", "--when", "panic"], "already"),
        (["--when", "block slower than 1s"], "not a Python program"),
        (["--when", 'signal "TERM"'], "did you mean SIGTERM?"),
    ],
)
def test_refused_before_anything_runs(
    libraries: Callable[[str], Path], runner: Runner, options: list[str], said: str
) -> None:
    """What cannot work is refused before the program runs, and nothing is written."""
    done = runner.run(libraries("tasks"), options=options)
    assert done.status == 2
    assert said in done.err
    assert "ready" not in done.out
    assert not runner.snapshot.exists()


def test_rules_file(libraries: Callable[[str], Path], runner: Runner, tmp_path: Path) -> None:
    """Rules in a file work as on the command line; its folder is as seen from here."""
    file = tmp_path / "rules.json"
    limits = {"dir": "from-the-file", "per_rule": "0s", "arguments": False}
    content = {"snapshots": limits, "rule": [{"when": "exit", "name": "the end"}]}
    file.write_text(json.dumps(content))
    done = runner.run(libraries("tasks"), options=["--rules", file])
    assert done.status == 0, done.err
    (path,) = (runner.folder / "from-the-file").glob("*.trace")
    assert "the-end" in path.name
    assert "arguments" not in facts(path)["program"]


def test_dump_of_a_run(
    libraries: Callable[[str], Path], runner: Runner, judge: Judge, tmp_path: Path
) -> None:
    """Every run can be dumped and asked from outside, rules or none."""
    environment = {"FLIGHTREC_RUNTIME_DIR": str(tmp_path / "r")}
    program = runner.start(libraries("tasks"), env=environment)
    program.expect("ready")
    socket = tmp_path / "r" / f"{program.process.pid}.sock"
    until(socket.exists, "it listens")

    def flightrec(*words: object) -> str:
        command = [sys.executable, "-m", "flightrec", *map(str, words)]
        env = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=env, cwd=tmp_path
        ).stdout

    assert "libtasks.so" in flightrec("ps")
    flightrec("dump", program.process.pid, "-o", "outside.trace")
    judge.check(tmp_path / "outside.trace")
    pid = program.process.pid
    flightrec("rule", pid, "add", "exit", "-d", "added", "--name", "added from outside")
    flightrec("rule", pid, "add", 'signal "SIGHUP"', "-d", "added")
    assert "added from outside" in flightrec("stat", pid)
    assert program.finish().status == 0
    assert len(list((tmp_path / "added").glob("*.trace"))) == 1
    assert not socket.exists()


def test_saving_fails(libraries: Callable[[str], Path], runner: Runner, tmp_path: Path) -> None:
    """A snapshot that cannot be saved is told once, with its rule; the program is not harmed."""
    folder = tmp_path / "snapshots"
    program = runner.start(libraries("tasks"), options=rules(folder, "exit"))
    program.expect("ready")
    shutil.rmtree(folder)
    ended = program.finish()
    assert ended.status == 0
    assert ended.said.count("no snapshot for") == 1
    assert "no snapshot for rule exit: [Errno 2]" in ended.said


def test_silence(libraries: Callable[[str], Path], runner: Runner) -> None:
    """Of a rule that was true and could not save a snapshot the run says why at its end."""
    options = ["--when", 'task "request" slower than 1ms', "--when", "panic"]
    program = runner.start(libraries("tasks"), options=options)
    program.expect("ready")
    program.write("10ms\n")
    program.expect("done")
    ended = program.finish()
    (said,) = [line for line in ended.said.splitlines() if "saved nothing" in line]
    assert said.startswith('flightrec: rule task "request" slower than 1ms saved nothing: ')
    assert "suppressed 1 by not_armed" in said
    assert "--arm-after" in said
