"""What is known of a task while events go by."""

from __future__ import annotations

from collections.abc import Callable

from flightrec.trace.summary.goroutines import OpenRegion
from flightrec.trace.summary.model import LoggedMessage, RegionSummary, TaskSummary

__all__ = ["OpenTask"]


class OpenTask:
    """A task that was mentioned."""

    __slots__ = (
        "begin",
        "children",
        "end",
        "goroutines",
        "id",
        "logs",
        "name",
        "parent",
        "regions",
    )

    def __init__(self, number: int) -> None:
        self.id = number
        self.name = ""
        self.parent: int | None = None
        # Most tasks have few of these, and a trace may have a hundred thousand tasks: an empty
        # container each would only keep the garbage collector busy. It passes over a dict of ints.
        self.children: list[int] | None = None
        self.begin: int | None = None
        self.end: int | None = None
        self.goroutines: dict[int, None] = {}
        self.regions: list[OpenRegion] | None = None
        self.logs: list[LoggedMessage] | None = None

    def add_child(self, task: int) -> None:
        """It has a subtask."""
        if self.children is None:
            self.children = []
        self.children.append(task)

    def add_region(self, region: OpenRegion) -> None:
        """It has a region."""
        if self.regions is None:
            self.regions = []
        self.regions.append(region)

    def add_log(self, log: LoggedMessage) -> None:
        """Something is logged to it."""
        if self.logs is None:
            self.logs = []
        self.logs.append(log)

    def build(self, region: Callable[[OpenRegion], RegionSummary]) -> TaskSummary:
        """Its summary; ``region`` makes those of its regions."""
        return TaskSummary(
            self.id,
            self.name,
            self.parent,
            tuple(self.children or ()),
            self.begin,
            self.end,
            tuple(sorted(self.goroutines)),
            tuple(region(found) for found in self.regions or ()),
            tuple(self.logs or ()),
        )
