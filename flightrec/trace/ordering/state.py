"""What the ordering keeps of goroutines, procs and threads between events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from flightrec.trace.decode import Record
from flightrec.trace.events import Event, GoroutineTransition

__all__ = [
    "BrokenOrderError",
    "GState",
    "MState",
    "NoThread",
    "OrderState",
    "PState",
    "Ranges",
    "Rule",
]

#: ``rule(ms, record, time)``: the event that ``record`` of M ``ms`` makes at ``time``, or None
#: if it cannot come yet. Events that come with it are left in ``OrderState.extra``.
Rule = Callable[["MState", Record, int], Event | None]

#: A range in flight: its begin event's type, the kind's string id, the event's name for it.
Range = tuple[int, int, str]


class BrokenOrderError(Exception):
    """No valid trace can have this event here. Becomes a TraceFormatError with its place."""


class Ranges:
    """The special ranges in flight on a goroutine or proc. Mirrors Go's ``rangeState``."""

    __slots__ = ("ranges",)

    def __init__(self) -> None:
        self.ranges: list[Range] = []

    def has_range(self, begin: int, kind: int) -> bool:
        """Whether such a range is in flight."""
        return any(found[0] == begin and found[1] == kind for found in self.ranges)

    def begin_range(self, begin: int, kind: int, name: str) -> None:
        """Begin a range that must not be in flight."""
        if self.has_range(begin, kind):
            raise BrokenOrderError(f"range {name!r} begins while it is in flight")
        self.ranges.append((begin, kind, name))

    def active_range(self, begin: int, name: str, *, initial: bool) -> None:
        """A range is said to be on: news in the initial generation, known in later ones."""
        if self.has_range(begin, 0) == initial:
            raise BrokenOrderError(
                f"range {name!r} is said to be active "
                + ("but had begun" if initial else "but has not begun")
            )
        if initial:
            self.ranges.append((begin, 0, name))

    def end_range(self, begin: int, name: str) -> str:
        """End the first range of the type ``begin`` and return its name."""
        ranges = self.ranges
        for i, found in enumerate(ranges):
            if found[0] == begin:
                # The last one takes its place: Go's order, which shows when kinds are mixed.
                ranges[i] = ranges[-1]
                ranges.pop()
                return found[2]
        raise BrokenOrderError(f"range {name!r} ends but has not begun")


class GState(Ranges):
    """A goroutine. ``seq`` is the last sequence number, and holds in generation ``gen`` only."""

    __slots__ = ("gen", "regions", "seq", "status")

    def __init__(self, status: int, gen: int) -> None:
        super().__init__()
        self.status = status
        self.gen = gen
        self.seq = 0
        #: (task, name) of user regions, outermost first.
        self.regions: list[tuple[int, str]] = []


class PState(Ranges):
    """A proc. ``seq`` is the last sequence number, and holds in generation ``gen`` only."""

    __slots__ = ("gen", "seq", "status")

    def __init__(self, status: int, gen: int) -> None:
        super().__init__()
        self.status = status
        self.gen = gen
        self.seq = 0


class MState:
    """A thread: its id, and the goroutine and proc on it, None if there is none."""

    __slots__ = ("g", "m", "p")

    def __init__(self, m: int | None) -> None:
        self.m = m
        self.g: int | None = None
        self.p: int | None = None


class NoThread(MState):
    """What stands for the M of events that no M owns. Nothing can be bound to it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, None)


class GCState:
    """Whether the collector is marking."""

    UNDETERMINED: Final = 0
    OFF: Final = 1
    ON: Final = 2


class OrderState:
    """The scheduler's state as the events so far tell it. Lives as long as the trace is read."""

    __slots__ = ("extra", "gc", "gc_seq", "gs", "initial", "ms", "ps", "tasks", "transition")

    def __init__(self, *, plain: bool = False) -> None:
        #: What a goroutine's transitions are: see ``plain`` of :class:`~flightrec.trace.Reader`.
        #: Making a plain tuple of a tuple costs nothing.
        self.transition: type[GoroutineTransition] = GoroutineTransition
        if plain:
            self.transition = cast("type[GoroutineTransition]", tuple)
        self.gs: dict[int | None, GState] = {}
        self.ps: dict[int | None, PState] = {}
        self.ms: dict[int | None, MState] = {}
        #: Running tasks: id -> (parent, name).
        self.tasks: dict[int, tuple[int | None, str]] = {}
        self.gc = GCState.UNDETERMINED
        self.gc_seq = 0
        #: The first generation's number.
        self.initial = 0
        #: Events that come right after the one a rule returned; the caller empties it.
        self.extra: list[Event] = []

    def thread(self, m: int | None) -> MState:
        """The state of M ``m``, made when its first event is looked at."""
        if m is None:
            return NoThread()
        found = self.ms.get(m)
        if found is None:
            found = self.ms[m] = MState(m)
        return found


def need_goroutine(ms: MState) -> None:
    """Refuse an event that only a running goroutine on a proc can make."""
    if ms.g is None or ms.p is None:
        missing = "proc" if ms.p is None else "goroutine"
        raise BrokenOrderError(f"the event needs a {missing} and its M has none")


def need_proc(ms: MState) -> None:
    """Refuse an event that needs a proc."""
    if ms.p is None:
        raise BrokenOrderError("the event needs a proc and its M has none")


def need_thread(ms: MState) -> None:
    """Refuse an event that needs an M."""
    if ms.m is None:
        raise BrokenOrderError("the event needs an M and its batch is of none")
