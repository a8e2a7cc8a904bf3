"""A test in the trace: a task, and regions for its phases."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flightrec.annotate.nesting import nests
from flightrec.annotate.regions import OpenRegion

if TYPE_CHECKING:
    from flightrec import GoRuntime

__all__ = ["Phases"]


class Phases:
    """Begins the task at once. One thread uses it."""

    __slots__ = ("_annotations", "_nests", "_region", "_task")

    def __init__(self, runtime: GoRuntime, name: str) -> None:
        self._annotations = runtime._annotations
        self._task = runtime.task(name)
        self._task.__enter__()
        self._region: OpenRegion | None = None
        self._nests = nests(sys._getframe())

    def begin(self, name: str) -> None:
        """Begin a region; the one before has ended, or ends now."""
        region = self._region
        if region is not None:
            region.end()
        # What runtime.region does, without what it asks each time and has one answer for a test.
        self._region = (
            OpenRegion(self._annotations, name, self._task._in_go(), nests=self._nests)
            if self._annotations.on
            else None
        )

    def end_region(self) -> None:
        """End the region that goes on, if one does."""
        region, self._region = self._region, None
        if region is not None:
            region.end()

    def end(self) -> None:
        """End the region and the task."""
        self.end_region()
        self._task.__exit__(None, None, None)
