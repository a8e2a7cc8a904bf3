"""A flight recorder for a real Go runtime inside a Python process.

import flightrec

runtime = flightrec.load()
with flightrec.FlightRecorder(runtime, min_age=5.0) as recorder:
    runtime.run("pingpong", pairs=4, duration=1.0)
    recorder.write_to("pingpong.trace")  # `go tool trace` opens it
"""

import importlib
from typing import TYPE_CHECKING, Any

from flightrec._version import __version__

if TYPE_CHECKING:
    from flightrec import trace
    from flightrec.annotate.regions import Region
    from flightrec.annotate.tasks import Task
    from flightrec.annotate.traced import traced
    from flightrec.departure import Departure
    from flightrec.directory import SnapshotDirectory
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
        StreamOverrunError,
        ToolchainError,
        TraceFormatError,
        TracingConflictError,
        WorkloadError,
        WorkloadPanicError,
    )
    from flightrec.generation import Generation
    from flightrec.gobuild import build
    from flightrec.recorder import FlightRecorder, RecorderStats
    from flightrec.runtime import GoRuntime, load
    from flightrec.snapshot import Snapshot
    from flightrec.stream import StreamStats, TraceStream
    from flightrec.tracer import Tracer
    from flightrec.web.asgi import asgi
    from flightrec.web.wsgi import wsgi
    from flightrec.workload import WorkloadHandle

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
    "StreamOverrunError",
    "StreamStats",
    "Task",
    "ToolchainError",
    "TraceFormatError",
    "TraceStream",
    "Tracer",
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


#: Where each name is defined. It is imported when it is first used: the pytest plugin is imported
#: by every run of pytest, and most of those have nothing to do with Go.
_HOME = {
    "AlreadyEnabledError": "flightrec.errors",
    "BridgeError": "flightrec.errors",
    "Departure": "flightrec.departure",
    "EmptySnapshotError": "flightrec.errors",
    "FlightRecorder": "flightrec.recorder",
    "FlightRecorderError": "flightrec.errors",
    "ForkedProcessError": "flightrec.errors",
    "Generation": "flightrec.generation",
    "GoRuntime": "flightrec.runtime",
    "LibraryLoadError": "flightrec.errors",
    "NotEnabledError": "flightrec.errors",
    "RecorderStats": "flightrec.recorder",
    "Region": "flightrec.annotate.regions",
    "RuleError": "flightrec.errors",
    "Snapshot": "flightrec.snapshot",
    "SnapshotActiveError": "flightrec.errors",
    "SnapshotDirectory": "flightrec.directory",
    "StreamOverrunError": "flightrec.errors",
    "StreamStats": "flightrec.stream",
    "Task": "flightrec.annotate.tasks",
    "ToolchainError": "flightrec.errors",
    "TraceFormatError": "flightrec.errors",
    "TraceStream": "flightrec.stream",
    "Tracer": "flightrec.tracer",
    "TracingConflictError": "flightrec.errors",
    "WorkloadError": "flightrec.errors",
    "WorkloadHandle": "flightrec.workload",
    "WorkloadPanicError": "flightrec.errors",
    "asgi": "flightrec.web.asgi",
    "build": "flightrec.gobuild",
    "load": "flightrec.runtime",
    "traced": "flightrec.annotate.traced",
    "wsgi": "flightrec.web.wsgi",
}


def __getattr__(name: str) -> Any:
    if name in ("aio", "errors", "ring", "trace"):
        return importlib.import_module(f"flightrec.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "load":
        from flightrec.interpreter import refuse_sub_interpreter

        refuse_sub_interpreter()
    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
