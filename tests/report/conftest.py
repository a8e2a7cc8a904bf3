"""Fixtures of the report's tests: real traces, and a report of one."""

from __future__ import annotations

from pathlib import Path

import pytest

import flightrec
from flightrec.report import write_report

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
