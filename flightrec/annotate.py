"""Tasks, regions and logs of ``runtime/trace``, from Python.

They land in the Go trace beside the goroutines. While no recorder of this process records, they
cost an attribute look-up and do nothing in Go; a task that began before the recording begins in
the trace with the first thing that happens in it.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from flightrec import abi
from flightrec.library import error_for, is_forked

if TYPE_CHECKING:
    from flightrec.library import Library

__all__ = ["Annotations", "Region", "Task", "traced"]

P = ParamSpec("P")
R = TypeVar("R")

_current_task: contextvars.ContextVar[Task | None] = contextvars.ContextVar(
    "flightrec_current_task", default=None
)


class Annotations:
    """Whether anything records, and the calls into Go. One for each runtime."""

    def __init__(self, library: Library) -> None:
        cdll = library.cdll
        #: Recordings that run now. Only their starting and stopping writes it.
        self.recordings = 0
        self._task_begin = cdll.flightrec_task_begin
        self._task_end = cdll.flightrec_task_end
        self._log = cdll.flightrec_log
        self._region_begin = cdll.flightrec_region_begin
        self._region_end = cdll.flightrec_region_end

    def begin_task(self, parent: int, name: str) -> int:
        """Begin a task in Go and return its handle."""
        return self._begin(self._task_begin, parent, name)

    def begin_region(self, task: int, name: str) -> int:
        """Begin a region in Go on this thread and return its handle."""
        return self._begin(self._region_begin, task, name)

    def _begin(self, function: Any, parent: int, name: str) -> int:
        handle, error = ctypes.c_uint64(), abi.Error()
        if status := function(parent, name.encode(), handle, error):
            raise error_for(function.__name__, status, error)
        return handle.value

    def end_task(self, handle: int) -> None:
        """End a task in Go."""
        self._task_end(handle, None)

    def end_region(self, handle: int) -> None:
        """End a region in Go on this thread."""
        self._region_end(handle, None)

    def log(self, task: int, category: str, message: str) -> None:
        """Log a message in Go."""
        error = abi.Error()
        if status := self._log(task, category.encode(), message.encode(), error):
            raise error_for("flightrec_log", status, error)


class Task:
    """A task of ``runtime/trace``: work that may move from one thread to another.

    As a context manager it is the current task of its ``contextvars`` context, so regions and logs
    inside belong to it and tasks inside are its children. It may be ended on another thread than
    it was begun on; it ends once.
    """

    __slots__ = ("_annotations", "_ended", "_handle", "_lock", "_token", "name", "parent")

    def __init__(self, annotations: Annotations, name: str, parent: Task | None) -> None:
        self._annotations = annotations
        self._handle = 0
        self._ended = False
        self._lock = threading.Lock()
        self._token: contextvars.Token[Task | None] | None = None
        self.name = name
        self.parent = parent if parent is not None else _current_task.get()
        if annotations.recordings:
            self._number()

    def _number(self) -> int:
        """Return its handle in Go; the task begins there if it has not."""
        if self._handle == 0 and not self._ended:
            parent = self.parent._number() if self.parent is not None else 0
            with self._lock:
                if self._handle == 0 and not self._ended:
                    self._handle = self._annotations.begin_task(parent, self.name)
        return self._handle

    def log(self, category: str, message: str) -> None:
        """Log a message in this task (``trace.Log``)."""
        if self._annotations.recordings and not is_forked():
            self._annotations.log(self._number(), category, message)

    def region(self, name: str) -> Region:
        """Return a region in this task, to be used in a ``with`` statement."""
        return Region(self._annotations, name, self)

    def end(self) -> None:
        """End the task, from any thread. A second call does nothing."""
        with self._lock:
            handle, self._handle = self._handle, 0
            self._ended = True
        if handle and not is_forked():
            self._annotations.end_task(handle)

    def __enter__(self) -> Task:
        self._token = _current_task.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(ValueError):  # left in another context than entered in
                _current_task.reset(token)
        self.end()


class Region:
    """A region of ``runtime/trace``: a stretch of one thread's time, for a ``with`` statement.

    It must be left on the thread that entered it, and regions of a thread must nest. One left on
    another thread is not ended in the trace, because Go would take the whole trace for broken.
    """

    __slots__ = ("_annotations", "_handle", "_name", "_task", "_thread")

    def __init__(self, annotations: Annotations, name: str, task: Task | None = None) -> None:
        self._annotations = annotations
        self._name = name
        self._task = task
        self._handle = 0

    def __enter__(self) -> Region:
        if self._annotations.recordings and not is_forked():
            task = self._task or _current_task.get()
            number = task._number() if task is not None else 0
            self._handle = self._annotations.begin_region(number, self._name)
            self._thread = threading.get_ident()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._handle:
            handle, self._handle = self._handle, 0
            if self._thread == threading.get_ident() and not is_forked():
                self._annotations.end_region(handle)


@overload
def traced(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def traced(*, name: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def traced(function: Any = None, /, *, name: str | None = None) -> Any:
    """Make every call of a function a region of the Go trace, named after the function.

    Works on plain functions and methods, with or without parentheses; ``name`` is the region's
    name instead. Before a library is loaded, and while nothing records, the function runs as it is.
    """
    if function is None:
        return functools.partial(traced, name=name)
    region_name = name if name is not None else function.__qualname__

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        annotations = _active
        if annotations is None or not annotations.recordings:
            return function(*args, **kwargs)
        with Region(annotations, region_name):
            return function(*args, **kwargs)

    return call


#: Those of the runtime that this process has loaded; there can be only one.
_active: Annotations | None = None


def activate(annotations: Annotations) -> None:
    """Make these the annotations that :func:`traced` uses."""
    global _active
    _active = annotations


def log(annotations: Annotations, category: str, message: str) -> None:
    """Log a message in the current task, if there is one."""
    if annotations.recordings and not is_forked():
        task = _current_task.get()
        annotations.log(task._number() if task is not None else 0, category, message)
