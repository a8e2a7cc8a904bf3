"""What Python leaves in a trace through flightrec: names of threads, and regions of coroutines."""

from __future__ import annotations

from typing import Final

from flightrec.threadnames import THREAD_CATEGORY
from flightrec.trace.events import Log, TaskBegin, TaskEnd
from flightrec.trace.program import C_THREAD, CALLED_FROM_C, start_name
from flightrec.trace.stacks import Stack

__all__ = ["PYTHON_THREAD", "is_region", "python_thread", "start_function"]

#: What the name of a Python thread in a summary begins with.
PYTHON_THREAD: Final = "Python thread "

# The bridge begins and ends the tasks that stand for regions in functions of these names.
_REGION_TASKS: Final = ("flightrec/gobridge.regionTask", "flightrec/gobridge.endRegionTask")

_EXPORT: Final = "_cgoexp_"


def is_region(event: TaskBegin | TaskEnd) -> bool:
    """Whether a task stands for a region of Python, one that could not nest with the others."""
    return any(frame.function in _REGION_TASKS for frame in event.stack)


def python_thread(event: Log) -> tuple[int, str] | None:
    """The native id and the name of the thread that a log names; None for any other log.

    The name is as summaries have it: ``Python thread MainThread (1234)``.
    """
    if event.category != THREAD_CATEGORY:
        return None
    native_id, _, name = event.message.partition(" ")
    if not native_id.isdecimal():
        return None
    return int(native_id), f"{PYTHON_THREAD}{name} ({native_id})"


def start_function(stack: Stack) -> str:
    """The name of the function that a goroutine with this stack started with; "" for no stack.

    A thread of C that calls Go starts in the runtime; it is named by the exported function.
    """
    if not stack:
        return ""
    start = stack[-1].function
    if start == C_THREAD:
        exported = ""
        for frame in stack:
            if frame.function.startswith(_EXPORT):
                return f"{exported}{CALLED_FROM_C}"
            exported = frame.function
    return start_name(start)
