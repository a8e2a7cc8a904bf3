"""Fixtures of the report's tests: real traces, reports of them, and a browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import flightrec
from flightrec.directory import SavedSnapshot
from flightrec.report import write_report
from flightrec.rules import attach
from tests.environment import group_python
from tests.helpers import DEADLINE, until
from tests.helpers_go import Judge
from tests.report.browser import Browser, find_chromium
from tests.trace.conftest import maker

__all__ = ["maker"]  # a fixture

#: Harmless wherever it is shown, or it is a fault.
HOSTILE = "<script>alert(1)</script><!-- \" ' & \x00 \x1b[31m \u202eabc"


@pytest.fixture(scope="session")
def hostile_trace(runtime: flightrec.GoRuntime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot with hostile names of a task, a region and a log, and a few collections."""
    file = tmp_path_factory.mktemp("report") / "hostile.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=64 << 20, min_age=60) as recorder:
        with runtime.task(f"task {HOSTILE}") as task, runtime.region(f"region {HOSTILE}"):
            task.log(f"category {HOSTILE}", f"message {HOSTILE}")
            runtime.run("gc_churn", duration=0.05)
        recorder.write_to(file)
    return file


@pytest.fixture(scope="session")
def hostile_report(hostile_trace: Path) -> Path:
    """A report of that."""
    report = hostile_trace.with_suffix(".html")
    with report.open("wb") as file:
        assert write_report(hostile_trace, file) is None
    return report


@pytest.fixture(scope="session")
def fired_trace(
    runtime: flightrec.GoRuntime, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A snapshot that a rule saved because the job of a Python thread was slow.

    Quick jobs of other threads came before, one after the other, so that Go gives their
    goroutines' ids again. Meanwhile there were collections, mark assists and wake-ups.
    """
    saved: list[SavedSnapshot] = []
    done = threading.Event()

    def on_saved(snapshot: SavedSnapshot) -> None:
        saved.append(snapshot)
        done.set()

    def job(seconds: float) -> None:
        with runtime.task("job") as task, runtime.region("step"):
            task.log("stage", f"takes {seconds} s")
            time.sleep(seconds)  # the job itself

    def run(name: str, seconds: float) -> None:
        thread = threading.Thread(target=job, args=(seconds,), name=name)
        thread.start()
        thread.join()

    with flightrec.FlightRecorder(runtime, max_bytes=16 << 20, min_age=60) as recorder:
        recorder.when(
            # A quick job may take long, on a busy machine.
            'task "job" slower than 500ms and goroutines > 1',
            tmp_path_factory.mktemp("fired"),
            name="slow job",
            arm_after=0,
            tail=0.01,
            on_saved=on_saved,
        )
        for number in range(8):
            run(f"quick-{number}", 0.0)
        # A condition on a number waits for its first reading.
        until(lambda: recorder.rules()[0].values, "the goroutines are counted")
        # Long enough for a collection, on a busy machine as well.
        churn = runtime.start("gc_churn", duration=0.4)
        run("slow-worker", 0.6125)
        churn.wait()
        assert done.wait(DEADLINE)
        engine = attach.existing_engine(recorder)
        assert engine is not None
        engine.close()
    judge.check(saved[0].path)
    return saved[0].path


@pytest.fixture(scope="session")
def fired_report(fired_trace: Path) -> Path:
    """A report of that."""
    report = fired_trace.with_suffix(".html")
    with report.open("wb") as file:
        assert write_report(fired_trace, file) is None
    return report


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """One browser for all tests."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("there is no Chromium here (on Debian: apt install chromium)")
    with Browser(group_python(pytestconfig.cache, "browser"), chromium) as started:
        yield started
