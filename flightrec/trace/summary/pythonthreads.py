"""Which goroutines are threads of Python, and what those are called."""

from __future__ import annotations

from typing import Protocol

from flightrec.trace.events import Log
from flightrec.trace.program import is_c_thread
from flightrec.trace.python import PYTHON_THREAD, python_thread

__all__ = ["Named", "PythonThreads"]


class Named(Protocol):
    """What is kept of a goroutine, with its name."""

    name: str


class PythonThreads:
    """Names the goroutines of Python's threads, from the logs in which flightrec names them.

    A thread of C that calls Go is one goroutine, and its M has the thread's native id.
    """

    __slots__ = ("_goroutines", "_names")

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._goroutines: dict[int, Named] = {}

    def add(self, thread: int | None, goroutine: Named) -> None:
        """A goroutine that may be a thread of C was found on an M."""
        if thread is None or (goroutine.name and not is_c_thread(goroutine.name)):
            return
        self._goroutines[thread] = goroutine
        goroutine.name = self._names.get(thread, goroutine.name)

    def take(self, event: Log) -> bool:
        """Take in a log; say whether it was one that names a thread."""
        found = python_thread(event)
        if found is None:
            return False
        thread, name = found
        self._names[thread] = name
        goroutine = self._goroutines.get(thread)
        if goroutine is not None and (
            not goroutine.name
            or is_c_thread(goroutine.name)
            or goroutine.name.startswith(PYTHON_THREAD)
        ):
            goroutine.name = name
        return True
