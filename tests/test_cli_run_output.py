"""Where ``flightrec run`` writes its snapshot: folders, pipes, standard output; what it says."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flightrec.cli.shortfall import shortfall
from tests.helpers import Thread, until
from tests.helpers_go import Judge
from tests.helpers_run import Runner, Running

QUICK = ("pairs=1", "duration=0.01")


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def through_a_shell(script: str, runner: Runner) -> Running:
    """Start a shell script in which "$@" is the command, up to its options."""
    command = [sys.executable, "-m", "flightrec", "run", "pingpong", *QUICK]
    running = Running(["bash", "-c", script, "bash", *command], cwd=runner.folder)
    runner.started.append(running)
    return running


def test_folder_is_made(runner: Runner, judge: Judge) -> None:
    """A folder that -o names and that is not there is made, as by build -o."""
    path = runner.folder / "no" / "such" / "s.trace"
    assert runner.run("pingpong", options=["-o", path, *QUICK]).status == 0
    judge.check(path)


def test_folder_is_not_made_for_nothing(runner: Runner) -> None:
    """Where nothing is run, no folder is made."""
    ended = runner.run("pingpong", options=["-o", "no/s.trace", "--workload", "x"])
    assert ended.status == 2
    assert not (runner.folder / "no").exists()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_standard_output(name: str, runner: Runner, judge: Judge) -> None:
    """The snapshot goes down the pipe, alone; what else is printed goes to standard error."""
    ended = through_a_shell(f'"$@" -o {name} >s.trace', runner).finish()
    assert ended.status == 0, ended.err
    assert ended.out == ""
    assert "roundtrips" in ended.err
    assert judge.check(runner.folder / "s.trace") > 20
    assert [path.name for path in runner.folder.glob("*.trace")] == ["s.trace"]


def test_process_substitution(runner: Runner, judge: Judge) -> None:
    """A >(command) of the shell gets the snapshot."""
    assert through_a_shell('"$@" -o >(cat >s.trace; : >done)', runner).finish().status == 0
    until((runner.folder / "done").exists, "the other command's end")
    assert judge.check(runner.folder / "s.trace") > 20


def test_named_pipe(runner: Runner, judge: Judge) -> None:
    """A named pipe is written to when the program is at its end."""
    pipe = runner.folder / "pipe"
    os.mkfifo(pipe)
    reading = Thread(pipe.read_bytes)
    assert runner.run("pingpong", options=["-o", pipe, *QUICK]).status == 0
    (runner.folder / "s.trace").write_bytes(reading.result())
    assert judge.check(runner.folder / "s.trace") > 20


def test_reader_that_has_gone(runner: Runner) -> None:
    """A pipe that nobody reads any more is told, and ends with 2."""
    ended = through_a_shell('"$@" -o >(:)', runner).finish()
    assert ended.status == 2
    assert "no snapshot: Broken pipe" in ended.said


def test_window_that_is_too_small(runner: Runner) -> None:
    """A window that lost generations before its time says so once, with the size that would do."""
    options = ["pairs=4", "duration=1.5", "--min-age", "1s", "--max-bytes", "1MiB"]
    ended = runner.run("pingpong", options=options)
    # Which of the causes it was depends on how busy the machine is.
    said = re.findall(
        r"kept .* of 1\.0 s asked: .*1\.0 MiB.*; --max-bytes .* would hold", ended.err
    )
    assert len(said) == 1, ended.err


def test_window_that_is_large_enough(runner: Runner) -> None:
    """A program that ended before the window's time is not told to enlarge it."""
    assert "--max-bytes" not in runner.run("idle", options=["duration=0.2"]).err


MIB = 1 << 20


@pytest.mark.parametrize(
    ("reach", "min_age", "ran", "nbytes", "evicted", "outgrown", "lost", "expected"),
    [
        (0.24, 10.0, 60.0, 10 * MIB, 99, 0, 0,
         "kept 240 ms of 10.0 s asked: 10.0 MiB is full; --max-bytes 440MiB would hold it"),
        (0.24, 10.0, 2.0, 10 * MIB, 99, 0, 0,
         "kept 240 ms of 2.0 s recorded: 10.0 MiB is full; --max-bytes 88MiB would hold it"),
        (1.0, 600.0, 600.0, 10 * MIB, 99, 0, 0,
         "kept 1.0 s of 10 min 0 s asked: 10.0 MiB is full; --max-bytes 7GiB would hold it"),
        (0.1, 1.0, 60.0, MIB, 99, 2, 3,
         "kept 100 ms of 1.0 s asked: 2 generations did not fit into 10.0 MiB; --max-bytes 11MiB "
         "would hold it"),
        (0.1, 1.0, 60.0, MIB, 99, 0, 1,
         "kept 100 ms of 1.0 s asked: 1 generation had to be evicted from 10.0 MiB before Python "
         "received it; --max-bytes 11MiB would hold it"),
        (0.1, 1.0, 60.0, MIB, 99, 0, 0,
         "kept 100 ms of 1.0 s asked: 10.0 MiB was full; --max-bytes 11MiB would hold it"),
        (0.0, 1.0, 60.0, 500, 99, 1, 0,
         "kept 0 µs of 1.0 s asked: 1 generation did not fit into 10.0 MiB"),
        (9.5, 10.0, 60.0, 10 * MIB, 99, 0, 0, None),
        (1.9, 10.0, 2.0, 10 * MIB, 99, 0, 0, None),
        (0.5, 10.0, 60.0, MIB, 0, 0, 0, None),
        (0.0, 10.0, 60.0, MIB, 0, 0, 0, None),
    ],
)  # fmt: skip
def test_shortfall(
    reach: float, min_age: float, ran: float, nbytes: int, evicted: int, outgrown: int, lost: int,
    expected: str | None,
) -> None:  # fmt: skip
    """Whenever a window is short of its time and generations had to go, the cause is told."""
    said = shortfall(
        reach=reach, min_age=min_age, ran=ran, nbytes=nbytes, max_bytes=10 * MIB,
        evicted=evicted, outgrown=outgrown, lost=lost,
    )  # fmt: skip
    assert said == expected
