"""What a rule waits for: small immutable objects that print as the text that makes them.

``parse(str(condition)) == condition`` holds for each of them. They combine with ``&`` and ``|``,
and :meth:`Condition.holding` is the grammar's ``for``. None of them reads a clock or a metric:
:class:`flightrec.rules.trial.Trial` evaluates them at a moment that the caller gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flightrec.rules.quantity import Quantity

__all__ = [
    "And",
    "Compare",
    "Condition",
    "Ended",
    "For",
    "Measure",
    "Or",
    "Requested",
    "Slower",
    "Status",
]


class Condition:
    """The root of all conditions."""

    __slots__ = ()

    def __and__(self, other: Condition) -> And:
        return And((self, other))

    def __or__(self, other: Condition) -> Or:
        return Or((self, other))

    def holding(self, duration: str) -> For:
        """Return the condition that this one has held for a time, such as ``"5s"``."""
        from flightrec.rules.grammar import duration_of

        return For(self, duration_of(duration))

    def parts(self) -> Iterator[Condition]:
        """Yield the condition, and those that it is made of."""
        yield self

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What must be read for it, each once."""
        found = [part.measure for part in self.parts() if isinstance(part, Compare)]
        return tuple(dict.fromkeys(found))

    @property
    def events(self) -> frozenset[str]:
        """The kinds of events that can make it true, as :class:`flightrec.rules.Event` has them."""
        return frozenset(part.kind for part in self.parts() if isinstance(part, _EVENTS))

    @property
    def awaits_event(self) -> bool:
        """Whether something that happens at a point in time can make it true."""
        return bool(self.events)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that can be read again and again.

    :ivar metric: a name of ``runtime/metrics``, or a short name, without ``.p99`` and the like.
    :ivar stat: of a histogram: ``p99``, ``max``, ``mean`` or ``count``, of the last interval; else
        empty.
    :ivar rate: whether it is the increase per second.
    :ivar position: where it stood in the rule's text.
    """

    metric: str
    stat: str = ""
    rate: bool = False
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        joint = " " if self.metric.startswith("/") else "."
        text = f"{self.metric}{joint}{self.stat}" if self.stat else self.metric
        return f"rate({text})" if self.rate else text


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """A measure against a number: ``goroutines > 10000``."""

    measure: Measure
    operator: str
    than: Quantity
    position: int = field(default=0, compare=False)  #: of the number, in the rule's text

    def __str__(self) -> str:
        return f"{self.measure} {self.operator} {self.than}"


@dataclass(frozen=True, slots=True)
class For(Condition):
    """A condition that has held for a time, at each reading."""

    condition: Condition
    duration: Quantity

    def __str__(self) -> str:
        inner = self.condition
        text = str(inner) if isinstance(inner, Compare) else f"({inner})"
        return f"{text} for {self.duration}"

    def parts(self) -> Iterator[Condition]:
        """Yield the condition, and those that it is made of."""
        yield self
        yield from self.condition.parts()


@dataclass(frozen=True, slots=True)
class _Several(Condition):
    conditions: tuple[Condition, ...]

    def parts(self) -> Iterator[Condition]:
        """Yield the condition, and those that it is made of."""
        yield self
        for condition in self.conditions:
            yield from condition.parts()


class And(_Several):
    """All of the conditions."""

    __slots__ = ()

    def __str__(self) -> str:
        return " and ".join(
            f"({c})" if isinstance(c, (And, Or)) else str(c) for c in self.conditions
        )


class Or(_Several):
    """Any of the conditions."""

    __slots__ = ()

    def __str__(self) -> str:
        return " or ".join(f"({c})" if isinstance(c, Or) else str(c) for c in self.conditions)


@dataclass(frozen=True, slots=True)
class Slower(Condition):
    """Work that took longer than a time.

    :ivar kind: ``task`` (of ``runtime/trace``), ``http`` (a request) or ``block`` (a
        :func:`flightrec.rules.watch`).
    :ivar name: a glob of the names meant: ``*`` and ``?``; None for any.
    """

    kind: str
    name: str | None
    than: Quantity

    def __str__(self) -> str:
        return f"{self.kind}{_named(self.name)} slower than {self.than}"


@dataclass(frozen=True, slots=True)
class Status(Condition):
    """The status of a request or of the program's exit: ``http status >= 500``."""

    kind: str  #: ``http`` or ``exit``
    name: str | None
    operator: str
    than: Quantity

    def __str__(self) -> str:
        return f"{self.kind}{_named(self.name)} status {self.operator} {self.than}"


@dataclass(frozen=True, slots=True)
class Ended(Condition):
    """The program ends: ``exit``, ``panic``, or ``signal "SIGTERM"``; or a block raises."""

    kind: str  #: ``exit``, ``panic``, ``signal`` or ``exception``
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}{_named(self.name)}"


@dataclass(frozen=True, slots=True)
class Requested(Condition):
    """Go code calls ``gobridge.RequestSnapshot``; the name is a glob of its reason."""

    name: str | None = None

    @property
    def kind(self) -> str:
        """``request``."""
        return "request"

    def __str__(self) -> str:
        return f"request{_named(self.name)}"


_EVENTS = (Slower, Status, Ended, Requested)


def _named(name: str | None) -> str:
    return "" if name is None else f" {quote(name)}"


def quote(text: str) -> str:
    """Write a text as the grammar reads it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
