"""What a rule is tried on: numbers read at a time, and perhaps something that just happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from flightrec.rules.conditions import Measure

__all__ = ["Event", "EventKind", "Moment"]

EventKind = Literal["task", "http", "block", "exit", "panic", "signal", "exception", "request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in the program.

    :ivar kind: ``task`` and ``http``: work that ended, or, with ``running``, still goes on;
        ``block``: the same of a :func:`flightrec.rules.watch`; ``exit``, ``panic``, ``signal``: the
        program ends; ``exception``: a block raised; ``request``: ``gobridge.RequestSnapshot``.
    :ivar name: of the task, route, block, signal or exception; of a request, its reason.
    :ivar start_ns: when it began and
    :ivar end_ns: ended, ns on the trace clock.
    :ivar status: of an HTTP answer or of an exit; None if there is none.
    :ivar running: whether it has not ended.
    """

    kind: EventKind
    name: str = ""
    start_ns: int | None = None
    end_ns: int | None = None
    status: int | None = None
    running: bool = False

    @property
    def duration(self) -> float | None:
        """How long it took, or has taken so far, in seconds."""
        if self.start_ns is None or self.end_ns is None:
            return None
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point in time at which a rule is tried.

    :ivar now: seconds of a clock that never goes back.
    :ivar values: what was read; a measure without a value just now is not in it: there were no
        latencies to tell a quantile of, say.
    :ivar unknown: measures of which nobody knows: the last reading is too old.
    """

    now: float
    values: Mapping[Measure, float] = field(default_factory=lambda: MappingProxyType({}))
    unknown: frozenset[Measure] = frozenset()
    event: Event | None = None
