"""The engine that belongs to a recorder, and what users call of it."""

from __future__ import annotations

import os
import threading
from typing import Any

from flightrec.directory import SnapshotDirectory
from flightrec.errors import RuleError
from flightrec.recorder import FlightRecorder
from flightrec.rules.conditions import Condition
from flightrec.rules.engine import RuleEngine
from flightrec.rules.moment import Event
from flightrec.rules.rule import Rule
from flightrec.rules.status import RuleStatus

__all__ = ["engine_of", "existing_engine", "rules", "when"]

_lock = threading.Lock()


def engine_of(recorder: FlightRecorder) -> RuleEngine:
    """Return a recorder's engine; it is made with the first call.

    :raises ForkedProcessError: the library was loaded before a fork.
    :raises TimeoutError: the Go runtime does not answer.
    """
    recorder.runtime._library.check_fork()
    with _lock:
        if recorder._rules is None:
            recorder._rules = RuleEngine(recorder)
        return recorder._rules


def existing_engine(recorder: FlightRecorder) -> RuleEngine | None:
    """Return a recorder's engine if it has one."""
    return recorder._rules


def when(
    recorder: FlightRecorder,
    rule: str | Condition,
    to: SnapshotDirectory | str | os.PathLike[str] | None = None,
    **options: Any,
) -> Rule:
    """See :meth:`flightrec.FlightRecorder.when`, where the options are."""
    engine = engine_of(recorder)
    engine.check(rule)  # before a folder is made
    if to is not None and not isinstance(to, SnapshotDirectory):
        to = SnapshotDirectory(to)
    made = engine.rule(rule, to=to, **options)
    if "signal" in made.condition.events and not engine.sees_signals:
        raise RuleError(
            "signals are seen under `flightrec run` only",
            rule=str(made.condition),
            suggestion="have your own handler take recorder.snapshot()",
        )
    engine.add(made)
    if made.condition.events & {"exit", "panic"}:
        _watch_departures(recorder, engine)
    return made


def _watch_departures(recorder: FlightRecorder, engine: RuleEngine) -> None:
    """Be told when Go is about to end the process, unless somebody is: `flightrec run`, say."""
    if not recorder.runtime.departures_watched:
        recorder.runtime.on_departure(
            lambda departure: engine.ends(Event(kind=departure.kind, status=departure.code))
        )


def rules(recorder: FlightRecorder) -> tuple[RuleStatus, ...]:
    """Return the status of each of a recorder's rules: why it did not fire, for example."""
    engine = existing_engine(recorder)
    return () if engine is None else engine.status()
