"""What ``trace.explain`` is asked and answers."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import re
import time
from pathlib import Path

import pytest

import flightrec
from flightrec import trace
from flightrec.testing import Window, WindowAssertionError
from flightrec.trace.source import Source
from flightrec.trace.why import (
    NotInTraceError,
    StepKind,
    SubjectKind,
    explain,
    explain_task,
)
from flightrec.trace.why.choose import outstanding
from flightrec.trace.why.survey import Survey
from flightrec.trace.why.text import explanation_text
from tests.conftest import MakeRecorder
from tests.helpers import ROOT
from tests.why.conftest import Corpus


@pytest.fixture
def slow_lock(corpus: Corpus) -> Path:
    """Return the snapshot in which a request waits for a mutex."""
    return corpus.path("mutex_across_io")


def test_public() -> None:
    """``flightrec.trace`` has it."""
    assert trace.explain is explain


@pytest.mark.parametrize("form", ["path", "bytes", "gzip", "file", "stream"])
def test_sources(form: str, slow_lock: Path) -> None:
    """A path, bytes, a gzip'd trace, a file and a stream that is read once explain the same."""

    class Stream:
        def __init__(self, data: bytes) -> None:
            self._file = io.BytesIO(data)

        def read(self, size: int, /) -> bytes:
            return self._file.read(min(size, 1000))

    data = slow_lock.read_bytes()
    forms: dict[str, Source] = {
        "path": slow_lock,
        "bytes": data,
        "gzip": gzip.compress(data),
        "file": io.BytesIO(data),
        "stream": Stream(data),
    }
    assert explain(forms[form]).to_json() == explain(slow_lock).to_json()


def test_snapshot(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder) -> None:
    """A snapshot in memory is explained as it is."""
    with make_recorder() as recorder, runtime.task("the task"):
        runtime.run("idle", duration=0.01)
        explanation = explain(recorder.snapshot(), task="the task")
    assert not explanation.subject.complete
    assert "not ended in the window" in str(explanation)


def test_task_by_number_and_name(slow_lock: Path) -> None:
    """A task is found by its number, by its number as text, and the slowest by its name."""
    slowest = explain(slow_lock, task="request").subject
    assert slowest.duration_ns > 100_000_000
    assert slowest.id is not None
    assert explain(slow_lock, task=slowest.id).subject.begin_ns == slowest.begin_ns
    assert explain(slow_lock, task=str(slowest.id)).subject.begin_ns == slowest.begin_ns
    assert explain(slow_lock, slowest_task=True).subject.begin_ns == slowest.begin_ns


def test_usual(slow_lock: Path) -> None:
    """The others of the task's name are told, without the task itself."""
    usual = explain(slow_lock).subject.usual
    assert usual is not None
    assert usual.count == 12
    assert usual.median_ns < 10_000_000


def test_goroutine(slow_lock: Path) -> None:
    """A goroutine's time is its life, and what it waited for is its path."""
    waiter = explain(slow_lock).subject.goid
    explanation = explain(slow_lock, goroutine=waiter)
    assert explanation.subject.kind is SubjectKind.GOROUTINE
    assert explanation.subject.name == "main.request.func1"
    assert explanation.causes[0].function == "main.slowRead"
    assert sum(step.duration_ns for step in explanation.steps) == explanation.subject.duration_ns


def test_until_cuts(slow_lock: Path) -> None:
    """A goroutine's time is cut to what was asked for."""
    subject = explain(slow_lock).subject
    middle = (subject.begin_ns + subject.end_ns) // 2
    explanation = explain(slow_lock, goroutine=subject.goid, since=middle, until=middle + 1000)
    assert explanation.subject.duration_ns == 1000
    assert sum(step.duration_ns for step in explanation.steps) == 1000
    assert explanation.parts[-1].place is not None
    assert explanation.parts[-1].place.function in {"main.slowRead", "main.(*cache).get"}


def test_since_leaves_out(slow_lock: Path) -> None:
    """Tasks that had ended before do not count."""
    subject = explain(slow_lock).subject
    assert explain(slow_lock, since=subject.end_ns + 1).subject.kind is SubjectKind.NOTHING
    with pytest.raises(NotInTraceError, match="no task 'request' in that stretch"):
        explain(slow_lock, task="request", since=subject.end_ns + 1)


def test_log(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder) -> None:
    """A log's task is explained; without a task, its goroutine's time up to it.

    The log has the text as its message, or in it if no message is the text.
    """
    with make_recorder() as recorder:
        with runtime.task("work") as task:
            runtime.run("idle", duration=0.01)
            task.log("test", "inside")
        runtime.log("test", "an outsider")
        runtime.log("test", "outside")
        snapshot = bytes(recorder.snapshot())
    inside = explain(snapshot, log="inside").subject
    outside = explain(snapshot, log="outside").subject
    outsider = explain(snapshot, log="outsider").subject
    with pytest.raises(NotInTraceError, match="no log 'nowhere'"):
        explain(snapshot, log="nowhere")
    assert (inside.kind, inside.name) == (SubjectKind.TASK, "work")
    assert outside.kind is SubjectKind.LOG
    assert outside.end_ns > outsider.end_ns > inside.end_ns
    assert (outside.name, outsider.name) == ("outside", "an outsider")


