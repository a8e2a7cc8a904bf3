"""Stages: regions that follow each other, task after task: one call into Go for each change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import flightrec
from flightrec.annotate.stages import Stages
from tests.conftest import MakeRecorder
from tests.helpers_annotate import shape, user_events
from tests.helpers_go import Judge


@pytest.fixture
def recorder(make_recorder: MakeRecorder) -> Iterator[flightrec.FlightRecorder]:
    """Return a recorder that is started."""
    recorder = make_recorder(max_bytes=4 << 20, min_age=1000)
    recorder.start()
    yield recorder
    if recorder.enabled:
        recorder.stop()


def test_events(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A stage ends with the next begin, and so does its task; logs and regions belong to them."""
    runtime = recorder.runtime
    stages = Stages(runtime._annotations)
    stages.next("a", runtime.now_ns(), "one")
    runtime.log("c", "in a")
    stages.next("b", runtime.now_ns())
    with runtime.region("inner"):
        pass
    stages.next("a", runtime.now_ns(), "two")
    stages.end_region()
    runtime.log("c", "in two")
    stages.end()
    runtime.log("c", "outside")
    stages.end()
    events = user_events(judge, recorder)
    assert shape(events) == [
        *("TaskBegin one", "RegionBegin a", "Log in a", "RegionEnd a"),
        *("RegionBegin b", "RegionBegin inner", "RegionEnd inner", "RegionEnd b", "TaskEnd one"),
        *("TaskBegin two", "RegionBegin a", "RegionEnd a", "Log in two", "TaskEnd two"),
        "Log outside",
    ]
    one, two = (event.value("ID") for event in events if event.kind == "TaskBegin")
    tasks = [event.value("Task") for event in events if event.kind in ("RegionBegin", "Log")]
    assert tasks == [one, one, one, one, two, two, "0"]


def test_recording_begins_later(make_recorder: MakeRecorder, judge: Judge) -> None:
    """A task that began before the recording begins in the trace with its next stage."""
    recorder = make_recorder(max_bytes=4 << 20, min_age=1000)
    runtime = recorder.runtime
    stages = Stages(runtime._annotations)
    stages.next("a", runtime.now_ns(), "one")
    with recorder:
        stages.next("b", runtime.now_ns())
        stages.end()
        events = user_events(judge, recorder)
    assert shape(events) == ["TaskBegin one", "RegionBegin b", "RegionEnd b", "TaskEnd one"]


def test_opened(recorder: flightrec.FlightRecorder) -> None:
    """What is open is among what a snapshot's metadata lists, the oldest first."""
    runtime = recorder.runtime
    before = {each["number"] for each in runtime._annotations.opened.as_facts()}

    def opened() -> list[dict[str, Any]]:
        facts = runtime._annotations.opened.as_facts()
        return [each for each in facts if each["number"] not in before]

    stages = Stages(runtime._annotations)
    with runtime.task("outer"):
        stages.next("a", runtime.now_ns(), "one")
        with runtime.region("inner"):
            facts = opened()
        stages.end()
    assert [each["name"] for each in facts] == ["outer", "one", "a", "inner"]
    numbers = {each["name"]: each["number"] for each in facts}
    assert [each["task"] for each in facts] == [None, numbers["outer"], *(2 * [numbers["one"]])]
    assert {each["thread"] for each in facts} == {"MainThread"}
    assert opened() == []


def test_forgotten(runtime: flightrec.GoRuntime) -> None:
    """Stages that have ended are not kept: their runtime asks them no more what is open."""
    others = runtime._annotations.opened._others
    before = len(others)
    stages = Stages(runtime._annotations)
    for task in ("one", "two"):
        stages.next("a", runtime.now_ns(), task)
        assert len(others) == before + 1
    stages.end()
    assert len(others) == before


@pytest.mark.parametrize("entered", [False, True])
def test_interrupted(
    recorder: flightrec.FlightRecorder,
    judge: Judge,
    monkeypatch: pytest.MonkeyPatch,
    entered: bool,
) -> None:
    """What an exception before or after the call into Go leaves open, the next call ends."""
    runtime = recorder.runtime
    annotations = runtime._annotations
    call = annotations._region_next
    interrupts = True

    def interrupted(*arguments: Any) -> Any:
        if entered or not interrupts:
            status = call(*arguments)
        if interrupts:
            raise KeyboardInterrupt
        return status

    monkeypatch.setattr(annotations, "_region_next", interrupted)
    stages = Stages(annotations)
    for step in (("a", "one"), ("b", None), ("a", "two"), ("a", "three")):
        with pytest.raises(KeyboardInterrupt):
            stages.next(step[0], runtime.now_ns(), step[1])
    interrupts = False
    stages.next("last", runtime.now_ns(), "four")
    stages.end()
    events = user_events(judge, recorder)
    for kind in ("Task", "Region"):
        begun, ended = (
            [event.value("Type") for event in events if event.kind == kind + end]
            for end in ("Begin", "End")
        )
        assert sorted(begun) == sorted(ended)
    assert len(events) == (18 if entered else 4)
