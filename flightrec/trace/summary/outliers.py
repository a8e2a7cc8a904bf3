"""What is odd in a trace: what took far longer than others of its kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flightrec.trace.program import (
    is_c_thread,
    is_recorder_pause,
    is_system_goroutine,
    program_frame,
)
from flightrec.trace.stacks import NO_STACK, Stack
from flightrec.trace.summary.blocking import SYSCALL
from flightrec.trace.summary.distribution import Distribution
from flightrec.trace.summary.model import BlockingStack, Longest, Summary
from flightrec.trace.summary.odd import ENOUGH, is_listed, is_lock, is_odd_task, is_picked

__all__ = ["Outlier", "is_program_place", "outliers"]

# A goroutine that sleeps chose how long.
_CHOSEN: Final = frozenset({"sleep"})


@dataclass(frozen=True, slots=True)
class Outlier:
    """The longest of its kind, far beyond the usual.

    ``kind`` is ``"wait"``, ``"syscall"``, ``"delay"`` (ready to run and not running), ``"pause"``
    (a stop-the-world), ``"task"`` or ``"region"``; ``what`` the reason of a wait or pause, or the
    name of a task or region. ``count`` and ``median_ns`` are of the kind, ``long`` is how many of
    them took at least half as long. ``stack`` is where it was, if that is known.
    """

    kind: str
    what: str
    count: int
    median_ns: int
    long: int
    longest: Longest
    stack: Stack

    @property
    def excess_ns(self) -> int:
        """How much longer than usual it took; all of it where too few tell what is usual."""
        return self.longest.duration_ns - (self.median_ns if self.count > ENOUGH else 0)


def outliers(summary: Summary) -> tuple[Outlier, ...]:
    """What stands out in a trace, the most time beyond the usual first.

    Goroutines of the runtime and the recorder are left out, and so are their pauses. What only
    the standard library's own goroutines wait for (a connection that idles) comes last.
    """
    found = [one for one in _candidates(summary) if one is not None]
    return tuple(sorted(found, key=lambda one: (_is_library(one), -one.excess_ns)))


def _is_library(one: Outlier) -> bool:
    return one.kind in ("wait", "syscall") and program_frame(one.stack) is None


def is_program_place(place: BlockingStack) -> bool:
    """Whether the program blocks there: not the runtime, the recorder, or a thread outside Go."""
    stack = place.stack
    if not stack:
        # A thread that is outside Go is in a syscall without a stack.
        return place.reason != SYSCALL and not is_system_goroutine(place.longest.name)
    start = stack[-1].function
    if is_system_goroutine(start):
        return False
    return not is_c_thread(start) or program_frame(stack) is not None


def _candidates(summary: Summary) -> Iterator[Outlier | None]:
    for name, longest in summary.longest_tasks.items():
        yield _judged("task", name, summary.task_durations.get(name), longest)
    for name, longest in summary.longest_regions.items():
        yield _judged("region", name, summary.region_durations.get(name), longest)
    for kind, places in (("wait", summary.blocking), ("syscall", summary.syscalls)):
        for place in places:
            if is_program_place(place) and place.reason not in _CHOSEN:
                yield _judged(kind, place.reason, place.durations, place.longest, place.stack)
    if summary.program_delays:
        delay = summary.program_delays[0]
        longest = Longest(delay.goroutine, delay.name, delay.begin_ns, delay.duration_ns)
        yield _judged("delay", "ready to run", summary.program_scheduling, longest)
    yield from _pauses(summary)


def _pauses(summary: Summary) -> Iterator[Outlier | None]:
    pauses = [pause for pause in summary.pauses if not is_recorder_pause(pause.reason)]
    for reason in dict.fromkeys(pause.reason for pause in pauses):
        of_kind = sorted(
            (pause for pause in pauses if pause.reason == reason),
            key=lambda pause: pause.duration_ns,
        )
        worst = of_kind[-1]
        longest = Longest(worst.goroutine, "", worst.begin_ns, worst.duration_ns)
        durations = [pause.duration_ns for pause in of_kind]
        median = durations[(len(durations) - 1) // 2]
        long = _at_least(durations, worst.duration_ns // 2)
        if is_listed(len(durations), median, long, worst.duration_ns):
            yield Outlier("pause", reason, len(durations), median, long, longest, worst.stack)


def _judged(
    kind: str, what: str, usual: Distribution | None, longest: Longest, stack: Stack = NO_STACK
) -> Outlier | None:
    """The longest of a kind as an outlier; None if it is none."""
    if usual is None:
        return None
    median = usual.quantile(0.5)
    ns = longest.duration_ns
    # One that goes on is not among those that ended.
    count = usual.count + (not longest.ended)
    long = usual.count_at_least(ns // 2) + (not longest.ended)
    odd = is_listed(count, median, long, ns)
    if not odd:
        others = usual.without_longest() if longest.ended else usual
        if kind == "task":
            odd = is_odd_task(others, ns)
        elif kind == "wait" and is_lock(stack) and program_frame(stack) is not None:
            odd = is_picked(others, ns, alone=True)
    if not odd:
        return None
    return Outlier(kind, what, count, median, long, longest, stack)


def _at_least(durations: Sequence[int] | Iterable[int], ns: int) -> int:
    return sum(duration >= ns for duration in durations)
