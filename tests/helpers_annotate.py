"""What the tests of tasks, regions and logs need: the events of a snapshot, as Go reads them."""

from __future__ import annotations

import flightrec
from flightrec.trace.python import THREAD_CATEGORY
from tests.helpers_go import Event, Judge


def user_events(judge: Judge, recorder: flightrec.FlightRecorder) -> list[Event]:
    """Take a snapshot; return its tasks', regions' and logs' events, threads' names left out."""
    kinds = {"TaskBegin", "TaskEnd", "RegionBegin", "RegionEnd", "Log"}
    return [
        event
        for event in judge.events(recorder.snapshot())
        if event.kind in kinds and THREAD_CATEGORY not in event.text
    ]


def shape(events: list[Event]) -> list[str]:
    """Say what the events are, in a few words each."""
    out = []
    for event in events:
        name = event.value("Message" if event.kind == "Log" else "Type")
        out.append(f"{event.kind} {name}")
    return out
