"""Trying a condition at one moment after the other."""

from __future__ import annotations

import operator
from collections.abc import Callable

from flightrec.rules.conditions import (
    And,
    Compare,
    Condition,
    Ended,
    For,
    Or,
    Requested,
    Slower,
    Status,
)
from flightrec.rules.globs import matches
from flightrec.rules.moment import Event, Moment

__all__ = ["Trial"]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class Trial:
    """A condition with what it must remember from one moment to the next.

    That is since when each ``for`` holds. It reads no clock: the moments say what time it is. Not
    safe to use from several threads at once.
    """

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self._since: dict[For, float] = {}

    def at(self, moment: Moment) -> bool | None:
        """Say whether the condition is true; None where what is unknown would decide.

        Every part is looked at, so that each ``for`` knows. What is unknown interrupts no ``for``:
        a busy machine must not hide what has been true for long. A measure without a value makes
        its comparison false.
        """
        return self._test(self.condition, moment)

    def holding(self, now: float) -> dict[str, float]:
        """Return for how many seconds each ``for`` has held that has not held for long enough."""
        held = {each: now - since for each, since in self._since.items()}
        return {str(each): t for each, t in held.items() if t < each.duration.value}

    def _test(self, condition: Condition, moment: Moment) -> bool | None:
        if isinstance(condition, Compare):
            if condition.measure in moment.unknown:
                return None
            value = moment.values.get(condition.measure)
            return value is not None and _compare(value, condition.operator, condition.than.value)
        if isinstance(condition, (And, Or)):
            results = [self._test(part, moment) for part in condition.conditions]
            deciding = isinstance(condition, Or)
            if deciding in results:
                return deciding
            return None if None in results else not deciding
        if isinstance(condition, For):
            return self._test_for(condition, moment)
        return moment.event is not None and _matches(condition, moment.event)

    def _test_for(self, condition: For, moment: Moment) -> bool | None:
        result = self._test(condition.condition, moment)
        if result is None:
            return None
        if not result:
            self._since.pop(condition, None)
            return False
        since = self._since.setdefault(condition, moment.now)
        return moment.now - since >= condition.duration.value


def _compare(value: float, sign: str, than: float) -> bool:
    return _OPERATORS[sign](value, than)


def _matches(condition: Condition, event: Event) -> bool:
    if isinstance(condition, Slower):
        if event.kind != condition.kind or event.duration is None:
            return False
        return event.duration > condition.than.value and _named(condition.name, event.name)
    if isinstance(condition, Status):
        if event.kind != condition.kind or event.status is None:
            return False
        if not _named(condition.name, event.name):
            return False
        return _compare(event.status, condition.operator, condition.than.value)
    if isinstance(condition, Ended):
        if condition.kind == "exit":
            return event.kind == "exit"
        return event.kind == condition.kind and _named(condition.name, event.name)
    if isinstance(condition, Requested):
        return event.kind == "request" and _named(condition.name, event.name)
    return False


def _named(glob: str | None, name: str) -> bool:
    return glob is None or matches(glob, name)
