"""Rules for what programs annotate their traces with: tasks, regions and logs."""

from __future__ import annotations

from typing import Final

from flightrec.trace.decode import Record
from flightrec.trace.events import (
    Event,
    Generation,
    Log,
    RegionBegin,
    RegionEnd,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.ordering.state import (
    BrokenOrderError,
    GState,
    MState,
    OrderState,
    Rule,
    need_goroutine,
)
from flightrec.trace.tables import Tables

__all__ = ["user_rules"]

_NO_TASK: Final = (1 << 64) - 1


def user_rules(state: OrderState, tables: Tables, generation: Generation) -> dict[str, Rule]:
    """The rules by event name."""
    gs, tasks = state.gs, state.tasks
    strings, stacks = tables.strings, tables.stacks

    def task_begin(ms: MState, record: Record, time: int) -> Event | None:
        _, _, task, above, name_id, stack = record
        if task in tasks:
            raise BrokenOrderError(f"task {task} begins but is running")
        # 0 means no parent here; only regions and logs belong to the background task.
        parent = None if above in (0, _NO_TASK) else above
        name = strings[name_id]
        need_goroutine(ms)
        tasks[task] = (parent, name)
        return TaskBegin(time, ms.g, ms.p, ms.m, stacks[stack], generation, task, parent, name)

    def task_end(ms: MState, record: Record, time: int) -> Event | None:
        _, _, task, stack = record
        need_goroutine(ms)
        # It may have begun before the trace, and the runtime may end one twice.
        parent, name = tasks.pop(task, (None, ""))
        return TaskEnd(time, ms.g, ms.p, ms.m, stacks[stack], generation, task, parent, name)

    def goroutine_on(ms: MState) -> GState:
        need_goroutine(ms)
        found = gs.get(ms.g)
        if found is None:
            raise BrokenOrderError(f"goroutine {ms.g} does not exist")
        return found

    def region_begin(ms: MState, record: Record, time: int) -> Event | None:
        _, _, task, name_id, stack = record
        goroutine = goroutine_on(ms)
        name = strings[name_id]
        goroutine.regions.append((task, name))
        return RegionBegin(time, ms.g, ms.p, ms.m, stacks[stack], generation, task, name)

    def region_end(ms: MState, record: Record, time: int) -> Event | None:
        _, _, task, name_id, stack = record
        regions = goroutine_on(ms).regions
        name = strings[name_id]
        # One that began before the trace may end, when all that began later have.
        if regions:
            if regions[-1] != (task, name):
                raise BrokenOrderError(
                    f"goroutine {ms.g} ends region {name!r} of task {task} "
                    f"inside of {regions[-1][1]!r} of task {regions[-1][0]}"
                )
            regions.pop()
        return RegionEnd(time, ms.g, ms.p, ms.m, stacks[stack], generation, task, name)

    def log(ms: MState, record: Record, time: int) -> Event | None:
        _, _, task, category, message, stack = record
        need_goroutine(ms)
        return Log(
            time,
            ms.g,
            ms.p,
            ms.m,
            stacks[stack],
            generation,
            task,
            strings[category],
            strings[message],
        )

    return {
        "UserLog": log,
        "UserRegionBegin": region_begin,
        "UserRegionEnd": region_end,
        "UserTaskBegin": task_begin,
        "UserTaskEnd": task_end,
    }
