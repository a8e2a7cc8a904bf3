"""Rows of what a program says of itself: tasks, regions and logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flightrec.tables.goroutines import Goroutines
from flightrec.tables.interning import Row
from flightrec.tables.numbers import int64
from flightrec.tables.text import valid_text
from flightrec.trace.events import Log, RegionBegin, RegionEnd, TaskBegin, TaskEnd
from flightrec.trace.python import is_region
from flightrec.trace.stacks import Stack

__all__ = ["Annotations"]


class Annotations:
    """Makes the rows of ``tasks``, ``regions`` and ``logs``; an open one has none yet."""

    def __init__(self, goroutines: Goroutines, stack_number: Callable[[Stack], Any]) -> None:
        self.tasks: list[Row] = []
        self.regions: list[Row] = []
        self.logs: list[Row] = []
        self._number = goroutines.number
        self._stack = stack_number
        # All of an open task's and region's row that is known at its begin. Of a task: its name,
        # parent, begin, goroutine and stack.
        self._open_tasks: dict[int, tuple[str, int | None, int, int | None, Any]] = {}
        self._region_stacks: dict[int | None, bool] = {}
        self._open_regions: dict[int | None, list[Row]] = {}
        # By the task that stands for one.
        self._task_regions: dict[int, Row] = {}

    def task_begin(self, event: TaskBegin) -> None:
        """A task begins, or a region that stands as one: of a coroutine of Python."""
        stack = self._stack(event.stack)
        if self._is_region(event, stack):
            row = (
                self._number(event.goroutine),
                int64(event.parent or 0),
                valid_text(event.name),
                0,
                event.time,
                stack,
            )
            self._task_regions[event.task] = row
            return
        time, goroutine, _, _, _, _, task, parent, name = event
        self._open_tasks[task] = (
            valid_text(name),
            int64(parent),
            time,
            self._number(goroutine),
            stack,
        )

    def _is_region(self, event: TaskBegin | TaskEnd, stack: int | None) -> bool:
        """Whether a task stands for a region; its stack, of this number, says so."""
        known = self._region_stacks.get(stack)
        if known is None:
            known = self._region_stacks[stack] = is_region(event)
        return known

    def task_end(self, event: TaskEnd, window_begin: int) -> None:
        """A task ends: for the first time, or it began before the trace."""
        task = event.task
        region = self._task_regions.pop(task, None)
        if region is not None:
            *row, begin, stack = region
            self.regions.append((*row, begin, event.time, False, False, stack))
            return
        at = self._stack(event.stack)
        found = self._open_tasks.pop(task, None)
        if found is None:
            if self._is_region(event, at):
                return  # It began before the trace, and nothing says what it was called.
            found = (valid_text(event.name), int64(event.parent), window_begin, None, None)
            before = True
        else:
            before = False
        name, parent, begin, goroutine, begin_stack = found
        ender = self._number(event.goroutine)
        self.tasks.append(
            (
                int64(task),
                name,
                parent,
                begin,
                event.time,
                before,
                False,
                goroutine,
                ender,
                begin_stack,
                at,
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
        for task, (name, parent, begin, goroutine, stack) in self._open_tasks.items():
            left = (name, parent, begin, end, False, True, goroutine, None, stack, None)
            self.tasks.append((int64(task), *left))
        self._open_tasks.clear()
        for goid in list(self._open_regions):
            self.goroutine_end(goid, end)
        for *row, begin, stack in self._task_regions.values():
            self.regions.append((*row, begin, end, False, True, stack))
        self._task_regions.clear()
