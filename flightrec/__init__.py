"""A flight recorder for a real Go runtime inside a Python process.

import flightrec

runtime = flightrec.load()
with flightrec.FlightRecorder(runtime, min_age=5.0) as recorder:
    runtime.run("pingpong", pairs=4, duration=1.0)
    recorder.write_to("pingpong.trace")  # `go tool trace` opens it
"""

import importlib
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
    from flightrec.directory import SnapshotDirectory
    from flightrec.gobuild import build
    from flightrec.web.asgi import asgi
    from flightrec.web.wsgi import wsgi

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
    "SnapshotDirectory",
    "Task",
    "ToolchainError",
    "TraceFormatError",
    "TracingConflictError",
    "WorkloadError",
    "WorkloadHandle",
    "WorkloadPanicError",
    "__version__",
    "asgi",
    "build",
    "load",
    "trace",
    "traced",
    "wsgi",
]


#: What most programs do not want, and takes its time to import.
_LATER = {
    "SnapshotDirectory": "flightrec.directory",
    "asgi": "flightrec.web.asgi",
    "build": "flightrec.gobuild",
    "wsgi": "flightrec.web.wsgi",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
