"""Where goroutines block: every place, with how long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from flightrec.trace.stacks import NO_STACK, Frame, Stack
from flightrec.trace.summary.distribution import DistributionBuilder
from flightrec.trace.summary.model import BlockingStack, Longest

__all__ = ["SYSCALL", "Blocked", "Blocking", "Place", "resolved"]

#: The reason of a place where syscalls are made.
SYSCALL: Final = "syscall"


def resolved(stack: Stack) -> Stack:
    """The same stack without its generation's tables, which it would keep in memory."""
    return Stack.of(*stack.frames) if stack else NO_STACK


class Blocked(Protocol):
    """The goroutine that blocked."""

    goid: int | None
    name: str
    since: int


class Place:
    """How long goroutines blocked in one place for one reason.

    ``add`` takes a duration. Whoever calls it calls :meth:`longer` too if it is over ``longest``.
    """

    __slots__ = ("_at", "add", "durations", "longest", "reason", "stack")

    def __init__(self, reason: str, stack: Stack) -> None:
        self.reason = reason
        self.stack = stack
        self.durations = DistributionBuilder()
        self.add = self.durations.pending.append
        self.longest = -1
        self._at: tuple[int | None, str, int] = (None, "", 0)

    def longer(self, ns: int, g: Blocked) -> None:
        """Note the longest so far, which ends now."""
        self.longest = ns
        self._at = (g.goid, g.name, g.since)

    def build(self, blocked: Iterable[Blocked], now: int) -> BlockingStack | None:
        """The place, and those ``blocked`` there still; None if there is nothing."""
        still = list(blocked)
        done = self.durations.build()
        if not done.count and not still:
            return None
        goid, name, begin = self._at
        longest = Longest(goid, name, begin, self.longest)
        for g in still:
            if now - g.since > longest.duration_ns:
                longest = Longest(g.goid, g.name, g.since, now - g.since, ended=False)
        return BlockingStack(
            self.reason,
            self.stack,
            done.count + len(still),
            done.total_ns + sum(now - g.since for g in still),
            longest.duration_ns,
            done,
            longest,
        )


class Blocking:
    """Every place where goroutines blocked.

    ``known`` finds one by its stack's identity, which is much cheaper than by its frames, but
    holds for one generation only: each has its own stack objects.
    """

    __slots__ = ("_alive", "_all", "known")

    def __init__(self) -> None:
        self.known: dict[int, Place] = {}
        self._all: dict[tuple[str, tuple[Frame, ...]], Place] = {}
        # An id is one object's only for as long as that lives.
        self._alive: list[Stack] = []

    def place(self, reason: str, stack: Stack) -> Place:
        """The place for a stack, looked up the long way. Makes it known."""
        key = reason, stack.frames
        found = self._all.get(key)
        if found is None:
            found = self._all[key] = Place(reason, resolved(stack))
        self.known[id(stack)] = found
        self._alive.append(stack)
        return found

    def fold(self, at_least: int) -> None:
        """Count the durations that wait for it, of places where so many do."""
        for place in self._all.values():
            place.durations.fold(at_least=at_least)

    def next_generation(self) -> None:
        """Forget the stacks' identities."""
        self.known.clear()
        self._alive.clear()

    def build(
        self, blocked: Iterable[tuple[Place, Blocked]], now: int
    ) -> tuple[BlockingStack, ...]:
        """All places, the longest in all first; those ``blocked`` now are counted in."""
        still: dict[Place, list[Blocked]] = {}
        for place, g in blocked:
            still.setdefault(place, []).append(g)
        found = (place.build(still.get(place, ()), now) for place in self._all.values())
        return tuple(
            sorted((one for one in found if one is not None), key=lambda one: -one.total_ns)
        )
