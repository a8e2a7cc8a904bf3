"""What stands in the JSON file beside a snapshot: why, when, of what, and where everyone was."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from flightrec._version import __version__
from flightrec.recorder import FlightRecorder
from flightrec.snapshot import Snapshot

__all__ = ["metadata", "moment"]

#: Of the metadata's own form; raised when a field changes its meaning.
_FORMAT = 1


def metadata(
    recorder: FlightRecorder,
    snapshot: Snapshot,
    reasons: Sequence[Mapping[str, Any]],
    *,
    further_reasons: Mapping[str, int] | None = None,
    open_in_go: Sequence[Mapping[str, Any]] | None,
    flushed: bool,
    arguments: bool = True,
    stats: Any = None,
) -> dict[str, Any]:
    """Return what is known of a snapshot, as JSON has it.

    Never waits for the Go runtime. Times are in ns on the trace clock (of events in the trace; on
    Linux ``time.monotonic_ns()``), or texts in UTC.

    :param reasons: what asked for it, first to last; as :func:`moment` makes them.
    :param further_reasons: how often each rule fired beyond these.
    :param open_in_go: tasks and regions that were open in Go then; None where Go did not say.
    :param flushed: whether the newest events are in it.
    :param arguments: whether the program's arguments are told.
    :param stats: the recorder's statistics, if they could be had.
    """
    generations = snapshot.generations
    runtime = recorder.runtime
    facts: dict[str, Any] = {
        "format": _FORMAT,
        "reasons": list(reasons),
        "further_reasons": dict(further_reasons or {}),
        "window": {
            "start_ns": snapshot.start_ns,
            "end_ns": snapshot.end_ns,
            "seconds": (snapshot.end_ns - (snapshot.start_ns or snapshot.end_ns)) / 1e9,
            "bytes": snapshot.nbytes,
            "generations": [generation.number for generation in generations],
            "newest_events": flushed,
        },
        "recorder": {
            "min_age": recorder.min_age,
            "max_bytes": recorder.max_bytes,
            "dropped_generations": getattr(stats, "dropped_generations", None),
        },
        "versions": {
            "flightrec": __version__,
            "go": runtime.go_version,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "program": {
            "pid": os.getpid(),
            "executable": sys.executable,
            "library": os.fspath(runtime.path),
        },
        "open_tasks": _of_kind("task", open_in_go),
        "open_regions": _of_kind("region", open_in_go),
    }
    if arguments:
        facts["program"]["arguments"] = list(sys.argv)
    return facts


def _of_kind(
    kind: str, open_in_go: Sequence[Mapping[str, Any]] | None
) -> list[dict[str, Any]] | None:
    if open_in_go is None:
        return None
    # A library built before regions were listed names no kind.
    return [
        {name: value for name, value in each.items() if name != "kind"}
        for each in open_in_go
        if each.get("kind", "task") == kind
    ]


def moment(wall: float, trace_ns: int) -> dict[str, Any]:
    """Return a time as metadata has it: ``at`` in UTC, ``trace_ns`` on the trace clock."""
    at = datetime.datetime.fromtimestamp(wall, datetime.timezone.utc)
    return {"at": at.isoformat(timespec="microseconds"), "trace_ns": trace_ns}
