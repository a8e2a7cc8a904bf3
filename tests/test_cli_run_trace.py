"""``flightrec run --trace``: the full trace of a run, beside its snapshot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers_go import Judge
from tests.helpers_run import Runner

QUICK = ("pairs=1", "duration=0.01")


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def test_trace_beside_the_snapshot(runner: Runner, judge: Judge) -> None:
    """--trace writes all of a run, from its first event on, and the snapshot is written as ever."""
    path = runner.folder / "new" / "full.trace"
    ended = runner.run("pingpong", options=["--trace", path, *QUICK])
    assert ended.status == 0, ended.err
    assert f"flightrec: {path}: " in ended.said
    assert [file.name for file in path.parent.iterdir()] == ["full.trace"]
    judge.check(runner.snapshot)
    judge.check(path)


@pytest.mark.parametrize(("way", "status"), [("exit", 7), ("panic", 2)])
def test_trace_of_a_program_that_departs(
    way: str, status: int, runner: Runner, libraries: Callable[[str], Path], judge: Judge
) -> None:
    """os.Exit and a panic leave the whole trace, up to them."""
    path = runner.folder / "full.trace"
    ended = runner.run(libraries("ends"), way, options=["--trace", path])
    assert ended.status == status, ended.err
    logs = [event for event in judge.events(path) if event.kind == "Log"]
    assert any("last" in event.text for event in logs), logs
    judge.check(runner.snapshot)


@pytest.mark.parametrize("limit", ["1B", "1ns"])
def test_rotation(limit: str, runner: Runner, judge: Judge) -> None:
    """--trace-rotate begins another file after a size or a time; each is a valid trace."""
    ended = runner.run(
        "idle", options=["--trace", "t.trace", "--trace-rotate", limit, "duration=1.2"]
    )
    assert ended.status == 0, ended.err
    files = sorted(runner.folder.glob("t*.trace"))
    assert len(files) >= 2
    assert f"in {len(files)} files" in ended.said
    for file in files:
        judge.check(file)


def test_standard_output(runner: Runner, judge: Judge) -> None:
    """With ``--trace -`` a pipe gets the trace, alone; what else is printed goes to stderr."""
    command = [sys.executable, "-m", "flightrec", "run", "pingpong", "--trace", "-", *QUICK]
    done = subprocess.run(command, cwd=runner.folder, capture_output=True, check=True)
    assert b"roundtrips" in done.stderr
    judge.check(done.stdout)


def test_reader_that_goes_away(runner: Runner, judge: Judge) -> None:
    """If the reader of the pipe goes, the program runs on to its end and its snapshot is written.

    The lost trace is told of, and 0 becomes 2.
    """
    command = [sys.executable, "-m", "flightrec", "run", "idle", "--trace", "-", "duration=0.5"]
    with subprocess.Popen(
        [*command, "-o", runner.snapshot], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 2
    assert b"flightrec: the trace is not complete: Broken pipe" in said
    judge.check(runner.snapshot)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--trace-rotate", "1s"], "--trace-rotate needs --trace"),
        (["--trace", "f", "--trace-rotate", "1x"], "neither a size nor a time"),
        (["--trace", "-", "--trace-rotate", "1s"], "only a file can be rotated"),
        (["--trace", "s.trace"], "both go to"),
        (["--trace", "."], "directory"),
    ],
)
def test_refused(options: list[str], words: str, runner: Runner) -> None:
    """What cannot be is refused before anything is run."""
    ended = runner.run("pingpong", options=[*options, *QUICK])
    assert ended.status == 2
    assert words in ended.err
    assert not runner.snapshot.exists()


def test_full_disk(runner: Runner, judge: Judge) -> None:
    """A trace that cannot be written is told of, and 0 becomes 2; the snapshot is written."""
    ended = runner.run("pingpong", options=["--trace", "/dev/full", *QUICK])
    assert ended.status == 2
    assert "the trace is not complete" in ended.said
    judge.check(runner.snapshot)
