"""What changed between two summaries, per second of their windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, TypeVar

from flightrec.trace.program import is_recorder_pause, program_frame
from flightrec.trace.python import PYTHON_THREAD
from flightrec.trace.summary.distribution import Distribution
from flightrec.trace.summary.model import BlockingStack, ExecutionStats, FunctionSummary, Summary
from flightrec.trace.summary.outliers import is_program_place

__all__ = ["Amount", "Change", "Comparison", "compare"]

T = TypeVar("T")

_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of something there is in a trace: how often, how long in all, and the longest.

    ``median_ns`` is None where no durations are known.
    """

    count: int = 0
    total_ns: int = 0
    median_ns: int | None = None
    max_ns: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One thing in both traces. ``seconds`` are the lengths of the two windows.

    ``kind`` is ``"task"``, ``"region"``, ``"time"`` (of the goroutines of one start function in one
    state), ``"wait"``, ``"syscall"``, ``"scheduling"``, ``"pause"`` or ``"GC"``; ``what`` names it.
    """

    kind: str
    what: str
    before: Amount
    after: Amount
    seconds: tuple[float, float]

    @property
    def before_per_second(self) -> float:
        """Ns a second of the first window."""
        return self.before.total_ns / self.seconds[0] if self.seconds[0] else 0.0

    @property
    def after_per_second(self) -> float:
        """Ns a second of the second window."""
        return self.after.total_ns / self.seconds[1] if self.seconds[1] else 0.0

    @property
    def weight(self) -> float:
        """How much it matters: the difference in ns a second."""
        return abs(self.after_per_second - self.before_per_second)

    @property
    def median_change_ns(self) -> int:
        """How much longer the median is in the second; 0 where one is not known."""
        if self.before.median_ns is None or self.after.median_ns is None:
            return 0
        return self.after.median_ns - self.before.median_ns


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two traces side by side: ``changes`` of each kind, what matters most first."""

    before: Summary
    after: Summary
    changes: tuple[Change, ...]

    def of(self, kind: str) -> tuple[Change, ...]:
        """The changes of a kind."""
        return tuple(change for change in self.changes if change.kind == kind)


def compare(before: Summary, after: Summary) -> Comparison:
    """Compare two summaries; details are not needed.

    What has a name is matched by it, and places by their functions, so two builds of one program
    can be compared. The runtime's own goroutines, the recorder's, and its pauses are left out.
    """
    seconds = (before.duration_ns / _NS, after.duration_ns / _NS)
    changes: list[Change] = []

    def add(kind: str, measure: Callable[[Summary], Mapping[str, Amount]]) -> None:
        one, other = measure(before), measure(after)
        found = [
            Change(kind, what, one.get(what, Amount()), other.get(what, Amount()), seconds)
            for what in dict.fromkeys([*one, *other])
        ]
        changes.extend(sorted(found, key=lambda change: -change.weight))

    add("task", lambda summary: _distributions(summary.task_durations))
    add("region", lambda summary: _distributions(summary.region_durations))
    add("time", lambda summary: _times(summary.functions))
    add("wait", lambda summary: _places(summary.blocking))
    add("syscall", lambda summary: _places(summary.syscalls))
    add("scheduling", lambda summary: {"ready to run": _amount(summary.program_scheduling)})
    add("pause", _pauses)
    add("GC", _collections)
    return Comparison(before, after, tuple(changes))


def _amount(found: Distribution) -> Amount:
    median = found.quantile(0.5) if found.count else None
    return Amount(found.count, found.total_ns, median, found.max_ns)


def _distributions(found: Mapping[str, Distribution]) -> dict[str, Amount]:
    return {name: _amount(durations) for name, durations in found.items()}


_STATES: Final[Mapping[str, Callable[[ExecutionStats], int]]] = {
    "running": lambda stats: stats.execution_ns,
    "ready to run": lambda stats: stats.runnable_ns,
    "blocked": lambda stats: stats.blocked_total_ns,
    "in syscalls": lambda stats: stats.syscall_ns + stats.syscall_blocked_ns,
    "GC assists": lambda stats: stats.gc_assist_ns,
}


def _times(functions: Iterable[FunctionSummary]) -> dict[str, Amount]:
    found: dict[str, Amount] = {}
    for function in functions:
        if function.system:
            continue
        name = function.name or "(no stack in the trace)"
        if name.startswith(PYTHON_THREAD):
            # Its native id is another one in another process.
            name = name.rpartition(" (")[0]
        for state, measure in _STATES.items():
            ns = measure(function.stats)
            if ns:
                before = found.get(f"{state}: {name}", Amount())
                found[f"{state}: {name}"] = Amount(
                    before.count + function.goroutines, before.total_ns + ns
                )
    return found


def _place(place: BlockingStack) -> str:
    """A place by its functions and file, not its line, which changes with every edit."""
    frames = place.stack
    own = program_frame(frames)
    where = "(no stack)"
    if own is not None:
        where = f"{own.function} ({PurePath(own.file).name})"
        if own != frames[0]:
            where += f" in {frames[0].function}"
    elif frames:
        where = f"{frames[0].function} < {frames[-1].function}"
    reason = place.reason or "since before the trace"
    return where if reason == "syscall" else f"{reason}: {where}"


def _places(places: Iterable[BlockingStack]) -> dict[str, Amount]:
    found: dict[str, tuple[int, int, Distribution, int]] = {}
    for place in places:
        if not is_program_place(place):
            continue
        key = _place(place)
        count, total, durations, longest = found.get(key, (0, 0, Distribution(), 0))
        found[key] = (
            count + place.count,
            total + place.total_ns,
            durations.plus(place.durations),
            max(longest, place.max_ns),
        )
    return {
        key: Amount(count, total, durations.quantile(0.5) if durations.count else None, longest)
        for key, (count, total, durations, longest) in found.items()
    }


def _exact(durations: list[int]) -> Amount:
    durations.sort()
    return Amount(
        len(durations), sum(durations), durations[(len(durations) - 1) // 2], durations[-1]
    )


def _pauses(summary: Summary) -> dict[str, Amount]:
    found: dict[str, list[int]] = {}
    for pause in summary.pauses:
        if not is_recorder_pause(pause.reason):
            found.setdefault(pause.reason, []).append(pause.duration_ns)
    return {reason: _exact(durations) for reason, durations in found.items()}


def _collections(summary: Summary) -> dict[str, Amount]:
    marks = [cycle.duration_ns for cycle in summary.gc_cycles if cycle.duration_ns is not None]
    return {"mark phases": _exact(marks)} if marks else {}
