"""Tasks, and the current one."""

from __future__ import annotations

import contextlib
import contextvars
from types import TracebackType
from typing import TYPE_CHECKING

from flightrec.annotate.bridge import next_number
from flightrec.annotate.regions import Region
from flightrec.annotate.text import check_text
from flightrec.library import is_forked

if TYPE_CHECKING:
    from flightrec.annotate.bridge import Annotations

__all__ = ["Task", "current_task_number", "log"]

_current_task: contextvars.ContextVar[Task | None] = contextvars.ContextVar(
    "flightrec_current_task", default=None
)


class Task:
    """A task of ``runtime/trace``: work that may move from one thread to another.

    As a context manager it is the current task of its ``contextvars`` context, so regions and logs
    inside belong to it and tasks inside are its children. It may be ended on another thread than
    it was begun on; it ends once. Any thread and any signal handler may use it.

    :raises TypeError: the name is not a string, or the parent not a task.
    """

    __slots__ = ("_annotations", "_begun", "_ended", "_number", "_token", "name", "parent")

    def __init__(
        self, annotations: Annotations, name: str, parent: Task | None, *, begins: bool = True
    ) -> None:
        check_text(name, "a task's name")
        if parent is not None and not isinstance(parent, Task):
            raise TypeError(f"a task's parent must be a task, not {type(parent).__name__}")
        self._annotations = annotations
        self._number = next_number()
        # No lock: to begin in Go what has begun there, and to end what has ended, does nothing.
        self._begun = False
        self._ended = False
        self._token: contextvars.Token[Task | None] | None = None
        self.name = name
        self.parent = parent if parent is not None else _current_task.get()
        if begins and annotations.on:
            self._in_go()

    def _in_go(self) -> int:
        """Return its number in Go, where it begins if it has not; 0 once it has ended."""
        if not self._begun and not self._ended and not is_forked():
            parent = self.parent._in_go() if self.parent is not None else 0
            self._annotations.begin_task(self._number, parent, self.name)
            self._begun = True
            if self._ended:  # by another thread, which did not know that it had begun
                self.end()
        return 0 if self._ended else self._number

    def log(self, category: str, message: str) -> None:
        """Log a message in this task (``trace.Log``)."""
        log(self._annotations, self, category, message)

    def region(self, name: str) -> Region:
        """Return a region in this task, to be used in a ``with`` statement."""
        return Region(self._annotations, name, self._in_go)

    def end(self) -> None:
        """End the task, from any thread. A second call does nothing."""
        self._ended = True
        if self._begun and not is_forked():
            self._annotations.end_task(self._number)
            self._begun = False

    def __enter__(self) -> Task:
        self._token = _current_task.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        self.end()

    def _leave(self) -> None:
        """Be the current task no more."""
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(ValueError):  # left in another context than entered in
                _current_task.reset(token)


def current_task_number() -> int:
    """Return the current task's number in Go, where it begins if it has not; 0 if there is none."""
    task = _current_task.get()
    return task._in_go() if task is not None else 0


def log(annotations: Annotations, task: Task | None, category: str, message: str) -> None:
    """Log a message in a task, or with None in the current one, if there is one."""
    if type(category) is not str or type(message) is not str:
        check_text(category, "a log's category")
        check_text(message, "a log's message")
    if annotations.on and not is_forked():
        number = task._in_go() if task is not None else current_task_number()
        annotations.log(number, category, message)
