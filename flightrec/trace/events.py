"""The events that the reader yields.

Each kind is a named tuple, so that events are immutable, small and quick to make (a large trace
has tens of millions). Every one begins with the same six fields:

``time``
    ns on the trace clock, strictly increasing from event to event. On Linux that clock is
    CLOCK_MONOTONIC, so ``time.monotonic_ns()`` can be compared with it.
``goroutine``, ``proc``, ``thread``
    Where it happened: the ids of the G, P and M, each None where there was none. For a state
    transition they say how things were before it.
``stack``
    Where in the code it happened; empty where the event has no stack.
``generation``
    The :class:`Generation` it is of, with the clock snapshot that turns ``time`` into wall time.

The kinds are those of Go's ``internal/trace`` (and ``golang.org/x/exp/trace``), and so are their
contents, but a goroutine's state transition and a proc's are two types here.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias, cast, get_args

from flightrec.trace.spec import EXPERIMENTS, SPECS
from flightrec.trace.stacks import Stack
from flightrec.trace.states import GoState, ProcState
from flightrec.trace.tables import ClockSnapshot

__all__ = [
    "EVENT_CLASSES",
    "Event",
    "EventBase",
    "Experimental",
    "ExperimentalBatch",
    "Generation",
    "GoroutineTransition",
    "Kind",
    "Label",
    "Log",
    "Metric",
    "ProcTransition",
    "RangeActive",
    "RangeBegin",
    "RangeEnd",
    "RegionBegin",
    "RegionEnd",
    "Resource",
    "ResourceKind",
    "StackSample",
    "StateTransition",
    "Sync",
    "TaskBegin",
    "TaskEnd",
]


class Kind(str, enum.Enum):
    """An event's kind, named as Go's ``internal/trace`` prints it."""

    SYNC = "Sync"
    METRIC = "Metric"
    LABEL = "Label"
    STACK_SAMPLE = "StackSample"
    RANGE_BEGIN = "RangeBegin"
    RANGE_ACTIVE = "RangeActive"
    RANGE_END = "RangeEnd"
    TASK_BEGIN = "TaskBegin"
    TASK_END = "TaskEnd"
    REGION_BEGIN = "RegionBegin"
    REGION_END = "RegionEnd"
    LOG = "Log"
    STATE_TRANSITION = "StateTransition"
    EXPERIMENTAL = "Experimental"

    def __str__(self) -> str:
        return str(self.value)


class ResourceKind(str, enum.Enum):
    """What a range belongs to, named as Go's ``internal/trace`` prints it."""

    NONE = "None"
    GOROUTINE = "Goroutine"
    PROC = "Proc"

    def __str__(self) -> str:
        return str(self.value)


class Resource(NamedTuple):
    """What a range belongs to. The id is None for what is global, and for a missing one."""

    kind: ResourceKind
    id: int | None

    def __str__(self) -> str:
        if self.kind is ResourceKind.NONE:
            return str(self.kind)
        return f"{self.kind}({-1 if self.id is None else self.id})"


class Generation:
    """A generation's metadata. Shared by its events; do not change it.

    Two are equal if all their fields are, so events of two readings of one trace are equal.

    ``number`` as in the trace, ``clock`` its clock snapshot (None before Go 1.25),
    ``units_per_second`` the trace clock's frequency, ``offset`` where its first batch starts in
    the trace.
    """

    __slots__ = ("clock", "number", "offset", "units_per_second")

    def __init__(
        self,
        number: int,
        *,
        clock: ClockSnapshot | None = None,
        units_per_second: int = 0,
        offset: int = 0,
    ) -> None:
        self.number = number
        self.clock = clock
        self.units_per_second = units_per_second
        self.offset = offset

    def wall_time_ns(self, time: int) -> int | None:
        """The wall time (ns since the epoch) at ``time`` on the trace clock; None if unknown."""
        clock = self.clock
        return None if clock is None else clock.wall_ns + (time - clock.time)

    def _key(self) -> tuple[int, ClockSnapshot | None, int, int]:
        return self.number, self.clock, self.units_per_second, self.offset

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Generation):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"<generation {self.number}>"

    def __reduce__(self) -> tuple[object, ...]:
        # Slots and keyword-only arguments need saying how to pickle.
        return _generation, self._key()


