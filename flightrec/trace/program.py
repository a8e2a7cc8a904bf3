"""Which frames and goroutines are the program's own, and which the runtime's or the recorder's.

Everything that names a place in the code or leaves out what is of no interest asks here.
Functions are named as in a trace: the package's path, a dot, then the function
(``net/http.(*conn).serve``).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from flightrec.trace.stacks import Frame

__all__ = [
    "CALLED_FROM_C",
    "C_THREAD",
    "is_bridge",
    "is_c_thread",
    "is_program_frame",
    "is_recorder_goroutine",
    "is_recorder_pause",
    "is_runtime_goroutine",
    "is_standard_library",
    "is_system_goroutine",
    "is_way_into_go",
    "package",
    "program_frame",
    "start_name",
]

# A trace does not say which packages are the standard library's. Their paths begin with one of
# these; other module paths by convention do not. The newest names are of Go 1.27.
_STANDARD_ROOTS: Final = """
    archive arena bufio builtin bytes cmp compress container context crypto database debug embed
    encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime
    net os path plugin reflect regexp runtime simd slices sort strconv strings structs sync
    syscall testing text time unicode unique unsafe uuid vendor weak
"""
_STANDARD: Final = frozenset(_STANDARD_ROOTS.split())

# cgo writes this file into every package that uses it: wrappers around calls in both directions.
_CGO_WRAPPERS: Final = "_cgo_gotypes.go"

_BRIDGE: Final = "flightrec/gobridge"
_WORKLOADS: Final = "flightrec/gobridge/workloads"

#: What a goroutine starts with that stands for a C thread which calls Go.
C_THREAD: Final = "runtime.cgocallback"
#: With this its name ends, where the function is known that it calls: see ``start_function``.
CALLED_FROM_C: Final = " (called from C)"

# Goroutines that the runtime starts and on which the program's code runs: see isSystemGoroutine
# in Go's runtime/traceback.go.
_PROGRAM_RUNS_ON: Final = (
    "runtime.main",
    "runtime.corostart",
    "runtime.handleAsyncEvent",
    C_THREAD,
)

# Goroutines that the bridge starts for the program: a workload, and main.
_BRIDGE_RUNS_PROGRAM: Final = (
    "flightrec/gobridge.startWorkload",
    "flightrec/gobridge.runMain",
)

# The one of these on which main runs as it does in a program of its own.
_BRIDGE_RUNS_MAIN: Final = "flightrec/gobridge.runMain."

# How flightrec.trace.python names the threads that serve the recording in Python.
_RECORDER_THREAD: Final = "Python thread flightrec-"


@lru_cache(maxsize=4096)
def package(function: str) -> str:
    """The path of the package that a function is in; empty for assembly that is in none."""
    # Type arguments may contain slashes and dots.
    name = function.partition("[")[0]
    slash = name.rfind("/") + 1
    dot = name.find(".", slash)
    return "" if dot < 0 else name[:dot]


def is_standard_library(function: str) -> bool:
    """Whether a function is in Go's standard library, the runtime included."""
    return package(function).partition("/")[0] in _STANDARD


def is_bridge(function: str) -> bool:
    """Whether a function is in the bridge that records. The bundled workloads are not."""
    path = package(function)
    if path == _WORKLOADS:
        return False
    return path == _BRIDGE or path.startswith(_BRIDGE + "/")


def start_name(function: str) -> str:
    """What a goroutine that starts with this function is called: the bridge's for main is main."""
    return "main.main" if function.startswith(_BRIDGE_RUNS_MAIN) else function


def is_recorder_pause(reason: str) -> bool:
    """Whether the world is stopped for this reason only to begin or end a recording."""
    return reason in ("start trace", "stop trace")


@lru_cache(maxsize=4096)
def is_program_frame(function: str, file: str = "") -> bool:
    """Whether a frame is the program's code: not the standard library's, the bridge's or cgo's.

    ``file`` is the frame's; cgo's wrappers in the program's own packages are told by it.
    """
    if file.endswith(_CGO_WRAPPERS):
        return False
    path = package(function)
    # The compiler's own functions ("type:.eq.main.T") have a colon where packages have none.
    return (
        path != ""
        and ":" not in path
        and not is_standard_library(function)
        and not is_bridge(function)
    )


def program_frame(frames: Iterable[Frame]) -> Frame | None:
    """The innermost frame that is the program's code; None if there is none."""
    for frame in frames:
        if is_program_frame(frame.function, frame.file):
            return frame
    return None


def is_runtime_goroutine(name: str) -> bool:
    """Whether a goroutine that starts with this function is the runtime's own.

    As Go's runtime has it: ``main`` and coroutines (``iter.Pull``) start in the runtime, but run
    the program; and so do C threads (Python's are some) that call Go. One without a name is not
    known to be the runtime's.
    """
    return name.startswith("runtime.") and name not in _PROGRAM_RUNS_ON


def is_c_thread(name: str) -> bool:
    """Whether a goroutine of this name, or start function, stands for a C thread that calls Go.

    Such a one may have no name at all, where nothing with a stack happened on it.
    """
    return name == C_THREAD or name.endswith(CALLED_FROM_C)


def is_way_into_go(frame: Frame) -> bool:
    """Whether a frame only leads from a C thread to the Go function that it calls."""
    function, file = frame.function, frame.file
    return file.endswith(_CGO_WRAPPERS) or is_bridge(function) or package(function) == "runtime"


def is_recorder_goroutine(name: str) -> bool:
    """Whether a goroutine that starts with this function only serves the recording.

    These are the bridge's and those of ``runtime/trace``; not those on which the bridge runs
    a workload or ``main``.
    """
    if name.startswith(_RECORDER_THREAD):
        return True
    if name.startswith(_BRIDGE_RUNS_PROGRAM):
        return False
    return is_bridge(name) or package(name) == "runtime/trace"


@lru_cache(maxsize=4096)
def is_system_goroutine(name: str) -> bool:
    """Whether a goroutine that starts with this function is the runtime's or the recorder's."""
    return is_runtime_goroutine(name) or is_recorder_goroutine(name)