def test_names_with_slashes(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder) -> None:
    """A name is told as it is, except that very long ones lose their middle; it is one line."""
    name = "GET /users/7.json\n"
    with make_recorder() as recorder:
        with runtime.task("x" * 1000), runtime.region(name):
            time.sleep(0.01)
        explanation = explain(recorder.snapshot(), slowest_task=True)
    first = explanation.causes[0]
    text = str(explanation)
    assert first.function == f"region {name!r}"
    assert f"in region {name!r}" in " ".join(text.split())
    assert explanation.subject.name == "x" * 1000
    assert "x…x" in text
    assert len(text) < 900


def test_threads_are_not_logged(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder) -> None:
    """What the recorder itself logs, to name threads, is not found."""
    with make_recorder() as recorder:
        with runtime.task("work"):
            pass
        snapshot = bytes(recorder.snapshot())
    logs = [event for event in trace.read(snapshot) if isinstance(event, trace.Log)]
    assert logs
    with pytest.raises(NotInTraceError, match="no log"):
        explain(snapshot, log=logs[0].message)


def test_what_is_missing(slow_lock: Path) -> None:
    """What the trace does not have is named, with what it has."""
    with pytest.raises(NotInTraceError, match="no task 'nope'; its tasks are 'request'") as e:
        explain(slow_lock, task="nope")
    assert e.value.wanted == "nope"
    with pytest.raises(NotInTraceError, match="no goroutine 999999"):
        explain(slow_lock, goroutine=999_999)


def test_one_question(slow_lock: Path) -> None:
    """Two questions at once are refused, and so is a time that ends before it begins."""
    with pytest.raises(ValueError, match="only one of"):
        explain(slow_lock, task="request", slowest_task=True)
    with pytest.raises(ValueError, match="until is before since"):
        explain(slow_lock, since=2, until=1)


def test_no_trace() -> None:
    """What is no trace, or no source, fails as ``read`` does."""
    with pytest.raises(flightrec.TraceFormatError):
        explain(b"no trace at all, but long enough")
    with pytest.raises(TypeError, match="not from int"):
        explain(7)  # type: ignore[arg-type]


def test_broken_tail(slow_lock: Path) -> None:
    """A trace that is broken at its end is explained up to there, and the text says so first."""
    explanation = explain(slow_lock.read_bytes() + b"\xff")
    assert explanation.causes[0].function == "main.slowRead"
    assert explanation.broken
    assert str(explanation).startswith("Careful: the trace is not valid to its end")


def test_json(slow_lock: Path) -> None:
    """The JSON has the parts, causes and the text, and is plain."""
    explanation = explain(slow_lock)
    told = json.loads(json.dumps(explanation.to_json()))
    assert told["causes"][0]["function"] == "main.slowRead"
    assert told["subject"]["duration_ns"] == explanation.subject.duration_ns
    assert told["parts"][1]["parent"] == 0
    assert told["text"] == str(explanation)


def test_json_keys(slow_lock: Path) -> None:
    """The page names every key of the JSON, and every kind."""
    told = explain(slow_lock).to_json()
    first = [told[name][0] for name in ("steps", "parts", "causes")]
    waker = next(part["waker"] for part in told["parts"] if part["waker"])
    dicts = [told, *first, told["subject"], told["subject"]["usual"], waker, waker["place"]]
    page = (ROOT / "docs" / "why.md").read_text(encoding="utf-8")
    names = {name for found in dicts for name in found}
    names |= {str(kind) for kind in (*StepKind, *SubjectKind)}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_immutable(slow_lock: Path) -> None:
    """An explanation and what it is made of cannot be changed."""
    explanation = explain(slow_lock)
    for value in (explanation, explanation.subject, explanation.steps[0], explanation.parts[0]):
        assert dataclasses.is_dataclass(value)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, None)


def test_never_ended(runtime: flightrec.GoRuntime, corpus: Corpus) -> None:
    """A wait that has not ended is said to be one, with what cannot be known."""
    subject = corpus.explained("cond").subject
    explanation = explain(
        corpus.path("cond"), goroutine=subject.goid, until=subject.end_ns - 50_000_000
    )
    assert explanation.parts[0].kind in (StepKind.WAITED, StepKind.BLOCKED)
    assert "sync.Cond" in str(explanation)


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("program", ["chain", "gc_assist", "deadline", "uniform"])
def test_width(width: int, program: str, corpus: Corpus) -> None:
    """No line is wider than asked for, and none begins with a unit."""
    explanation = corpus.explained(program)
    for line in explanation_text(explanation, width).splitlines():
        assert len(line) <= width, line
        assert re.match(r" *(%|[mµn]?s)[ ).]", line) is None, line


