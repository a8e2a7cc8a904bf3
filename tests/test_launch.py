"""A program's own arguments and executable, before its init functions run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flightrec.launch import launching
from tests.helpers import Child

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
