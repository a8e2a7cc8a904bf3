"""Regions: stretches of time, for ``with`` statements."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from flightrec.annotate.bridge import next_number
from flightrec.annotate.nesting import nests
from flightrec.annotate.text import check_text
from flightrec.annotate.threads import own_number, this_number
from flightrec.library import is_forked

if TYPE_CHECKING:
    from flightrec.annotate.bridge import Annotations

__all__ = ["OpenRegion", "Region"]


class OpenRegion:
    """A region that has begun in Go. It ends once, at the latest when nothing refers to it."""

    __slots__ = ("_annotations", "_number", "before")

    def __init__(
        self,
        annotations: Annotations,
        name: str,
        task: int,
        *,
        nests: bool,
        before: OpenRegion | None = None,
    ) -> None:
        self.before = before
        self._annotations = annotations
        self._number = next_number()
        # From here on an exception ends it: nobody but this frame refers to it.
        thread = own_number(annotations, next_number) if nests else 0
        annotations.begin_region(self._number, thread, task, name)

    def end(self) -> None:
        """End it, from any thread. A second call does nothing."""
        if self._number and not is_forked():
            self._annotations.end_region(self._number, this_number())
            self._number = 0

    __del__ = end


class Region:
    """A region of ``runtime/trace``: a stretch of time, for a ``with`` statement.

    It belongs to the thread, and shows there with the calls into Go that it made. Where others may
    begin and end meanwhile on the same thread (in ``asyncio``, in a generator, in a greenlet), Go's
    region would make the trace unreadable; there it is a task in the trace, and flightrec's
    summaries show it as a region all the same.

    It may be entered again after it was exited, and exited on another thread: then it ends when the
    thread that entered it next begins or ends a region. Any thread and signal handler may use it.

    :raises TypeError: the name is not a string.
    """

    __slots__ = ("_annotations", "_name", "_open", "_task")

    def __init__(self, annotations: Annotations, name: str, task: Callable[[], int]) -> None:
        check_text(name, "a region's name")
        self._annotations = annotations
        self._name = name
        self._task = task
        self._open: OpenRegion | None = None

    def __enter__(self) -> Region:
        annotations = self._annotations
        if annotations.on and not is_forked():
            self._open = OpenRegion(
                annotations,
                self._name,
                self._task(),
                nests=nests(sys._getframe(1)),
                before=self._open,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        region = self._open
        if region is not None:
            self._open = region.before
            region.end()
