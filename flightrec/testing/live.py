"""Goroutines at moments of a trace: which were alive, which waited to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flightrec.trace import NO_STACK, Event, GoroutineTransition, GoState, Stack, Sync
from flightrec.trace.program import is_bridge, is_c_thread, is_runtime_goroutine, package

__all__ = ["Delay", "LiveGoroutine", "delays", "is_system", "live", "names", "ran_between"]


def is_system(name: str) -> bool:
    """Whether a start function is that of the runtime's own goroutines, the bridge's or C threads'.

    The bridge's come and go with recorders and workloads, C threads' with the threads.
    """
    return (
        is_runtime_goroutine(name)
        or is_bridge(name)
        or package(name) == "runtime/trace"
        or is_c_thread(name)
    )


@dataclass(frozen=True, slots=True)
class LiveGoroutine:
    """A goroutine that exists at some moment.

    ``created`` is the event of its creation, None if that is not in the window. ``since_ns`` is
    when it entered its ``state``; ``reason`` and ``stack`` are why and where, if the window has
    them. ``name`` is empty where the window has no stack of it: before Go 1.23 a trace does not
    repeat the stacks of goroutines that do nothing.
    """

    goid: int
    name: str
    state: GoState
    reason: str
    since_ns: int
    stack: Stack
    created: GoroutineTransition | None

    @property
    def system(self) -> bool:
        """Whether it is the runtime's own, the recorder's, or stands for a C or Python thread.

        A thread's is told by its start function, and where that is missing by its state: it
        is created in a syscall, and waits for the next call into Go in one.
        """
        if not self.name:
            born = self.state if self.created is None else self.created.to_state
            return born is GoState.SYSCALL
        return is_system(self.name)


@dataclass(frozen=True, slots=True)
class Delay:
    """A goroutine was ready from ``event`` on, and ran at ``end_ns`` or not by then."""

    event: GoroutineTransition
    begin_ns: int
    end_ns: int
    ran: bool

    @property
    def duration_ns(self) -> int:
        """How long it was ready and did not run."""
        return self.end_ns - self.begin_ns


def names(events: Iterable[Event]) -> dict[int, str]:
    """The start functions of all goroutines of which a stack is there."""
    found: dict[int, str] = {}
    for event in events:
        if event.__class__ is GoroutineTransition:
            assert isinstance(event, GoroutineTransition)
            stack = event.transition_stack
            if stack and event.goid is not None and event.goid not in found:
                found[event.goid] = stack[-1].function
    return found


def live(
    events: Iterable[Event], until: int, goroutine_names: dict[int, str]
) -> dict[int, LiveGoroutine]:
    """The goroutines that exist after all events up to a time.

    One that is first told of later was there as well: nothing but its creation makes one.
    """
    last: dict[int, GoroutineTransition] = {}
    created: dict[int, GoroutineTransition] = {}
    known: set[int] = set()
    sync = 0
    for event in events:
        if event.__class__ is Sync and not sync:
            sync = event.time
        if event.__class__ is not GoroutineTransition:
            continue
        assert isinstance(event, GoroutineTransition)
        goid = event.goid
        if goid is None:
            continue
        if event.time > until:
            if event.from_state is not GoState.UNDETERMINED or goid in known:
                continue
        elif event.from_state is event.to_state and goid in last:
            continue
        known.add(goid)
        if event.from_state is GoState.NOT_EXIST:
            created[goid] = event
        if event.to_state is GoState.NOT_EXIST:
            last.pop(goid, None)
        else:
            last[goid] = event
    return {
        goid: LiveGoroutine(
            goid,
            goroutine_names.get(goid, ""),
            event.to_state,
            event.reason,
            sync if event.from_state is GoState.UNDETERMINED else event.time,
            # A creation's stack is where it will start.
            event.transition_stack if event.from_state is not GoState.NOT_EXIST else NO_STACK,
            created.get(goid),
        )
        for goid, event in last.items()
    }


def delays(events: Iterable[Event], since: int, until: int) -> Iterator[Delay]:
    """Every wait to run that lies in a time, at least in part, cut to it.

    A goroutine that was ready when the trace began to tell of it was so since the last sync event,
    as a summary has it.
    """
    ready: dict[int | None, tuple[GoroutineTransition, int]] = {}
    sync = 0
    for event in events:
        if event.time > until:
            break
        if event.__class__ is Sync:
            sync = event.time
        if event.__class__ is not GoroutineTransition:
            continue
        assert isinstance(event, GoroutineTransition)
        if event.from_state is GoState.RUNNABLE and event.to_state is not GoState.RUNNABLE:
            began = ready.pop(event.goid, None)
            if began is not None and event.time > since:
                yield Delay(began[0], max(since, began[1]), event.time, ran=True)
        elif event.to_state is GoState.RUNNABLE:
            found = event.from_state is GoState.UNDETERMINED
            ready.setdefault(event.goid, (event, sync if found else event.time))
    for event, begin in ready.values():
        yield Delay(event, max(since, begin), until, ran=False)


def ran_between(events: Iterable[Event], begin: int, end: int) -> list[tuple[int, int | None]]:
    """How long which goroutines ran in a time, in ns, the longest first."""
    running: dict[int | None, int] = {}
    ran: dict[int | None, int] = {}
    for event in events:
        if event.time > end:
            break
        if event.__class__ is not GoroutineTransition:
            continue
        assert isinstance(event, GoroutineTransition)
        if event.to_state is GoState.RUNNING:
            running.setdefault(event.goid, event.time)
        else:
            started = running.pop(event.goid, None)
            if started is not None and event.time > begin:
                ran[event.goid] = ran.get(event.goid, 0) + event.time - max(begin, started)
    for goid, started in running.items():
        ran[goid] = ran.get(goid, 0) + end - max(begin, started)
    return sorted(((ns, goid) for goid, ns in ran.items()), key=lambda entry: -entry[0])
