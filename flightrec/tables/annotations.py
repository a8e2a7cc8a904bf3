"""Rows of what a program says of itself: tasks, regions and logs."""

from __future__ import annotations

from flightrec.tables.goroutines import Goroutines
from flightrec.tables.interning import Interner, Row
from flightrec.tables.numbers import int64
from flightrec.tables.text import valid_text
from flightrec.trace.events import Log, RegionBegin, RegionEnd, TaskBegin, TaskEnd
from flightrec.trace.python import is_region

__all__ = ["Annotations"]


class Annotations:
    """Makes the rows of ``tasks``, ``regions`` and ``logs``; an open one has none yet."""

    def __init__(self, goroutines: Goroutines, interner: Interner) -> None:
        self.tasks: list[Row] = []
        self.regions: list[Row] = []
        self.logs: list[Row] = []
        self._number = goroutines.number
        self._stack = interner.stack
        # All of an open task's and region's row that is known at its begin.
        self._open_tasks: dict[int, TaskBegin] = {}
        self._begun_stacks: dict[int, int | None] = {}
        self._open_regions: dict[int | None, list[Row]] = {}
        # By the task that stands for one.
        self._task_regions: dict[int, Row] = {}

    def task_begin(self, event: TaskBegin) -> None:
        """A task begins, or a region that stands as one: of a coroutine of Python."""
        if is_region(event):
            row = (
                self._number(event.goroutine),
                int64(event.parent or 0),
                valid_text(event.name),
                0,
                event.time,
                self._stack(event.stack),
            )
            self._task_regions[event.task] = row
            return
        self._open_tasks[event.task] = event._replace(goroutine=self._number(event.goroutine))
        self._begun_stacks[event.task] = self._stack(event.stack)

    def task_end(self, event: TaskEnd, window_begin: int) -> None:
        """A task ends: for the first time, or it began before the trace."""
        task = event.task
        region = self._task_regions.pop(task, None)
        if region is not None:
            *row, begin, stack = region
            self.regions.append((*row, begin, event.time, False, False, stack))
            return
        if task not in self._open_tasks and is_region(event):
            return  # It began before the trace, and nothing says what it was called.
        begun = self._open_tasks.pop(task, None)
        self.tasks.append(
            (
                int64(task),
                valid_text(event.name),
                int64(event.parent if begun is None else begun.parent),
                window_begin if begun is None else begun.time,
                event.time,
                begun is None,
                False,
                None if begun is None else begun.goroutine,
                self._number(event.goroutine),
                self._begun_stacks.pop(task, None),
                self._stack(event.stack),
            )
        )

    def region_begin(self, event: RegionBegin) -> None:
        """A region begins, inside of those of its goroutine that are open."""
        regions = self._open_regions.setdefault(event.goroutine, [])
        begun = (
            self._number(event.goroutine),
            int64(event.task),
            valid_text(event.name),
            len(regions),
            event.time,
            self._stack(event.stack),
        )
        regions.append(begun)

    def region_end(self, event: RegionEnd, window_begin: int) -> None:
        """The innermost region of its goroutine ends, or one that began before the trace."""
        regions = self._open_regions.get(event.goroutine)
        if regions:
            *row, begin, stack = regions.pop()
            self.regions.append((*row, begin, event.time, False, False, stack))
            return
        number, task = self._number(event.goroutine), int64(event.task)
        name = valid_text(event.name)
        self.regions.append((number, task, name, 0, window_begin, event.time, True, False, None))

    def goroutine_end(self, goid: int | None, time: int) -> None:
        """A goroutine is gone, and its regions with it."""
        for *row, begin, stack in self._open_regions.pop(goid, ()):
            self.regions.append((*row, begin, time, False, True, stack))

    def log(self, event: Log) -> None:
        """Something is logged."""
        time, goroutine, proc, thread, stack, _, task, category, message = event
        self.logs.append(
            (
                time,
                self._number(goroutine),
                proc,
                thread,
                int64(task),
                valid_text(category),
                valid_text(message),
                self._stack(stack),
            )
        )

    def finish(self, end: int) -> None:
        """The trace ends: rows for what is open."""
        for task, begun in self._open_tasks.items():
            self.tasks.append(
                (
                    int64(task),
                    valid_text(begun.name),
                    int64(begun.parent),
                    begun.time,
                    end,
                    False,
                    True,
                    begun.goroutine,
                    None,
                    self._begun_stacks[task],
                    None,
                )
            )
        self._open_tasks.clear()
        for goid in list(self._open_regions):
            self.goroutine_end(goid, end)
        for *row, begin, stack in self._task_regions.values():
            self.regions.append((*row, begin, end, False, True, stack))
        self._task_regions.clear()
