"""Text in the trace: every string is taken, nothing else is, whether or not something records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flightrec
from flightrec import trace
from flightrec.annotate.text import MOST_BYTES, encoded
from tests.conftest import MakeRecorder
from tests.helpers_annotate import user_events
from tests.helpers_go import Judge


@pytest.fixture(params=["idle", "recording"])
def runtime_now(request: pytest.FixtureRequest, make_recorder: MakeRecorder) -> flightrec.GoRuntime:
    """Return the runtime, while something records and while nothing does."""
    recorder = make_recorder()
    if request.param == "recording":
        recorder.start()
    return recorder.runtime


WAYS: dict[str, Callable[[flightrec.GoRuntime, Any], object]] = {
    "task": lambda runtime, text: runtime.task(text).end(),
    "region": lambda runtime, text: runtime.region(text).__enter__().__exit__(None, None, None),
    "region of a task": lambda runtime, text: runtime.task("t").region(text),
    "category": lambda runtime, text: runtime.log(text, "m"),
    "message": lambda runtime, text: runtime.log("c", text),
    "category of a task": lambda runtime, text: runtime.task("t").log(text, "m"),
    "message of a task": lambda runtime, text: runtime.task("t").log("c", text),
    "traced": lambda _, text: flightrec.traced(name=text)(lambda: None)(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [5, b"bytes", 1.5, ["list"]], ids=repr)
def test_what_is_no_string_is_refused(
    runtime_now: flightrec.GoRuntime, way: str, value: Any
) -> None:
    """Anything but a string is a TypeError that says what it was, recording or not."""
    with pytest.raises(TypeError, match=f"must be a str, not {type(value).__name__}: "):
        WAYS[way](runtime_now, value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", ["x\udcff", "a\0b", "\ud800", "x" * 70_000], ids=ascii)
def test_every_string_is_taken(runtime_now: flightrec.GoRuntime, way: str, text: str) -> None:
    """A string of whatever characters and length raises nothing, recording or not."""
    WAYS[way](runtime_now, text)


def test_parent_that_is_no_task(runtime_now: flightrec.GoRuntime) -> None:
    """A parent that is not a task is a TypeError, recording or not."""
    with pytest.raises(TypeError, match="parent must be a task, not str"):
        runtime_now.task("t", parent="p")  # type: ignore[arg-type]


@pytest.mark.matrix
def test_texts_arrive(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Names and messages stand in the trace as they were given, and where they cannot, escaped."""
    runtime = recorder.runtime
    texts = {
        "grüße \U0001f600": "grüße \U0001f600",
        'say "no"': 'say "no"',
        "": "",
        "a\0b": r"a\x00b",
        "file\udcff": r"file\udcff",
        "x" * 1024: "x" * 1024,
        "x" * 1025: "x" * 1021 + "…",
        "y" * 70_000: "y" * 1021 + "…",
        "é" * 600: "é" * 510 + "…",
    }
    for text in texts:
        with runtime.task(text), runtime.region(text):
            runtime.log(text, text)
    snapshot = recorder.snapshot()
    judge.check(snapshot)
    found: dict[str, list[str]] = {"task": [], "region": [], "category": [], "message": []}
    for event in trace.read(bytes(snapshot)):
        if isinstance(event, trace.TaskBegin):
            found["task"].append(event.name)
        elif isinstance(event, trace.RegionBegin):
            found["region"].append(event.name)
        elif isinstance(event, trace.Log) and not event.category.startswith("flightrec."):
            found["category"].append(event.category)
            found["message"].append(event.message)
    assert found == {kind: list(texts.values()) for kind in found}
    assert user_events(judge, recorder)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=()), max_size=2 * MOST_BYTES))
def test_any_text_fits(text: str) -> None:
    """Whatever the string, what goes to Go is UTF-8 without NUL that Go does not cut."""
    data = encoded(text)
    assert len(data) <= MOST_BYTES
    assert b"\0" not in data
    data.decode()


@settings(max_examples=200)
@given(st.text(min_size=MOST_BYTES + 1, max_size=3 * MOST_BYTES))
def test_a_cut_has_a_mark(text: str) -> None:
    """A string that is too long begins as given and ends with "…", between whole characters."""
    kept = encoded(text).decode()
    assert kept.endswith("…")
    assert text.replace("\0", r"\x00").startswith(kept[:-1])
    assert len(kept.encode()) > MOST_BYTES - len("…".encode()) - 4
