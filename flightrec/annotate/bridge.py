"""The calls into Go, and whether anything records."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

from flightrec import abi
from flightrec.annotate.opened import Opened
from flightrec.annotate.text import encoded
from flightrec.annotate.threads import Announcements
from flightrec.library import error_for

if TYPE_CHECKING:
    from flightrec.library import Library

__all__ = ["Annotations", "next_number"]

#: Numbers for tasks and regions. Python chooses them: a call that an exception interrupted can be
#: repeated, and what was begun be ended, without knowing how far the call came.
next_number = itertools.count(1).__next__


class Annotations:
    """Whether anything records, and the calls into Go. One for each runtime.

    Any thread may call its methods. They call Go whether or not anything records.
    """

    def __init__(self, library: Library) -> None:
        cdll = library.cdll
        #: Whether anything records.
        self.on = False
        self.opened = Opened()
        self._recordings = 0
        self._announcements = Announcements(self._announce, self._tell)
        self._task_begin = cdll.flightrec_task_begin
        self._task_end = cdll.flightrec_task_end
        self._log = cdll.flightrec_log
        self._region_begin = cdll.flightrec_region_begin
        self._region_end = cdll.flightrec_region_end
        self._region_next = cdll.flightrec_region_next
        self._thread_end = cdll.flightrec_thread_end
        self._thread_names = cdll.flightrec_thread_names

    @property
    def recordings(self) -> int:
        """How many recordings run now. Only their starting and stopping writes it."""
        return self._recordings

    @recordings.setter
    def recordings(self, count: int) -> None:
        more = count > self._recordings
        self._recordings = count
        self.on = count > 0
        if more:
            self._announcements.renew()
            self.announce_threads()

    def announce_threads(self) -> None:
        """Name Python's threads in the trace: at the start, and again for each snapshot.

        A window does not reach back to the start, so what names a thread must be in its end. This
        does not enter Go: the bridge puts the names into the trace when it flushes.
        """
        if self.on:
            self._announcements.all_threads()

    def begin_task(self, number: int, parent: int, name: str) -> None:
        """Begin a task in Go, unless it has begun."""
        self.opened.add(number, "task", name, parent)
        self._announcements.this_thread()
        self._call(self._task_begin, number, parent, encoded(name))

    def begin_region(self, number: int, thread: int, task: int, name: str) -> None:
        """Begin a region in Go, unless it has begun: on this thread, or as a task with 0."""
        self.opened.add(number, "region", name, task)
        self._announcements.this_thread()
        self._call(self._region_begin, number, thread, task, encoded(name))

    def end_task(self, number: int) -> None:
        """End a task in Go, if it has begun there."""
        self.opened.remove(number)
        self._task_end(number, None)

    def end_region(self, number: int, thread: int) -> None:
        """End a region in Go, if it has begun there."""
        self.opened.remove(number)
        self._region_end(number, thread, None)

    def next_region(
        self,
        number: int,
        thread: int,
        ended_task: int,
        name: bytes | None = None,
        nests: bool = True,
        task: int = 0,
        task_name: bytes | None = None,
        parent: int = 0,
    ) -> None:
        """End a region and a task, and begin a task and the next region in it, in one call into Go.

        Entering Go is most of what each of them costs. What is open is for the caller to note.

        :param number: of the regions that follow each other.
        :param thread: the number of the calling one.
        :param ended_task: may be 0, as ``task`` and ``parent`` may.
        :param name: the next region's, :func:`encoded`; None for none.
        :param nests: whether it will; otherwise it is a task in the trace.
        :param task_name: None where the task has begun.
        """
        if name is not None:
            self._announcements.this_thread()
        error = _failure.error
        status = self._region_next(
            number, thread, ended_task, task, parent, task_name, name, nests, error
        )
        if status:
            raise error_for("flightrec_region_next", status, error)

    def end_thread(self, number: int) -> None:
        """Say that a thread with regions has ended."""
        self._thread_end(number)

    def log(self, task: int, category: str, message: str) -> None:
        """Log a message in Go."""
        self._announcements.this_thread()
        self._call(self._log, task, encoded(category), encoded(message))

    def _announce(self, category: str, message: str) -> None:
        self._call(self._log, 0, encoded(category), encoded(message))

    def _tell(self, names: list[str]) -> None:
        lines = (encoded(name).replace(b"\n", b" ") for name in names)
        self._thread_names(b"\n".join(lines))

    def _call(self, function: Any, *arguments: Any) -> None:
        error = _failure.error
        if status := function(*arguments, error):
            raise error_for(function.__name__, status, error)


class _Failure(threading.local):
    """Where Go writes what went wrong. 4 KiB take longer to make than a log to write."""

    def __init__(self) -> None:
        self.error = abi.Error()


_failure = _Failure()