def test_stacks(slow_lock: Path) -> None:
    """With stacks, the text has the waiter's, the holder's and where the holder was."""
    text = explanation_text(explain(slow_lock), 120, stacks=True)
    assert re.search(r"sync\.\(\*Mutex\)\.Lock  \S+mutex\.go:\d+", text)
    assert re.search(r"sync\.\(\*Mutex\)\.Unlock  \S+mutex\.go:\d+", text)
    assert re.search(r"syscall\.read  \S+\.go:\d+", text)


def test_assertion_explains(corpus: Corpus) -> None:
    """A failed ``assert_task(max_seconds=…)`` says why the slowest task was slow."""
    window = Window(corpus.path("mutex_across_io"))
    with pytest.raises(WindowAssertionError) as caught:
        window.assert_task("request", max_seconds=0.1)
    text = " ".join(str(caught.value).split())
    assert "took longer than 100 ms" in text
    assert str(corpus.explained("mutex_across_io")).strip() in str(caught.value)
    assert "it waited for a sync.Mutex at main.(*cache).get" in text


def _saved(
    folder: Path, trace_bytes: bytes, event: object, values: dict[str, float] | None = None
) -> Path:
    """Write a trace as a rule saves it: with a JSON file beside it."""
    path = folder / "saved.trace"
    path.write_bytes(trace_bytes)
    reason = {"reason": "task 'request' took 1 ms", "event": event, "values": values or {}}
    path.with_suffix(".json").write_text(json.dumps({"format": 1, "reasons": [reason]}))
    return path


def test_rule_that_fired(slow_lock: Path, tmp_path: Path) -> None:
    """Where a rule saved the snapshot, the task that it was about is explained."""
    slow = explain(slow_lock).subject
    events = list(trace.read(slow_lock))
    quick = next(e for e in events if isinstance(e, trace.TaskBegin) and e.task != slow.id)
    event = {"kind": "task", "name": "request", "start_ns": quick.time - 100, "end_ns": quick.time}
    explanation = explain(_saved(tmp_path, slow_lock.read_bytes(), event))
    assert explanation.subject.id == quick.task
    assert str(explanation).startswith("Saved because task 'request' took 1 ms. Task ")


def test_info_lists_what_is_picked(corpus: Corpus) -> None:
    """The only wait for a lock, which is picked where there are no tasks, is listed as well."""
    found = trace.outliers(trace.summarize(corpus.path("nested_locks"), details=False))
    waits = [one for one in found if one.kind == "wait" and one.count == 1]
    assert waits
    assert all(one.what == "sync" for one in waits)


@pytest.mark.parametrize(("program", "odd"), [("nested_locks", True), ("waitgroup", False)])
def test_single_waits(program: str, odd: bool, corpus: Corpus) -> None:
    """To wait long for a lock is odd, though it happened once; for a WaitGroup it is not."""
    survey = Survey(waits=True)
    with trace.read(corpus.path(program)) as reader:
        for chunk in reader.chunks():
            survey.add([e for e in chunk if not isinstance(e, (trace.TaskBegin, trace.TaskEnd))])
    subject = outstanding(survey)
    assert (subject.kind is SubjectKind.WAIT and subject.name.startswith("for a sync.")) is odd


@pytest.mark.parametrize(
    ("value", "program", "kind", "name"),
    [
        ("sched.p99", "cpu_hog", SubjectKind.DELAY, "ready to run"),
        ("/sched/latencies:seconds p99", "cpu_hog", SubjectKind.DELAY, "ready to run"),
        ("stop.max", "stop_the_world", SubjectKind.PAUSE, "stop-the-world"),
        ("rate(mutex.wait)", "nested_locks", SubjectKind.WAIT, "for a sync.Mutex at main."),
    ],
)
def test_rule_that_measured(
    value: str, program: str, kind: SubjectKind, name: str, corpus: Corpus, tmp_path: Path
) -> None:
    """Where a rule measured delays, pauses or waits for locks, the longest is explained."""
    path = _saved(tmp_path, corpus.path(program).read_bytes(), None, {value: 0.1})
    subject = explain(path).subject
    assert subject.kind is kind
    assert subject.name.startswith(name)
    assert subject.duration_ns > 20_000_000
    assert subject.why.startswith("saved because")


@pytest.mark.parametrize("event", [None, {"name": "request", "start_ns": 5}, {"name": 7}, 7])
def test_rule_about_something_else(event: object, slow_lock: Path, tmp_path: Path) -> None:
    """Where the file beside the snapshot names no task of it, what stands out is explained."""
    explanation = explain(_saved(tmp_path, slow_lock.read_bytes(), event))
    assert explanation.subject.duration_ns > 100_000_000


def test_events_at_hand(slow_lock: Path) -> None:
    """From events in memory the explanation of a task is the same."""
    expected = explain(slow_lock, task="request")
    assert expected.subject.id is not None
    assert explain_task(list(trace.read(slow_lock)), expected.subject.id) == expected
