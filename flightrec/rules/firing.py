"""One time that a rule fired, and its outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flightrec.directory import SavedSnapshot, Suppressed
from flightrec.rules.moment import Event
from flightrec.rules.rule import Rule

__all__ = ["Firing"]


@dataclass(eq=False, kw_only=True)
class Firing:
    """A rule that became true.

    :ivar rule: which.
    :ivar trace_ns: when, ns on the trace clock.
    :ivar values: what was read for it, by the names that the rule uses.
    :ivar event: what made it true, if something that happened did.
    :ivar stacks: where the Python threads were.
    :ivar opened: which of Python's tasks and regions were open.
    :ivar saved: what was saved for it, once it is.
    :ivar suppressed: why nothing was saved.
    :ivar error: what went wrong with saving.
    :ivar joined: whether an earlier firing's snapshot is this one's as well.
    """

    rule: Rule
    trace_ns: int
    values: Mapping[str, float] = field(default_factory=dict)
    event: Event | None = None
    stacks: list[dict[str, Any]] = field(default_factory=list, repr=False)
    opened: list[dict[str, Any]] = field(default_factory=list, repr=False)
    wall: float = field(default_factory=time.time)
    saved: SavedSnapshot | None = None
    suppressed: Suppressed | None = None
    error: BaseException | None = None
    joined: bool = False
    _done: threading.Event = field(default_factory=threading.Event, repr=False)
    _on_done: list[Callable[[Firing], Any]] = field(default_factory=list, repr=False)

    @property
    def done(self) -> bool:
        """Whether it is saved, suppressed or failed."""
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is done, for at most ``timeout`` seconds; return :attr:`done`."""
        return self._done.wait(timeout)

    def _finish(self) -> None:
        for function in self._on_done:
            function(self)
        self._done.set()

    @property
    def reason(self) -> str:
        """One line that says why."""
        text = str(self.rule.condition)
        event = self.event
        if event is None:
            return text
        what = f"{event.kind} {event.name}".strip()
        if event.duration is not None and event.kind in ("task", "http", "block"):
            verb = "has taken" if event.running else "took"
            what += f" {verb} {event.duration * 1e3:.1f} ms"
        if event.status is not None:
            what += f", status {event.status}"
        return f"{what} ({text})"
