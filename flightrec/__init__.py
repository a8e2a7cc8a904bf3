"""A flight recorder for a real Go runtime inside a Python process.

import flightrec

runtime = flightrec.load()
with flightrec.FlightRecorder(runtime, min_age=5.0) as recorder:
    runtime.run("pingpong", pairs=4, duration=1.0)
    recorder.write_to("pingpong.trace")  # `go tool trace` opens it
"""

from typing import TYPE_CHECKING, Any

from flightrec import trace
from flightrec._version import __version__
from flightrec.annotate import Region, Task, traced
from flightrec.departure import Departure
from flightrec.errors import (
    AlreadyEnabledError,
    BridgeError,
    EmptySnapshotError,
    FlightRecorderError,
    ForkedProcessError,
    LibraryLoadError,
    NotEnabledError,
    RuleError,
    SnapshotActiveError,
    ToolchainError,
    TraceFormatError,
    TracingConflictError,
    WorkloadError,
    WorkloadPanicError,
)
from flightrec.generation import Generation
from flightrec.recorder import FlightRecorder, RecorderStats
from flightrec.runtime import GoRuntime, load
from flightrec.snapshot import Snapshot
from flightrec.workload import WorkloadHandle

if TYPE_CHECKING:
    from flightrec.gobuild import build

__all__ = [
    "AlreadyEnabledError",
    "BridgeError",
    "Departure",
    "EmptySnapshotError",
    "FlightRecorder",
    "FlightRecorderError",
    "ForkedProcessError",
    "Generation",
    "GoRuntime",
    "LibraryLoadError",
    "NotEnabledError",
    "RecorderStats",
    "Region",
    "RuleError",
    "Snapshot",
    "SnapshotActiveError",
    "Task",
    "ToolchainError",
    "TraceFormatError",
    "TracingConflictError",
    "WorkloadError",
    "WorkloadHandle",
    "WorkloadPanicError",
    "__version__",
    "build",
    "load",
    "trace",
    "traced",
]


def __getattr__(name: str) -> Any:
    # What builds Go code is not wanted by most programs, and takes its time to import.
    if name == "build":
        from flightrec.gobuild import build

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
