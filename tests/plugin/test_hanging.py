"""Tests that hang, and sessions that are ended: the window is kept before."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys

import pytest

from tests.helpers import DEADLINE, until
from tests.helpers_go import Judge
from tests.plugin.project import Project

pytest_plugins = ["pytester"]


def test_hang(project: Project, judge: Judge) -> None:
    """A test that runs for longer than --flightrec-hang leaves its window while it runs."""
    project.write(
        """
        import pathlib
        import time
        import pytest

        def kept():
            return list(pathlib.Path("flightrec-results").glob("*test_hangs*/hang.txt"))

        def test_quick(flight_recorder):
            pass

        def test_hangs(flight_recorder):
            while not kept():
                time.sleep(0.01)
        """
    )
    project.run("--flightrec-hang=1").assert_outcomes(passed=2)
    judge.check(project.folder("test_hangs") / "hang.trace")
    facts = project.facts("test_hangs", "hang")
    assert facts["reasons"][0]["reason"] == "the test still ran after 1 s"
    assert facts["test"]["phase"] == "call"
    stacks = facts["reasons"][0]["python_stacks"]
    assert any("test_hangs" in line for stack in stacks for line in stack["stack"])


def test_hang_before_anything_is_recorded(project: Project) -> None:
    """A test that is late while the library still loads leaves its window once there is one."""
    project.write(
        """
        import pathlib
        import time
        import pytest

        @pytest.fixture(scope="session")
        def before_go():
            time.sleep(0.5)

        @pytest.mark.go_hang(0.1)
        def test_hangs(before_go, go_runtime):
            while not list(pathlib.Path("flightrec-results").glob("*/hang.txt")):
                time.sleep(0.01)
        """
    )
    project.run().assert_outcomes(passed=1)


@pytest.mark.skipif(
    importlib.util.find_spec("pytest_timeout") is None, reason="pytest-timeout is not installed"
)
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_timeout(project: Project, method: str) -> None:
    """The window of a test that pytest-timeout kills is there, by either of its methods."""
    project.write(
        """
        import pytest

        def test_loads(go_runtime):
            pass

        @pytest.mark.timeout(3)
        @pytest.mark.go_hang(0.1)
        def test_hangs(go_runtime):
            go_runtime.run("idle", goroutines=1, duration=300)
        """
    )
    project.run(f"--timeout-method={method}")
    assert (project.folder("test_hangs") / "hang.trace").exists()


def test_faulthandler(project: Project, judge: Judge) -> None:
    """The window of a test is there when faulthandler ends the process while the test hangs."""
    project.write(
        """
        import faulthandler
        import pathlib
        import threading
        import time
        import pytest

        @pytest.mark.go_hang(0.3)
        def test_hangs(go_runtime):
            def kill():
                while not list(pathlib.Path("flightrec-results").glob("*/hang.json")):
                    time.sleep(0.01)
                faulthandler.dump_traceback_later(0.1, exit=True)
            threading.Thread(target=kill).start()
            go_runtime.run("idle", goroutines=1, duration=300)
        """
    )
    assert project.run("-p", "no:faulthandler").ret == 1
    judge.check(project.folder("test_hangs") / "hang.trace")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(project: Project, judge: Judge, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM leave the window of the test that runs, and end as they always do."""
    project.write(
        """
        import pathlib
        import time

        def test_hangs(flight_recorder):
            pathlib.Path("ready").touch()
            time.sleep(300)
        """
    )
    status = _run_and_signal(project, number)
    assert status == (2 if number == signal.SIGINT else -signal.SIGTERM)
    path = project.folder("test_hangs") / "interrupt.trace"
    judge.check(path)
    if number == signal.SIGINT:
        output = (project.pytester.path / "output").read_text(encoding="utf-8")
        assert f"s of the Go runtime: {path}\n" in output


def test_signal_outside_of_python(project: Project) -> None:
    """SIGTERM keeps the window and ends the process also while the test hangs in a C call."""
    project.write(
        """
        import ctypes

        def test_hangs(flight_recorder):
            ctypes.CDLL(None).system(b"touch ready; exec sleep 300")
        """
    )
    assert _run_and_signal(project, signal.SIGTERM) == -signal.SIGTERM
    reason = project.facts("test_hangs", "interrupt")["reasons"][0]["reason"]
    assert reason == "SIGTERM, while the test hung outside of Python"


@pytest.mark.skipif(
    importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed"
)
def test_signal_with_workers(project: Project) -> None:
    """SIGTERM leaves the windows of the tests that run in pytest-xdist's workers."""
    project.write(
        """
        import pathlib
        import time
        import pytest

        @pytest.mark.parametrize("n", range(2))
        def test_hangs(flight_recorder, n):
            pathlib.Path(f"ready-{n}").touch()
            while not all(pathlib.Path(f"ready-{other}").exists() for other in range(2)):
                time.sleep(0.01)
            pathlib.Path("ready").touch()
            time.sleep(300)
        """
    )
    assert _run_and_signal(project, signal.SIGTERM, workers=2) == -signal.SIGTERM


def _run_and_signal(project: Project, number: signal.Signals, *, workers: int = 0) -> int:
    """Signal a session whose tests hang, its workers too; return its status once it has ended.

    What it leaves running is killed, once each worker has kept its window.
    """
    folder = project.pytester.path
    distributed = ["-n", str(workers)] if workers else []
    with (
        (folder / "output").open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:asyncio", *distributed],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            until((folder / "ready").exists, "the test runs")
            (os.killpg if workers else os.kill)(process.pid, number)
            status = process.wait(DEADLINE)
            until(lambda: len(list(project.traces())) >= workers, "each worker has kept its window")
            return status
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it has started
