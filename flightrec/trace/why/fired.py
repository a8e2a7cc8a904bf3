"""What a rule noticed when it saved a snapshot: read from the JSON file beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from flightrec.trace.why.model import SubjectKind
from flightrec.trace.why.survey import Survey, Task

__all__ = ["Fired", "fired", "task_of"]

# Who measured a task and the trace need not agree on its begin to the nanosecond.
_NEAR: Final = 5_000_000


# Names of runtime/metrics, and the rules' short ones.
_ABOUT: Final = (
    (("sched.", "/sched/latencies:"), SubjectKind.DELAY),
    (("gc.pause", "stop.", "/sched/pauses/"), SubjectKind.PAUSE),
    (("mutex.wait", "/sync/mutex/wait/"), SubjectKind.WAIT),
)


class Fired(NamedTuple):
    """Why a snapshot was saved; what was slow, if that was it, with its begin in ns.

    ``kind`` is of what the rule was that measured too much.
    """

    reason: str
    name: str | None
    start_ns: int | None
    kind: SubjectKind | None = None


def fired(source: object) -> list[Fired]:
    """What the file beside a snapshot says; nothing if there is none, or it is another's."""
    path = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    if not isinstance(path, (str, os.PathLike)):
        return []
    try:
        facts: Any = json.loads(Path(path).with_suffix(".json").read_bytes())
        return [_fired(reason) for reason in facts["reasons"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _fired(reason: Any) -> Fired:
    event = reason.get("event") or {}
    kinds = [kind for value in reason.get("values", ()) for kind in _kinds(str(value))]
    return Fired(
        str(reason["reason"]),
        event.get("name"),
        event.get("start_ns"),
        kinds[0] if kinds else None,
    )


def _kinds(value: str) -> Iterator[SubjectKind]:
    """What a value is about, by the names that rules have for it."""
    for names, kind in _ABOUT:
        if any(name in value for name in names):
            yield kind


def task_of(survey: Survey, found: Fired) -> Task | None:
    """The task that a rule was about; None if the trace does not have it."""
    if found.name is None or found.start_ns is None:
        return None
    # Go servers' requests are tasks of this name (gobuild/overlays/net_http.py).
    names = (found.name, f"http {found.name}")
    near = [
        (abs((survey.begin if task.begin is None else task.begin) - found.start_ns), task.id, task)
        for task in survey.tasks.values()
        if task.name in names or (task.begin is None and not task.name)
    ]
    if not near:
        return None
    apart, _, task = min(near, key=lambda entry: entry[:2])
    return task if apart <= _NEAR else None
