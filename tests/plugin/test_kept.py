"""What the plugin keeps of tests that fail."""

from __future__ import annotations

import signal
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from flightrec import trace
from tests.helpers import DEADLINE
from tests.helpers_go import Judge
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

FAILING = """
import pytest

@pytest.fixture
def broken(flight_recorder):
    raise ValueError("no set-up")

@pytest.fixture
def breaks(flight_recorder):
    yield
    raise ValueError("no tear-down")

def test_passes(go_runtime):
    pass

def test_call(go_runtime):
    go_runtime.log("said", "in the test")
    assert go_runtime.run("idle", goroutines=1, duration=0.01) is None, "x"

def test_setup(broken):
    pass

def test_teardown(breaks):
    pass

@pytest.mark.xfail
def test_expected(go_runtime):
    assert False

@pytest.mark.xfail(strict=True)
def test_unexpected(go_runtime):
    pass
"""


def test_phases(project: Project, judge: Judge) -> None:
    """A failure of set-up, call or tear-down leaves a trace, metadata and summary; xfail none."""
    project.write(FAILING)
    done = project.run("--junitxml=r.xml", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, failed=2, errors=2, xfailed=1)
    for test, stem in (
        ("test_call", "call"),
        ("test_setup", "setup"),
        ("test_teardown", "teardown"),
        ("test_unexpected", "call"),
    ):
        folder = project.folder(test)
        assert {path.name for path in folder.iterdir()} == {
            f"{stem}.trace",
            f"{stem}.json",
            f"{stem}.txt",
        }
        judge.check(folder / f"{stem}.trace")
        facts = project.facts(test, stem)
        assert facts["test"]["node_id"] == f"test_it.py::{test}"
        assert facts["reasons"][0]["reason"].startswith(f"{stem} failed: ")
        text = (folder / f"{stem}.txt").read_text(encoding="utf-8")
        assert text.startswith(f"{stem}.trace: ")
        assert "\ntasks " in text
        done.stdout.fnmatch_lines([f"The last * s of the Go runtime: {folder}/{stem}.trace"])
    assert len(project.folders()) == 4
    assert judge.messages(project.folder("test_call") / "call.trace", "said") == ["in the test"]
    properties = {
        case.get("name"): [each.get("value") for each in case.iter("property")]
        for case in ElementTree.parse(project.pytester.path / "r.xml").iter("testcase")
    }
    assert properties["test_passes"] == []
    for name in ("test_call", "test_setup", "test_teardown", "test_unexpected"):
        assert properties[name] == [str(project.folder(name))]


def test_tasks(project: Project, judge: Judge) -> None:
    """In the trace each test is a task with its node id, and its phases are regions, in order."""
    project.write(
        """
        import pytest

        @pytest.mark.parametrize("n", [1, 2])
        def test_many(flight_recorder, n):
            pass

        def test_last(go_runtime):
            assert 0
        """
    )
    project.run("--import-mode=importlib").assert_outcomes(passed=2, failed=1)
    path = project.folder("test_last") / "call.trace"
    judge.check(path)
    tasks = {task.name: task for task in trace.summarize(path).tasks.values() if task.name}
    for name in ("test_many[1]", "test_many[2]"):
        task = tasks[f"test_it.py::{name}"]
        assert task.complete
        assert _regions(task) == ["set-up", "call", "tear-down"]
    last = tasks["test_it.py::test_last"]
    assert last.end_ns is None
    assert _regions(last) == ["set-up", "call"]


def _regions(task: trace.TaskSummary) -> list[str]:
    """Return the names of a task's regions, without what a thread inherits from its creator."""
    return [region.name for region in task.regions if not region.inherited]


def test_sessions_of_one_process(project: Project, judge: Judge, go_library: Path) -> None:
    """Each session of a process keeps its windows, and leaves its signal handlers as they were."""
    project.write(f"[pytest]\nflightrec_library = {go_library}\n", "pytest.ini")
    project.write("def test_fails(flight_recorder):\n    assert 0\n")
    project.write(
        """
        def test_exits(go_runtime):
            go_runtime.run("panic_in_a_goroutine")
        """,
        "test_last.py",
    )
    project.write(
        """
        import signal
        import pytest

        before = signal.getsignal(signal.SIGTERM)
        assert pytest.main(["-p", "no:asyncio", "test_it.py"]) == 1
        assert signal.getsignal(signal.SIGTERM) is before
        assert signal.set_wakeup_fd(-1) == -1
        pytest.main(["-p", "no:asyncio", "test_it.py", "test_last.py"])
        """,
        "main.py",
    )
    done = project.pytester.run(sys.executable, "main.py", timeout=2 * DEADLINE)
    assert done.ret == -signal.SIGABRT  # by Go
    windows = sorted(f"{path.parent.name[:18]} {path.stem}" for path in project.traces())
    assert windows == [*(2 * ["test_it-test_fails call"]), "test_last-test_exi exit"]
    for path in project.traces():
        judge.check(path)


