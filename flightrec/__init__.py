"""A flight recorder for a real Go runtime inside a Python process.

import flightrec

runtime = flightrec.load()
with flightrec.FlightRecorder(runtime, min_age=5.0) as recorder:
    runtime.run("pingpong", pairs=4, duration=1.0)
    recorder.write_to("pingpong.trace")  # `go tool trace` opens it
"""

from flightrec import trace
from flightrec._version import __version__
from flightrec.annotate import Region, Task, traced
from flightrec.departure import Departure
from flightrec.errors import (
    AlreadyEnabledError,
    BridgeError,
    FlightRecorderError,
    ForkedProcessError,
    LibraryLoadError,
    NotEnabledError,
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

__all__ = [
    "AlreadyEnabledError",
    "BridgeError",
    "Departure",
    "FlightRecorder",
    "FlightRecorderError",
    "ForkedProcessError",
    "Generation",
    "GoRuntime",
    "LibraryLoadError",
    "NotEnabledError",
    "RecorderStats",
    "Region",
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
    "load",
    "trace",
    "traced",
]
