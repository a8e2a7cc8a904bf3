"""The plugin beside others: pytest-xdist, pytest-rerunfailures, pytest-timeout, pytest-asyncio."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from flightrec import trace
from tests.helpers import ROOT
from tests.helpers_go import Judge
from tests.plugin.project import Project

pytest_plugins = ["pytester"]


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test where a plugin is not installed."""
    missing = importlib.util.find_spec(name) is None
    return pytest.mark.skipif(missing, reason=f"{name} is not installed")


WAYS = {
    "plain": (),
    "workers": ("-n", "2"),
    "no cacheprovider": ("-p", "no:cacheprovider"),
    "reruns": ("--reruns", "1"),
    "timeout by signal": ("--timeout=300", "--timeout-method=signal"),
    "timeout by thread": ("--timeout=300", "--timeout-method=thread"),
    "asyncio": ("-p", "pytest_asyncio", "-o", "asyncio_default_fixture_loop_scope=function"),
    "importlib": ("--import-mode=importlib",),
    "first failure": ("-x",),
    "last failed": ("--lf",),
    "junitxml": ("--junitxml=r.xml",),
}


@needs("xdist")
@needs("pytest_rerunfailures")
@needs("pytest_timeout")
@needs("pytest_asyncio")
@pytest.mark.parametrize("way", WAYS)
def test_ways_to_run(project: Project, judge: Judge, way: str) -> None:
    """However pytest runs, the test that fails leaves its window, and the other leaves none."""
    project.write(
        """
        def test_passes(flight_recorder):
            pass

        def test_fails(flight_recorder):
            assert 0
        """
    )
    outcomes = project.run(*WAYS[way]).parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (1, 1)
    assert len(project.folders()) == (2 if way == "reruns" else 1)
    for path in project.traces():
        assert "test_fails" in path.parent.name
        judge.check(path)


@needs("xdist")
@needs("pytest_rerunfailures")
def test_xdist_and_reruns(project: Project, judge: Judge) -> None:
    """Each worker and each rerun has its own folder; a worker that crashes loses no other's."""
    project.write(
        """
        import os
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_fails(flight_recorder, n):
            assert 0

        def test_crashes(flight_recorder):
            os._exit(5)

        @pytest.mark.flaky(reruns=2)
        def test_flaky(flight_recorder):
            assert 0
        """
    )
    done = project.run("-n", "2", "-p", "xdist", "--junitxml=r.xml")
    outcomes = done.parseoutcomes()
    assert (outcomes["failed"], outcomes["rerun"]) == (6, 2)
    names = [path.name for path in project.folders()]
    assert len([name for name in names if "test_fails" in name]) == 4
    assert all(name[-4:-1] == "-gw" for name in names)
    flaky = [name for name in names if "test_flaky" in name]
    assert ["rerun" in name for name in flaky].count(True) == 2
    assert len(flaky) == 3
    for path in project.traces():
        judge.check(path)
    report = (project.pytester.path / "r.xml").read_text(encoding="utf-8")
    assert report.count('<property name="flightrec"') >= 5


@needs("xdist")
def test_package(project: Project) -> None:
    """A flightrec_package is built once for all workers, and they load that library."""
    shutil.copytree(ROOT / "tests/data/go/programs/works", project.pytester.path / "works")
    project.write("[pytest]\nflightrec_package = ./works\n", "pytest.ini")
    project.write(
        """
        import pytest

        @pytest.mark.parametrize("n", range(2))
        def test_it(go_runtime, n):
            assert go_runtime.workloads() == ("echo", "fail", "panic", "sum", "wait")
            assert 0
        """
    )
    project.run("-n", "2").assert_outcomes(failed=2)
    facts = [project.facts(f"test_it-{n}-", "call") for n in range(2)]
    assert len({each["program"]["pid"] for each in facts}) == 2
    assert len({each["program"]["library"] for each in facts}) == 1


@needs("pytest_asyncio")
def test_asyncio(project: Project, judge: Judge) -> None:
    """Tests that are coroutines leave a valid trace with their regions and their own logs."""
    project.write(
        """
        import asyncio
        import pytest

        @pytest.mark.asyncio
        async def test_waits(go_runtime, flight_recorder):
            with go_runtime.region("inner"):
                await asyncio.sleep(0)
            assert 0
        """
    )
    config = "asyncio_default_fixture_loop_scope=function"
    project.run("-p", "pytest_asyncio", "-o", config).assert_outcomes(failed=1)
    path = project.folder("test_waits") / "call.trace"
    judge.check(path)
    tasks = {task.name: task for task in trace.summarize(path).tasks.values()}
    regions = tasks["test_it.py::test_waits"].regions
    names = [region.name for region in regions if not region.inherited]
    assert names[:2] == ["set-up", "call"]


def test_last_failed(project: Project) -> None:
    """-x and --lf: what fails again has a new folder, and the earlier session's stays."""
    project.write(
        "def test_a(flight_recorder):\n    assert 0\n\n\n"
        "def test_b(flight_recorder):\n    assert 0\n"
    )
    project.run("-x").assert_outcomes(failed=1)
    assert [path.name[:13] for path in project.folders()] == ["test_it-test_"]
    project.run("--lf").assert_outcomes(failed=1)
    first, second = project.folders()
    assert second.name == f"{first.name}-2"
