"""A rule: a condition, and what is to happen when it becomes true."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flightrec.abi import NewsKind
from flightrec.rules.conditions import Condition, Ended, Requested, Slower, Status

if TYPE_CHECKING:
    from flightrec.directory import SavedSnapshot, SnapshotDirectory
    from flightrec.rules.firing import Firing

__all__ = ["Rule", "check_seconds"]


def check_seconds(what: str, value: Any, *, zero: bool = False) -> None:
    """Refuse what is neither None nor a positive number of seconds.

    :param zero: whether 0 is one as well.
    :raises ValueError: it is no such number.
    """
    if value is None:
        return
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        kind = "a number" if zero else "a positive number"
        raise ValueError(f"{what} must be {kind} of seconds, not {value!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """What to wait for, and how to save the snapshot then.

    :ivar name: what it is called in file names, metadata and status.
    :ivar to: where the snapshot is saved; None for nowhere, and ``on_fire`` does what is needed.
    :ivar tail: how long recording goes on after it fired, in seconds, before the snapshot is taken.
    :ivar last: how much of the window before that is saved, in seconds; None for all of it.
    :ivar arm_after: how far the window must reach back, in seconds, before the rule can fire; None
        for the recorder's ``min_age``, or as much as its size allows. Rules about the program's end
        and requests from Go code are always armed.
    :ivar wait: whether the thread of the program that it fires on waits for the snapshot.
    :ivar on_fire: called when it fires, on the thread that it fires on; must be quick.
    :ivar on_saved: called with what was saved, on the thread that saves.
    :ivar on_error: called with the exception if saving failed, on the thread that saves.
    """

    condition: Condition
    name: str
    to: SnapshotDirectory | None
    tail: float = 0.0
    last: float | None = None
    arm_after: float | None = None
    wait: bool = False
    on_fire: Callable[[Firing], Any] | None = field(default=None, repr=False)
    on_saved: Callable[[SavedSnapshot], Any] | None = field(default=None, repr=False)
    on_error: Callable[[BaseException], Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be a text, not {self.name!r}")
        if self.tail is None:
            raise ValueError("tail must be a number of seconds, not None")
        check_seconds("tail", self.tail, zero=True)
        check_seconds("arm_after", self.arm_after, zero=True)
        check_seconds("last", self.last)
        if self.to is None and self.on_fire is None:
            raise ValueError("a rule needs a folder to save snapshots in, or an on_fire to call")

    @property
    def armed_from_the_start(self) -> bool:
        """Whether it must not wait for the window to have history."""
        return self.arm_after == 0 or any(
            isinstance(part, (Ended, Requested))
            or (isinstance(part, Status) and part.kind == "exit")
            for part in self.condition.parts()
        )

    @property
    def wishes(self) -> list[dict[str, Any]]:
        """What the bridge must tell of, as ``flightrec_news_watch`` takes it."""
        found = []
        for part in self.condition.parts():
            if isinstance(part, Slower) and part.kind in _KINDS:
                nanoseconds = round(part.than.value * 1e9)
                found.append(_wish(part.kind, part.name, longer_than=nanoseconds))
            elif isinstance(part, Status) and part.kind == "http":
                for first, last in _statuses(part.operator, part.than.value):
                    found.append(_wish(part.kind, part.name, status_from=first, status_to=last))
            elif isinstance(part, Requested):
                found.append(_wish("request", part.name, any=True))
        return found


_KINDS = {"task": NewsKind.TASK, "http": NewsKind.HTTP, "request": NewsKind.REQUEST}
_MOST = (1 << 31) - 1


def _wish(kind: str, name: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "kind": _KINDS[kind],
        "glob": "*" if name is None else name,
        "longer_than": -1,
        "status_from": 1,
        "status_to": 0,
        **fields,
    }


def _statuses(operator: str, value: float) -> list[tuple[int, int]]:
    """Return the ranges of whole numbers that fulfil a comparison."""
    low, high = math.floor(value), math.ceil(value)
    return {
        ">": [(low + 1, _MOST)],
        ">=": [(high, _MOST)],
        "<": [(0, high - 1)],
        "<=": [(0, low)],
        "==": [(high, low)],
        "!=": [(0, high - 1), (low + 1, _MOST)],
    }[operator]