def _generation(
    number: int, clock: ClockSnapshot | None, units_per_second: int, offset: int
) -> Generation:
    return Generation(number, clock=clock, units_per_second=units_per_second, offset=offset)


class EventBase:
    """What all event types share; use it for ``isinstance``, and :data:`Event` in annotations.

    Two events are equal if they are of one type and all their fields are equal.
    """

    __slots__ = ()

    kind: Kind
    time: int
    generation: Generation

    @property
    def wall_time_ns(self) -> int | None:
        """When it happened, in ns since the epoch; None if the trace does not say (Go < 1.25).

        Computed from the generation's clock snapshot, so an adjustment of the system's clock
        shows from the next generation on.
        """
        return self.generation.wall_time_ns(self.time)

    @property
    def wall_time(self) -> datetime.datetime | None:
        """:attr:`wall_time_ns` as an aware datetime in UTC, cut to microseconds."""
        ns = self.wall_time_ns
        if ns is None:
            return None
        seconds, rest = divmod(ns, 1_000_000_000)
        whole = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        return whole.replace(microsecond=rest // 1000)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return tuple.__eq__(cast("tuple[object, ...]", self), other)

    def __ne__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return tuple.__ne__(cast("tuple[object, ...]", self), other)

    def __hash__(self) -> int:
        return tuple.__hash__(cast("tuple[object, ...]", self))


class ExperimentalBatch(NamedTuple):
    """A packet of an experiment's own data, written by one M; ``data`` is not interpreted."""

    thread: int | None
    data: bytes


class _Sync(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    n: int
    clock: ClockSnapshot | None
    experimental_batches: Mapping[str, tuple[ExperimentalBatch, ...]]


class Sync(EventBase, _Sync):
    """A generation begins, or, the last of them, the trace ends.

    All goroutines and procs of the generation before have appeared by now. ``n`` counts
    from 1. ``clock`` is None before Go 1.25 and at the end. ``experimental_batches`` has the
    generation's, by the experiment's name.
    """

    __slots__ = ()
    kind = Kind.SYNC

    def __hash__(self) -> int:
        # A read-only view of a dict has no hash, and cannot be pickled.
        return hash(self[:-1])

    def __eq__(self, other: object) -> bool:
        return EventBase.__eq__(self, other)

    def __reduce__(self) -> tuple[object, ...]:
        return _sync, (*self[:-1], dict(self.experimental_batches))


def _sync(*fields: Any) -> Sync:
    return Sync._make((*fields[:-1], MappingProxyType(fields[-1])))


class _Metric(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    name: str
    value: int


class Metric(EventBase, _Metric):
    """A metric's new value; named as in Go's ``runtime/metrics``, unit included."""

    __slots__ = ()
    kind = Kind.METRIC


class _Label(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    label: str


class Label(EventBase, _Label):
    """The runtime puts a label on :attr:`goroutine` (``GC (idle)`` for a mark worker)."""

    __slots__ = ()
    kind = Kind.LABEL


class _StackSample(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation


class StackSample(EventBase, _StackSample):
    """A CPU profile's sample. It may disagree a little with the events around it."""

    __slots__ = ()
    kind = Kind.STACK_SAMPLE


class _Range(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    name: str
    scope: Resource


class RangeBegin(EventBase, _Range):
    """A range begins on :attr:`scope`: a GC phase, a sweep, a mark assist, a stop-the-world."""

    __slots__ = ()
    kind = Kind.RANGE_BEGIN


class RangeActive(EventBase, _Range):
    """A range was on already; ``scope`` may be another than where the event happened."""

    __slots__ = ()
    kind = Kind.RANGE_ACTIVE


class _RangeEnd(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    name: str
    scope: Resource
    attributes: tuple[tuple[str, int], ...]


class RangeEnd(EventBase, _RangeEnd):
    """A range ends; ``attributes`` are pairs of a name and a value (a sweep's bytes)."""

    __slots__ = ()
    kind = Kind.RANGE_END


class _Task(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    task: int
    parent: int | None
    name: str


class TaskBegin(EventBase, _Task):
    """``runtime/trace.NewTask``; ``parent`` is None where it has none but the background."""

    __slots__ = ()
    kind = Kind.TASK_BEGIN


class TaskEnd(EventBase, _Task):
    """A task's end. If its begin is not in the trace, parent and name are unknown."""

    __slots__ = ()
    kind = Kind.TASK_END


class _Region(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    task: int
    name: str


class RegionBegin(EventBase, _Region):
    """``runtime/trace.StartRegion``; task 0 is the background task."""

    __slots__ = ()
    kind = Kind.REGION_BEGIN


class RegionEnd(EventBase, _Region):
    """A region's end, on the goroutine that began it."""

    __slots__ = ()
    kind = Kind.REGION_END


class _Log(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    task: int
    category: str
    message: str


class Log(EventBase, _Log):
    """``runtime/trace.Log``; task 0 is the background task."""

    __slots__ = ()
    kind = Kind.LOG


class _GoroutineTransition(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    goid: int | None
    from_state: GoState
    to_state: GoState
    reason: str
    transition_stack: Stack


class GoroutineTransition(EventBase, _GoroutineTransition):
    """Goroutine ``goid`` goes from one state to another.

    ``goroutine`` is the one that ran when it happened: the one that blocks, but the waker of one
    that is unblocked. ``reason`` is the runtime's word for why it stopped. ``transition_stack``
    is ``goid``'s own: where it blocked, or for one that is created, where it will start.
    """

    __slots__ = ()
    kind = Kind.STATE_TRANSITION

    @property
    def is_restatement(self) -> bool:
        """Whether nothing changes: the event only repeats which state the goroutine is in.

        A trace begins with such events (``from_state`` is UNDETERMINED), and each further
        generation has one for every goroutine that did nothing (``from_state`` is ``to_state``).
        Leave these out when you count waits.
        """
        return self.from_state is self.to_state or self.from_state is GoState.UNDETERMINED


class _ProcTransition(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    procid: int | None
    from_state: ProcState
    to_state: ProcState


class ProcTransition(EventBase, _ProcTransition):
    """Proc ``procid`` starts or stops; ``proc`` is another one where it is stolen."""

    __slots__ = ()
    kind = Kind.STATE_TRANSITION

    @property
    def is_restatement(self) -> bool:
        """Whether nothing changes: the event only repeats which state the proc is in."""
        return self.from_state is self.to_state or self.from_state is ProcState.UNDETERMINED


class _Experimental(NamedTuple):
    time: int
    goroutine: int | None
    proc: int | None
    thread: int | None
    stack: Stack
    generation: Generation
    type: int
    values: tuple[int, ...]


class Experimental(EventBase, _Experimental):
    """An experiment's event, with the raw values of its arguments.

    :class:`flightrec.trace.AllocFree` interprets those of the AllocFree experiment.
    """

    __slots__ = ()
    kind = Kind.EXPERIMENTAL

    @property
    def name(self) -> str:
        """The event type's name."""
        return SPECS[self.type].name

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return EXPERIMENTS[SPECS[self.type].experiment]

    @property
    def arguments(self) -> dict[str, int]:
        """The arguments by their names in the wire format."""
        return dict(zip(SPECS[self.type].values, self.values, strict=True))


#: Either kind of state transition.
StateTransition: TypeAlias = GoroutineTransition | ProcTransition

#: Any event.
Event: TypeAlias = (
    Sync
    | Metric
    | Label
    | StackSample
    | RangeBegin
    | RangeActive
    | RangeEnd
    | TaskBegin
    | TaskEnd
    | RegionBegin
    | RegionEnd
    | Log
    | GoroutineTransition
    | ProcTransition
    | Experimental
)

#: All event types.
EVENT_CLASSES: Final[tuple[type[Event], ...]] = get_args(Event)
