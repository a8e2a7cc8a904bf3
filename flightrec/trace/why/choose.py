"""What to explain: what was asked for, or what stands out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from flightrec.errors import FlightRecorderError
from flightrec.trace.names import quoted
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.summary.distribution import DistributionBuilder
from flightrec.trace.summary.odd import ENOUGH, is_lock, is_odd_task, is_picked
from flightrec.trace.why.model import Subject, SubjectKind, Usual
from flightrec.trace.why.places import place_of
from flightrec.trace.why.survey import Kind, Survey, Task
from flightrec.trace.why.wakers import NETWORK
from flightrec.trace.why.words import short, waited_for

__all__ = ["NotInTraceError", "longest_of", "outstanding", "task_subject", "tasks_named"]


class NotInTraceError(FlightRecorderError, LookupError):
    """The trace does not have what was to be explained.

    :ivar wanted: what was asked for.
    """

    def __init__(self, message: str, wanted: object) -> None:
        super().__init__(message)
        self.wanted = wanted


def tasks_named(survey: Survey, wanted: int | str | None) -> list[Task]:
    """The tasks with a name, or with a number, or all for None.

    :raises NotInTraceError: there is none.
    """
    tasks = survey.chosen_tasks()
    if wanted is None:
        found = tasks
    elif isinstance(wanted, int):
        found = [task for task in tasks if task.id == wanted]
    else:
        found = [task for task in tasks if task.name == wanted]
        if not found and wanted.isdecimal():
            return tasks_named(survey, int(wanted))
    if not found:
        names = sorted({task.name for task in survey.tasks.values() if task.name})
        shown = ", ".join(map(quoted, names[:10])) + (", …" if len(names) > 10 else "")
        what = "tasks" if wanted is None or not names else f"task {_wanted(wanted)}"
        where = "" if survey.everything else " in that stretch"
        told = f"; its tasks are {shown}" if names else ""
        raise NotInTraceError(f"the trace has no {what}{where}{told}", wanted)
    return found


def _wanted(wanted: int | str) -> str:
    return quoted(wanted) if isinstance(wanted, str) else str(wanted)


def task_subject(survey: Survey, task: Task, why: str = "") -> Subject:
    """A task as what is to be explained."""
    others = [
        survey.duration(other)
        for other in survey.tasks.values()
        if other is not task and other.name == task.name and other.end is not None
    ]
    return Subject(
        SubjectKind.TASK,
        task.name,
        task.id,
        task.goid,
        survey.begin if task.begin is None else task.begin,
        survey.end if task.end is None else task.end,
        complete=task.end is not None,
        began_before=task.begin is None,
        usual=usual(others),
        why=why,
    )


def usual(others: Sequence[int]) -> Usual | None:
    """What others took; None if there are none."""
    if not others:
        return None
    ordered = sorted(others)
    return Usual(len(others), int(median(ordered)), ordered[int(0.9 * (len(ordered) - 1))])


def slowest(survey: Survey, tasks: Sequence[Task]) -> Task:
    """The slowest of some tasks."""
    return max(tasks, key=lambda task: (survey.duration(task), -task.id))


def outstanding(survey: Survey) -> Subject:
    """What stands out: the slowest task against its kind, else a wait, a delay or a pause."""
    return _task(survey) or _wait(survey) or _nothing(survey)


def _task(survey: Survey) -> Subject | None:
    kinds: dict[str, list[Task]] = {}
    for task in survey.chosen_tasks():
        if task.begin is not None:
            kinds.setdefault(task.name, []).append(task)
    best: tuple[int, Task, int] | None = None
    for tasks in kinds.values():
        found = slowest(survey, tasks)
        took = survey.duration(found)
        times = DistributionBuilder()
        for task in tasks:
            if task is not found:
                times.add(survey.duration(task))
        others = times.build()
        beyond = took - others.quantile(0.5)
        if is_odd_task(others, took) and (best is None or beyond > best[0]):
            best = beyond, found, len(tasks)
    if best is None:
        return None
    _, found, count = best
    return task_subject(survey, found, f"the slowest of {count} tasks {quoted(found.name)}")


def _wait(survey: Survey) -> Subject | None:
    found: list[tuple[int, int, Subject]] = []
    for kind in survey.program_kinds():
        # Locks are meant to be short. To wait for the network may only mean to have no work.
        rank = 2 if _is_lock(kind) else 0 if kind.reason == NETWORK else 1
        _judge(found, kind, SubjectKind.WAIT, rank)
    _judge(found, survey.delays, SubjectKind.DELAY, 1)
    _judge(found, survey.pauses, SubjectKind.PAUSE, 1)
    return max(found, key=lambda entry: entry[:2])[2] if found else None


def _judge(found: list[tuple[int, int, Subject]], kind: Kind, what: SubjectKind, rank: int) -> None:
    """Add the longest of a kind to what stands out, if it does."""
    longest, others = kind.longest, kind.times.build().without_longest()
    if longest.goid is None or not is_picked(others, longest.ns, alone=rank == 2):
        return
    count = others.count
    why = f"the longest of {count + 1} of its kind" if count else "the only one of its kind"
    beyond = longest.ns - (others.quantile(0.5) if count >= ENOUGH else 0)
    found.append((rank, beyond, _longest(kind, what, why)))


def _is_lock(kind: Kind) -> bool:
    stack = kind.longest.stack
    return stack is not None and is_lock(stack)


def _longest(kind: Kind, what: SubjectKind, why: str) -> Subject:
    """The longest of a kind of wait, delay or pause as what is to be explained."""
    longest, others = kind.longest, kind.times.build().without_longest()
    name = {SubjectKind.DELAY: "ready to run", SubjectKind.PAUSE: "stop-the-world"}.get(what)
    if name is None:
        place = place_of(longest.stack) if longest.stack is not None else None
        name = waited_for(kind.reason, () if place is None else place.stack)
        if place is not None:
            name += f" at {short(place.function)}"
    usual = None
    if others.count >= ENOUGH:
        usual = Usual(others.count, others.quantile(0.5), others.quantile(0.9))
    return Subject(what, name, None, longest.goid, longest.begin, longest.end, usual=usual, why=why)


def longest_of(survey: Survey, what: SubjectKind, why: str) -> Subject | None:
    """The longest delay, stop-the-world or wait for a lock; None if there was none."""
    if what is SubjectKind.WAIT:
        kinds = [kind for kind in survey.program_kinds() if _is_lock(kind)]
    else:
        kinds = [survey.delays if what is SubjectKind.DELAY else survey.pauses]
    kinds = [kind for kind in kinds if kind.longest.goid is not None]
    if not kinds:
        return None
    return _longest(max(kinds, key=lambda kind: kind.longest.ns), what, why)


def _nothing(survey: Survey) -> Subject:
    looked = []
    timed = [task for task in survey.chosen_tasks() if task.begin is not None]
    if timed:
        found = slowest(survey, timed)
        same = [survey.duration(task) for task in timed if task.name == found.name]
        looked.append(
            f"{len(timed)} task{'s' * (len(timed) > 1)}, of which the slowest, "
            f"{quoted(found.name)}, took {ns_text(survey.duration(found))} against a median of "
            f"{ns_text(median(same))}"
        )
    else:
        looked.append("no tasks")
    waits = sum(kind.times.build().count for kind in survey.kinds.values())
    looked.append(f"{waits} waits at {len(survey.kinds)} places")
    for kind, what in (
        (survey.delays, "delays before running"),
        (survey.pauses, "stop-the-worlds"),
    ):
        times = kind.times.build()
        if times.count:
            looked.append(f"{times.count} {what}, at most {ns_text(times.max_ns)}")
    return Subject(
        SubjectKind.NOTHING,
        "",
        None,
        None,
        survey.begin,
        survey.end,
        why="; ".join(looked),
    )
