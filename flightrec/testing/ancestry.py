"""Which goroutines were created under something: by it, or by what it created, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from flightrec.testing.live import LiveGoroutine
from flightrec.trace import (
    Event,
    GoroutineTransition,
    GoState,
    Log,
    RegionBegin,
    RegionSummary,
    Summary,
    TaskBegin,
    TaskSummary,
)

__all__ = ["Root", "Stretch", "created_under", "stretches_of"]

#: What goroutines may descend from: a goroutine (its id is an int), a task, a region, a log.
Root: TypeAlias = int | LiveGoroutine | TaskBegin | TaskSummary | RegionBegin | RegionSummary | Log

_EVER = 1 << 63


class Stretch(NamedTuple):
    """A time of a goroutine's, in ns on the trace clock: what it creates then counts."""

    goroutine: int
    begin_ns: int
    end_ns: int


def stretches_of(root: Root, events: Sequence[Event], summary: Summary) -> list[Stretch]:
    """Return the times in which what a goroutine creates is the root's."""
    if isinstance(root, int):
        return [Stretch(root, 0, _EVER)]
    if isinstance(root, LiveGoroutine):
        born = 0 if root.created is None else root.created.time
        return [Stretch(root.goid, born, _EVER)]
    if isinstance(root, (TaskBegin, TaskSummary)):
        return _of_task(root.task if isinstance(root, TaskBegin) else root.id, events, summary)
    if isinstance(root, RegionBegin):
        task = summary.tasks.get(root.task)
        return [
            stretch
            for region in (() if task is None else task.regions)
            if (region.goroutine, region.begin_ns) == (root.goroutine, root.time)
            for stretch in _of_region(region)
        ]
    if isinstance(root, RegionSummary):
        return _of_region(root)
    return [] if root.goroutine is None else [Stretch(root.goroutine, root.time, _EVER)]


def _of_region(region: RegionSummary) -> list[Stretch]:
    if region.goroutine is None:
        return []
    end = _EVER if region.end_ns is None else region.end_ns
    return [Stretch(region.goroutine, region.begin_ns or 0, end)]


def _of_task(number: int, events: Sequence[Event], summary: Summary) -> list[Stretch]:
    """Return those of a task and its subtasks: on the goroutine that began it, and in regions."""
    numbers = [number]
    for each in numbers:  # it grows meanwhile
        numbers += summary.tasks[each].children if each in summary.tasks else ()
    wanted = set(numbers)
    tasks = [summary.tasks[each] for each in numbers if each in summary.tasks]
    ends = {task.id: _EVER if task.end_ns is None else task.end_ns for task in tasks}
    found = [
        Stretch(event.goroutine, event.time, ends[event.task])
        for event in events
        if isinstance(event, TaskBegin) and event.task in wanted and event.goroutine is not None
    ]
    return found + [s for task in tasks for region in task.regions for s in _of_region(region)]


def created_under(
    events: Iterable[Event], stretches: Iterable[Stretch], without: Iterable[tuple[int, int]] = ()
) -> set[int]:
    """Return the ``id()`` of each event that created a goroutine under one of these stretches.

    :param without: times, in ns, in which what the stretches' goroutines create does not count.
    """
    times: dict[int, list[Stretch]] = {}
    for stretch in stretches:
        times.setdefault(stretch.goroutine, []).append(stretch)
    left_out = list(without)
    under: set[int] = set()
    others: set[int] = set()  # what was created in a time without, and what that created
    found: set[int] = set()
    for event in events:
        if event.__class__ is not GoroutineTransition:
            continue
        assert isinstance(event, GoroutineTransition)
        if event.from_state is not GoState.NOT_EXIST or event.goid is None:
            continue
        # An id is used again for another C thread.
        under.discard(event.goid)
        others.discard(event.goid)
        creator, at = event.goroutine, event.time
        if creator is None:
            continue
        is_under = creator in under
        if not is_under and creator not in others:
            is_under = any(each.begin_ns <= at <= each.end_ns for each in times.get(creator, ()))
            if is_under and any(begin <= at <= end for begin, end in left_out):
                is_under = False
                others.add(event.goid)
        if is_under:
            under.add(event.goid)
            found.add(id(event))
        elif creator in others:
            others.add(event.goid)
    return found
