"""From the leaves of a critical path to an explanation: steps, parts and causes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from flightrec.trace.why.model import (
    Cause,
    Certainty,
    Part,
    Place,
    Step,
    StepKind,
    Waker,
)
from flightrec.trace.why.path import Leaf, Wait
from flightrec.trace.why.wakers import UP_TO

__all__ = ["Builder"]

# Beyond so many steps, the shortest neighbours are joined.
_STEPS: Final = 4000

# Goroutines of one part that are told apart when they are counted.
_GOROUTINES: Final = 10_000


class _Node:
    """A part while leaves are added."""

    __slots__ = (
        "certainty",
        "children",
        "count",
        "goid",
        "goids",
        "index",
        "instead",
        "key",
        "kind",
        "longest",
        "longest_wait",
        "ns",
        "parent",
        "place",
        "reason",
        "turns",
        "waker",
    )

    def __init__(self, parent: _Node | None, kind: StepKind, key: object = None) -> None:
        self.parent = parent
        self.kind = kind
        self.key = key
        self.reason = ""
        self.place: Place | None = None
        self.ns = 0
        self.count = 0
        self.longest = -1
        self.goid: int | None = None
        self.goids: set[int] = set()
        self.waker: Waker | None = None
        self.instead: Place | None = None
        self.certainty = Certainty.RECORDED
        self.longest_wait: Wait | None = None
        self.children: dict[object, _Node] = {}
        self.index = 0
        self.turns = 1

    def child(self, key: object, kind: StepKind) -> _Node:
        node = self.children.get(key)
        if node is None:
            node = self.children[key] = _Node(self, kind, key)
        return node

    def saw(self, goid: int, ns: int) -> bool:
        """Count an occurrence; True if it is the longest so far."""
        self.count += 1
        if len(self.goids) < _GOROUTINES:
            self.goids.add(goid)
        if ns <= self.longest:
            return False
        self.goid, self.longest = goid, ns
        return True


class _StepSoFar(NamedTuple):
    begin: int
    end: int
    goid: int
    kind: StepKind
    node: _Node | None
    many: int


class Builder:
    """Takes in the leaves of a path, the last one first."""

    def __init__(self) -> None:
        self._root = _Node(None, StepKind.WAITED)
        self._steps: list[_StepSoFar] = []
        self._shortest = 0

    def add(self, leaves: Iterable[Leaf]) -> None:
        """Take in leaves."""
        for leaf in leaves:
            ns = leaf.end - leaf.begin
            if ns <= 0:
                continue
            place, instead = leaf.place, leaf.instead
            key = (
                leaf.kind,
                "" if leaf.reason == UP_TO else leaf.reason,
                place and place.function,
                instead and instead.function,
            )
            node = self._of(leaf.wait).child(key, leaf.kind)
            if node.saw(leaf.goid, ns):
                node.reason, node.place, node.instead = leaf.reason, place, instead
            if leaf.certainty is Certainty.INFERRED:
                node.certainty = leaf.certainty
            above: _Node | None = node
            while above is not None:
                above.ns += ns
                above = above.parent
            self._steps.append(_StepSoFar(leaf.begin, leaf.end, leaf.goid, leaf.kind, node, 1))
            if len(self._steps) > 2 * _STEPS:
                self._join()

    def _of(self, wait: Wait | None) -> _Node:
        """The node of a wait.

        A wait directly in another one of its kind is counted with that: who waits for a lock waits
        for those as well that were before the holder in its queue.
        """
        above: list[Wait] = []
        while wait is not None and wait.node is None:
            above.append(wait)
            wait = wait.parent
        node = self._root
        if wait is not None:
            assert isinstance(wait.node, _Node)
            node = wait.node
        for wait in reversed(above):
            place, waker = wait.place, wait.waker
            key = (
                wait.reason,
                place and place.function,
                place and place.line,
                waker.function,
                waker.place and waker.place.function,
            )
            if node.key != key:
                node = node.child(key, StepKind.WAITED)
            elif wait.parent is not None:
                wait.turn = wait.parent.turn + 1
                node.turns = max(node.turns, wait.turn)
            if node.saw(wait.goid, wait.end - wait.begin):
                node.reason, node.place, node.waker = wait.reason, place, waker
                node.longest_wait = wait
            if waker.certainty is Certainty.INFERRED:
                node.certainty = waker.certainty
            wait.node = node
        return node

    def _join(self) -> None:
        """Join the shortest neighbouring steps until there are few enough."""
        while len(self._steps) > _STEPS:
            self._shortest = max(1, 2 * self._shortest)
            self._steps = self._joined(self._shortest)

    def _joined(self, shortest: int) -> list[_StepSoFar]:
        """The steps, with neighbours that are shorter than that joined."""
        joined: list[_StepSoFar] = []
        for step in self._steps:
            if joined and step.end - step.begin < shortest:
                before = joined[-1]
                if before.node is None or before.end - before.begin < shortest:
                    many = before.many + step.many
                    joined[-1] = _StepSoFar(
                        step.begin, before.end, before.goid, StepKind.SHORT, None, many
                    )
                    continue
            joined.append(step)
        return joined

    def parts(
        self, sharers: Callable[[Wait], int]
    ) -> tuple[tuple[Part, ...], tuple[Step, ...], tuple[Cause, ...]]:
        """The parts, each before its own and the largest first; the steps in order; the causes."""
        parts: list[Part] = []
        leaves: list[_Node] = []
        pending: list[tuple[_Node, int | None]] = [
            (node, None) for node in _by_size(self._root.children.values(), reverse=False)
        ]
        while pending:
            node, parent = pending.pop()
            node.index = len(parts)
            shared = 0
            if node.longest_wait is not None and not parts:
                shared = sharers(node.longest_wait)
            parts.append(
                Part(
                    parent,
                    node.kind,
                    node.reason,
                    node.place,
                    node.ns,
                    node.count,
                    node.longest,
                    node.goid,
                    len(node.goids),
                    node.waker,
                    node.instead,
                    node.certainty,
                    shared,
                    node.turns,
                )
            )
            if node.children:
                pending += [
                    (child, node.index) for child in _by_size(node.children.values(), reverse=False)
                ]
            else:
                leaves.append(node)
        steps = tuple(
            Step(
                step.begin,
                step.end,
                step.goid,
                step.kind,
                None if step.node is None else step.node.index,
                step.many,
            )
            for step in reversed(self._steps)
        )
        return tuple(parts), steps, self._causes(leaves)

    def _causes(self, leaves: list[_Node]) -> tuple[Cause, ...]:
        total = self._root.ns or 1
        found: dict[object, list[_Node]] = {}
        for node in leaves:
            place = cause_place(node.kind, node.place, node.instead)
            key = (node.kind, place and place.function)
            found.setdefault(key, []).append(node)
        causes = []
        for nodes in found.values():
            longest = max(nodes, key=lambda node: node.ns)
            place = cause_place(longest.kind, longest.place, longest.instead)
            ns = sum(node.ns for node in nodes)
            inferred = 2 * sum(node.ns for node in nodes if _inferred(node)) >= ns
            causes.append(
                Cause(
                    longest.kind,
                    None if place is None else place.function,
                    place,
                    ns,
                    ns / total,
                    sum(node.count for node in nodes),
                    Certainty.INFERRED if inferred else Certainty.RECORDED,
                )
            )
        causes.sort(key=lambda cause: -cause.ns)
        return tuple(causes)


def cause_place(kind: StepKind, place: Place | None, instead: Place | None) -> Place | None:
    """Who is to be looked at for a leaf: who ran instead, if it did not run."""
    if kind in (StepKind.RUNNABLE, StepKind.STOP_THE_WORLD):
        return instead
    return place


def _inferred(node: _Node) -> bool:
    above: _Node | None = node
    while above is not None:
        if above.certainty is Certainty.INFERRED:
            return True
        above = above.parent
    return False


def _by_size(nodes: Iterable[_Node], *, reverse: bool) -> list[_Node]:
    return sorted(nodes, key=lambda node: node.ns, reverse=reverse)
