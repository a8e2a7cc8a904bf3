"""One goroutine's life, stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flightrec.trace.events import (
    Event,
    GoroutineTransition,
    Log,
    RegionBegin,
    RegionEnd,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.python import python_thread, start_function
from flightrec.trace.stacks import NO_STACK, Stack
from flightrec.trace.states import GoState
from flightrec.trace.summary.blocking import resolved

__all__ = ["Life", "Stretch", "Waker", "lives"]

Annotation = Log | RegionBegin | RegionEnd | TaskBegin | TaskEnd


@dataclass(frozen=True, slots=True)
class Waker:
    """Who made a goroutine ready: None for a timer, the network, or the runtime; and where."""

    goroutine: int | None
    name: str
    stack: Stack


@dataclass(frozen=True, slots=True)
class Stretch:
    """A goroutine is in one state from ``begin_ns`` to ``end_ns``, ns on the trace clock.

    ``ended`` is false for what goes on at the trace's end, and ``begun`` for what was so before the
    trace. ``reason`` and ``stack`` say why and where it stopped running; ``waker`` who ended the
    wait. ``proc`` is where it ran.
    """

    state: GoState
    begin_ns: int
    end_ns: int
    reason: str
    stack: Stack
    proc: int | None
    waker: Waker | None
    begun: bool = True
    ended: bool = True

    @property
    def duration_ns(self) -> int:
        """How long it was so."""
        return self.end_ns - self.begin_ns


@dataclass(slots=True)
class Life:
    """One goroutine from its creation to its end, as far as the trace has it.

    ``creator`` is the goroutine that created it and ``creation_stack`` where; None and empty where
    nobody did or the trace does not say, which ``created`` tells apart.
    """

    goid: int
    name: str = ""
    created: bool = False
    ended: bool = False
    creator: Waker | None = None
    stretches: list[Stretch] = field(default_factory=list)
    #: Tasks, regions and logs on it.
    annotations: list[Annotation] = field(default_factory=list)

    @property
    def begin_ns(self) -> int:
        """When its first stretch begins."""
        return self.stretches[0].begin_ns if self.stretches else 0

    @property
    def end_ns(self) -> int:
        """When its last stretch ends."""
        return self.stretches[-1].end_ns if self.stretches else 0


def lives(events: Iterable[Event], goid: int) -> list[Life]:
    """The lives of the goroutine with this id, the oldest first; none if it is not there.

    Memory grows with what this one goroutine does, not with the trace.
    """
    builder = _Builder(goid)
    for event in events:
        builder.add(event)
    return list(builder.done())


class _Builder:
    def __init__(self, goid: int) -> None:
        self._goid = goid
        self._names: dict[int | None, str] = {}
        self._lives: list[Life] = []
        self._open: _Open | None = None
        self._first: int | None = None
        self._last = 0

    def add(self, event: Event) -> None:
        self._last = event.time
        if self._first is None:
            self._first = event.time
        if event.__class__ is GoroutineTransition:
            assert isinstance(event, GoroutineTransition)
            if event.goid == self._goid:
                self._transition(event)
            elif event.transition_stack and event.goid not in self._names:
                self._names[event.goid] = start_function(event.transition_stack)
        elif isinstance(event, (Log, RegionBegin, RegionEnd, TaskBegin, TaskEnd)):
            if isinstance(event, Log) and (thread := python_thread(event)) is not None:
                self._names[event.goroutine] = thread[1]
            elif event.goroutine == self._goid and self._lives:
                self._lives[-1].annotations.append(event)

    def _transition(self, event: GoroutineTransition) -> None:
        old, new, stack = event.from_state, event.to_state, event.transition_stack
        if stack and self._goid not in self._names:
            self._names[self._goid] = start_function(stack)
        if old is GoState.NOT_EXIST:
            creator = self._waker(event)
            self._lives.append(Life(self._goid, created=True, creator=creator))
            if stack:
                self._names[self._goid] = start_function(stack)
        elif not self._lives:
            self._lives.append(Life(self._goid))
        if event.is_restatement and self._open is not None:
            return
        found = old in (GoState.UNDETERMINED, GoState.NOT_EXIST)
        if self._open is not None:
            self._close(event, event.time)
        elif not found:
            # Only where the events begin in the middle of a trace.
            self._open = _Open(old, self._first or 0, "", NO_STACK, None, begun=False)
            self._close(event, event.time)
        if new is GoState.NOT_EXIST:
            self._lives[-1].ended = True
            return
        began = old is not GoState.UNDETERMINED
        since = event.time if began else self._first or 0
        blocks = old is GoState.RUNNING or not began
        self._open = _Open(
            new,
            since,
            event.reason,
            resolved(stack) if blocks and old is not GoState.NOT_EXIST else NO_STACK,
            event.proc if new is GoState.RUNNING or new is GoState.SYSCALL else None,
            begun=began,
        )

    def _close(self, event: GoroutineTransition | None, end: int) -> None:
        stretch = self._open
        assert stretch is not None
        waker = None
        if event is not None and stretch.state is GoState.WAITING:
            waker = self._waker(event)
        self._lives[-1].stretches.append(
            Stretch(
                stretch.state,
                stretch.begin,
                end,
                stretch.reason,
                stretch.stack,
                stretch.proc,
                waker,
                stretch.begun,
                event is not None,
            )
        )
        self._open = None

    def _waker(self, event: GoroutineTransition) -> Waker:
        goid = event.goroutine
        return Waker(goid, self._names.get(goid, ""), resolved(event.stack))

    def done(self) -> Iterator[Life]:
        if self._open is not None:
            self._close(None, self._last)
        for life in self._lives:
            life.name = self._names.get(self._goid, "")
            yield life


class _Open:
    """The stretch that goes on."""

    __slots__ = ("begin", "begun", "proc", "reason", "stack", "state")

    def __init__(
        self,
        state: GoState,
        begin: int,
        reason: str,
        stack: Stack,
        proc: int | None,
        *,
        begun: bool,
    ) -> None:
        self.state = state
        self.begin = begin
        self.reason = reason
        self.stack = stack
        self.proc = proc
        self.begun = begun
