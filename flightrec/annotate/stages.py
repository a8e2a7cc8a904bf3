"""Work that goes on in stages: regions that follow each other, task after task."""

from __future__ import annotations

import sys
from threading import get_ident
from typing import TYPE_CHECKING

from flightrec.annotate.bridge import next_number
from flightrec.annotate.nesting import nests
from flightrec.annotate.tasks import Task
from flightrec.annotate.text import encoded
from flightrec.annotate.threads import own_number
from flightrec.library import is_forked

if TYPE_CHECKING:
    from flightrec.annotate.bridge import Annotations
    from flightrec.annotate.opened import Entry

__all__ = ["Stages"]


class Stages:
    """Tasks of which each begins when the one before ends, and regions in them that do so too.

    A stage lasts until the next begins. Each change is one call into Go: entering it costs more
    than what is done there. One thread uses it, and any may ask what is open.

    What an exception interrupts, the next call makes up for: Go begins and ends each only once.
    """

    __slots__ = (
        *("_annotations", "_ended", "_in_go", "_nests", "_number", "_region"),
        *("_since_ns", "_task", "_task_since_ns", "_thread", "_ident"),
    )

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self._number = next_number()  # of all regions
        self._thread = self._ident = 0
        self._nests = True
        self._task: Task | None = None
        self._task_since_ns = 0
        self._ended = 0  # a task that is open in Go, and no longer here
        self._region = ""
        self._since_ns = 0
        self._in_go = False  # whether a region may be open there

    def next(self, region: str, at_ns: int, task: str | None = None) -> None:
        """Begin a region; the one before ends, and with a task's name the task before it too.

        That task is the current one of the ``contextvars`` context from now on.

        :param at_ns: the time, on the trace clock.
        """
        annotations = self._annotations
        if task is not None:
            self._leave()
            annotations.opened.also(self._opened)
            self._task = Task(annotations, task, None, begins=False).__enter__()
            self._task_since_ns = at_ns
            self._nests = nests(sys._getframe(1))
            self._thread, self._ident = own_number(annotations, next_number), get_ident()
        current = self._task
        self._region, self._since_ns = region, at_ns
        if current is None or not annotations.on or is_forked():
            return
        self._in_go = True
        number, name = current._number, encoded(region)
        if current._begun:
            annotations.next_region(
                self._number, self._thread, self._ended, name, self._nests, number
            )
        else:
            annotations.next_region(
                *(self._number, self._thread, self._ended, name, self._nests, number),
                encoded(current.name),
                current.parent._in_go() if current.parent is not None else 0,
            )
            current._begun = True
        self._ended = 0

    def end_region(self) -> None:
        """End the region that goes on, if one does."""
        self._region = ""
        if (self._in_go or self._ended) and not is_forked():
            self._annotations.next_region(self._number, self._thread, self._ended)
            self._in_go = False
            self._ended = 0

    def end(self) -> None:
        """End the region and the task. A second call does nothing."""
        self._leave()
        self.end_region()
        self._annotations.opened.no_longer(self._opened)

    def _leave(self) -> None:
        """End the task in Python; the next call ends it in Go."""
        task, self._task = self._task, None
        if task is None:
            return
        if self._ended and not is_forked():  # an exception has interrupted the last call
            self._annotations.end_task(self._ended)
        self._ended = task._number
        task._ended = True
        task._leave()

    def _opened(self) -> list[Entry]:
        task, region = self._task, self._region
        if task is None or not self._in_go:
            return []
        parent = task.parent._number if task.parent is not None else 0
        found = [(task._number, "task", task.name, parent, self._task_since_ns, self._ident)]
        if region:
            found.append(
                (self._number, "region", region, task._number, self._since_ns, self._ident)
            )
        return found
