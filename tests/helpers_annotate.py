"""What the tests of tasks, regions and logs need: the events of a snapshot, as Go reads them."""

from __future__ import annotations

import flightrec
from tests.helpers_go import Event, Judge


def user_events(judge: Judge, recorder: flightrec.FlightRecorder) -> list[Event]:
    """Take a snapshot and return the tasks', regions' and logs' events in it."""
    kinds = {"TaskBegin", "TaskEnd", "RegionBegin", "RegionEnd", "Log"}
    return [event for event in judge.events(recorder.snapshot()) if event.kind in kinds]


def shape(events: list[Event]) -> list[str]:
    """Say what the events are, in a few words each."""
    out = []
    for event in events:
        name = event.value("Message" if event.kind == "Log" else "Type")
        out.append(f"{event.kind} {name}")
    return out
