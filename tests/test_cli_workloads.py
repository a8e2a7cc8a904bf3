"""``flightrec workloads``: what can be run by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import flightrec
from flightrec.errors import WorkloadError
from flightrec.toolchain import Toolchain
from flightrec.workloadinfo import check_arguments, describe_workloads
from tests.gomodules import run_command
from tests.helpers_run import Libraries


@pytest.fixture(scope="session")
def libraries(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what builds one of the tests' programs, once."""
    return Libraries(go, tmp_path_factory.getbasetemp())


def test_bundled_workloads(runtime: flightrec.GoRuntime) -> None:
    """Each bundled workload is there with its arguments, types, defaults and meanings."""
    done = run_command("workloads")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    at = lines.index("pingpong: passes a token back and forth between pairs of goroutines")
    assert lines[at + 1] == "  duration=0  number        seconds; 0: until it is cancelled"
    assert lines[at + 2] == "  pairs=4     whole number  pairs of goroutines"
    names = [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert tuple(names) == runtime.workloads()


def test_json() -> None:
    """--json gives the same to programs."""
    done = run_command("workloads", "--json")
    found = {workload["name"]: workload for workload in json.loads(done.stdout)}
    assert found["pingpong"]["arguments"][1] == {
        "name": "pairs",
        "type": "whole number",
        "default": 4,
        "help": "pairs of goroutines",
    }


def test_workloads_of_a_library(libraries: Callable[[str], Path]) -> None:
    """A library says what its workloads take, where they were registered with it."""
    done = run_command("workloads", libraries("works"))
    assert done.returncode == 0, done.stderr
    assert "\nsum: adds numbers\n  first=1.5    number         the first of them\n" in done.stdout
    assert '\n  label="sum"  text\n  loud=false   true or false\n' in done.stdout
    assert "\nwait\n  it does not say which arguments it takes\n" in done.stdout


def test_program(libraries: Callable[[str], Path]) -> None:
    """A program has its main."""
    done = run_command("workloads", libraries("ends"))
    assert done.stdout == "main: the program; its arguments go behind --\n"


def test_library_of_c_functions(libraries: Callable[[str], Path]) -> None:
    """A library without workloads says so."""
    assert "has no workloads" in run_command("workloads", libraries("calls")).stdout


def test_folder(tmp_path: Path) -> None:
    """A folder is to be built first."""
    done = run_command("workloads", tmp_path)
    assert done.returncode == 2
    assert f"is a folder; build it first (flightrec build {tmp_path})" in done.stderr


def test_check(runtime: flightrec.GoRuntime) -> None:
    """Arguments are checked without running anything, and an unknown workload is told."""
    library = runtime._library
    check_arguments(library, "pingpong", {"pairs": 2})
    with pytest.raises(WorkloadError, match="did you mean pairs") as caught:
        check_arguments(library, "pingpong", {"pears": 2})
    assert caught.value.workload == "pingpong"
    assert caught.value.reason.startswith("there is no argument pears")
    with pytest.raises(WorkloadError, match='no workload "x" is registered'):
        check_arguments(library, "x", {})


def test_error_when_it_is_run(runtime: flightrec.GoRuntime) -> None:
    """runtime.run with a wrong argument says the same."""
    with pytest.raises(WorkloadError, match="bad arguments: there is no argument pears; did you"):
        runtime.run("pingpong", pears=2)


def test_defaults(runtime: flightrec.GoRuntime) -> None:
    """A bundled workload's defaults are those that it runs with."""
    info = {workload.name: workload for workload in describe_workloads(runtime._library)}
    defaults = {known.name: known.default for known in info["idle"].arguments or ()}
    assert runtime.run("idle", duration=0.01) == {"goroutines": defaults["goroutines"]}
