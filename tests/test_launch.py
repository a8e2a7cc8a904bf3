"""A program's own arguments and executable, before its init functions run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightrec.launch import launching
from tests.helpers import Child
from tests.helpers_go import Judge
from tests.helpers_run import Runner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the overlay is for Linux")

LOADS = """
from flightrec.launch import launching
with launching(["/opt/selfkill", "-verbose", "é", "a b"], "/opt/bin/selfkill"):
    runtime = flightrec.load()
"""


@pytest.fixture
def child(libraries: Callable[[str], Path]) -> Child:
    """Run Python code in child processes that load the program."""
    return Child(libraries("selfkill"))


@pytest.mark.matrix
def test_init_functions_see_the_programs_arguments(child: Child) -> None:
    """os.Args, package flag and os.Executable have the program's before any init function."""
    done = child.run(LOADS)
    assert done.stdout == "init [-verbose é a b] true true /opt/bin/selfkill <nil>\n"


def test_nothing_is_left_in_the_environment(child: Child) -> None:
    """What was passed on is gone afterwards, for Python, Go and their children."""
    code = """
    before = dict(os.environ)
    exec(sys.argv[1])
    import subprocess
    environ = subprocess.run(["env"], stdout=subprocess.PIPE, text=True).stdout
    print(os.environ == before, "FLIGHTREC_ARGS" in environ, "FLIGHTREC_EXECUTABLE" in environ)
    """
    assert child.run(code, LOADS).stdout.endswith("True False False\n")


def test_another_processs_arguments_are_left_alone(child: Child) -> None:
    """An address that a child inherits from another process is not followed."""
    done = child.run("flightrec.load()", env={"FLIGHTREC_ARGS": "1:16"})
    assert done.stdout == ""


def test_without_arguments_the_process_has_its_own(child: Child) -> None:
    """A library that is loaded in the ordinary way has the process's arguments, as ever."""
    assert child.run("flightrec.load().run('main')", "x").stdout == ""


@pytest.mark.parametrize(
    ("args", "executable"), [([], None), (["a\0b"], None)], ids=["empty", "nul"]
)
def test_arguments_that_cannot_be(args: list[str], executable: str | None) -> None:
    """Arguments that no program can have are refused."""
    with pytest.raises(ValueError, match="args must"), launching(args, executable):
        pass


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def test_run_gives_the_program_its_name(runner: Runner, libraries: Callable[[str], Path]) -> None:
    """Under flightrec run os.Executable is the file that os.Args[0] names, before main too."""
    ended = runner.run(libraries("selfkill"), "-verbose", "x")
    assert ended.status == 0, ended
    words = ended.out.split()
    assert words[:5] == ["init", "[-verbose", "x]", "true", "true"]
    assert Path(words[5]).name == "selfkill"


def test_run_records_a_program_that_kills_itself(
    runner: Runner, libraries: Callable[[str], Path], judge: Judge
) -> None:
    """A program under flightrec run that ends itself by a signal leaves a snapshot."""
    ended = runner.run(libraries("selfkill"), "default")
    assert ended.status == -signal.SIGTERM, ended
    judge.check(runner.snapshot)