def test_modes(project: Project) -> None:
    """--flightrec=off keeps nothing, =on the window of passed tests too; ini and option agree."""
    project.write("def test_good(flight_recorder):\n    assert flight_recorder.enabled\n")
    project.write("def test_bad(flight_recorder):\n    assert 0\n", "test_bad.py")
    project.run("--flightrec=off").assert_outcomes(passed=1, failed=1)
    assert not project.results.exists()
    project.write(
        """
        [pytest]
        flightrec = on
        flightrec_dir = kept
        flightrec_max_bytes = 3MiB
        flightrec_min_age = 2s
        flightrec_hang = 500s
        """,
        "pytest.ini",
    )
    project.results = project.pytester.path / "kept"
    project.run().assert_outcomes(passed=1, failed=1)
    assert {path.name for path in project.folder("test_good").iterdir()} >= {"end.trace"}
    recorder = project.facts("test_bad", "call")["recorder"]
    assert (recorder["max_bytes"], recorder["min_age"]) == (3 << 20, 2.0)


def test_records_what_tests_load(project: Project) -> None:
    """--flightrec=retain-on-failure records tests without fixtures, once one has loaded Go."""
    project.write(
        """
        import flightrec

        def test_loads():
            flightrec.load()

        def test_fails():
            flightrec.load().log("c", "m")
            assert 0
        """
    )
    project.run("--flightrec=retain-on-failure").assert_outcomes(passed=1, failed=1)
    assert [log.message for log in _logs(project, "test_fails")] == ["m"]


def test_own_go_runtime(project: Project) -> None:
    """A fixture go_runtime of the tests' own is recorded as the plugin's is."""
    project.write(
        """
        import pytest
        import flightrec

        @pytest.fixture(scope="session")
        def go_runtime():
            return flightrec.load()

        def test_fails(go_runtime):
            go_runtime.log("c", "m")
            assert 0
        """
    )
    project.run().assert_outcomes(failed=1)
    assert [log.message for log in _logs(project, "test_fails")] == ["m"]


def test_clock_of_a_test(project: Project) -> None:
    """A test that replaces the time module's clocks is recorded, judged and watched as any."""
    project.write(
        """
        import pathlib
        import time
        import pytest

        @pytest.fixture
        def stopped(go_runtime, monkeypatch):
            for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"):
                monkeypatch.setattr(time, name, lambda: 7)

        @pytest.mark.go_limits(max_goroutines=2)
        def test_many(go_runtime, stopped):
            go_runtime.run("idle", goroutines=4, duration=0.01)

        @pytest.mark.go_hang(0.1)
        def test_hangs(go_runtime, stopped):
            while not list(pathlib.Path("flightrec-results").glob("*test_hangs*/hang.txt")):
                time.sleep(0.01)
        """
    )
    done = project.run()
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["there were * goroutines at *", "The last [0-9]* s of the Go *"])


def _logs(project: Project, test: str) -> list[trace.Log]:
    with trace.read(project.folder(test) / "call.trace") as events:
        return [e for e in events if isinstance(e, trace.Log) and e.category == "c"]


def test_stopped_recorder(project: Project) -> None:
    """A test that stops the recorder costs no other test its window, and says why it has none."""
    project.write(
        """
        def test_before(flight_recorder):
            assert 0

        def test_stops(flight_recorder):
            flight_recorder.stop()
            flight_recorder.set_size(1)
            assert 0

        def test_after(flight_recorder):
            assert flight_recorder.enabled and flight_recorder.max_bytes == 2 << 20
            assert 0
        """
    )
    done = project.run("--flightrec-max-bytes=2MiB", "--flightrec-min-age=3s")
    done.assert_outcomes(failed=3)
    assert len(project.folders()) == 2
    assert project.facts("test_before", "call")["recorder"]["min_age"] == 3.0
    assert (project.folder("test_after") / "call.trace").exists()
    done.stdout.fnmatch_lines(["*this test could not be kept: *is not started"])


def test_go_ends_the_process(project: Project, judge: Judge, go_library: Path) -> None:
    """A test in which Go ends the process leaves its window, and those before it keep theirs."""
    project.write(f"[pytest]\nflightrec_library = {go_library}\n", "pytest.ini")
    project.write(
        """
        def test_before(flight_recorder):
            assert 0

        def test_exits(go_runtime, flight_recorder):
            go_runtime.run("panic_in_a_goroutine")
        """
    )
    assert project.run().ret == -6  # SIGABRT, by Go
    assert (project.folder("test_before") / "call.trace").exists()
    judge.check(project.folder("test_exits") / "exit.trace")


@pytest.mark.parametrize("option", ["--flightrec-max-bytes=10", "--flightrec-min-age=x"])
def test_wrong_options(project: Project, option: str) -> None:
    """A size or time that makes no sense is a usage error that names the option."""
    done = project.run_here(option)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{option.partition('=')[0]} (*"])


def test_inert(project: Project) -> None:
    """A run that uses nothing of the plugin imports nothing of it but its hooks, and no Go."""
    project.write(
        """
        import sys

        def test_it():
            found = {name for name in sys.modules if name.partition(".")[0] == "flightrec"}
            assert found == {
                "flightrec",
                "flightrec._version",
                "flightrec.pytest_plugin",
                "flightrec.pytest_plugin.plugin",
            }
        """
    )
    project.run().assert_outcomes(passed=1)
