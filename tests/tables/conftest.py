"""Fixtures of the tables' tests: the reader's real traces, and one of each bundled workload."""

from __future__ import annotations

from pathlib import Path

import pytest

import flightrec
from tests.trace.conftest import maker

__all__ = ["maker", "record_workload"]

#: Every bundled workload, as ``runtime.workloads()`` has it.
WORKLOADS = ("gc_churn", "http_server", "idle", "mutex", "pingpong", "syscalls")


@pytest.fixture(scope="session")
def recorded(
    runtime: flightrec.GoRuntime, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A snapshot of each bundled workload, with a task, a region and a log from Python."""
    folder = tmp_path_factory.mktemp("recorded")
    assert runtime.workloads() == WORKLOADS
    found = {name: folder / f"{name}.trace" for name in WORKLOADS}
    for name, file in found.items():
        record_workload(runtime, name, file, duration=0.02)
    return found


def record_workload(runtime: flightrec.GoRuntime, name: str, file: Path, duration: float) -> None:
    """Write a snapshot of a bundled workload that runs for so many seconds."""
    with flightrec.FlightRecorder(runtime, max_bytes=512 << 10) as recorder:
        with runtime.task("whole") as task, runtime.region("body"):
            task.log("stage", "begins")
            result = runtime.run(name, duration=duration)
            # A busy machine may give it too little time for a collection.
            while result.get("gc_cycles") == 0:
                result = runtime.run(name, duration=duration)
        recorder.write_to(file)
