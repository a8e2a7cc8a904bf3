"""Rules at work on a real Go runtime."""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec.directory import SavedSnapshot, SnapshotDirectory
from flightrec.rules.engine import RuleEngine
from flightrec.rules.firing import Firing
from flightrec.rules.moment import Event
from flightrec.rules.status import RuleStatus
from flightrec.trace.why import SubjectKind, explain
from tests.helpers import DEADLINE, ROOT, running, until
from tests.helpers_go import Judge
from tests.rules.conftest import MakeEngine

pytestmark = pytest.mark.pythons


def add(engine: RuleEngine, text: str, to: SnapshotDirectory | None, **options: Any) -> None:
    """Add a rule that need not wait for history."""
    engine.add(engine.rule(text, to=to, **{"arm_after": 0, **options}))


def the_status(engine: RuleEngine) -> RuleStatus:
    """The state of the only rule."""
    (status,) = engine.status()
    return status


def still_true(engine: RuleEngine, times: int) -> None:
    """Wait until the only rule was found true so many times more."""
    wanted = the_status(engine).times_true + times
    until(lambda: the_status(engine).times_true >= wanted, "it stays true")


def facts_of(folder: SnapshotDirectory, count: int = 1) -> dict[str, Any]:
    """The metadata of the newest snapshot, once there are so many."""
    until(lambda: len(folder.snapshots()) >= count, f"{count} snapshots")
    facts: dict[str, Any] = json.loads(folder.snapshots()[-1].with_suffix(".json").read_text())
    return facts


SLOW = Event(kind="http", name="GET /slow", start_ns=0, end_ns=10**9, status=200)


def test_a_metric_fires(
    runtime: flightrec.GoRuntime, engine: RuleEngine, folder: SnapshotDirectory, judge: Judge
) -> None:
    """A rule on one of Go's metrics leaves a valid snapshot, and says what it saw."""
    add(engine, "goroutines > 60 for 50ms", folder, name="many")
    before = time.time()
    with running(runtime, "idle", goroutines=100, duration=60):
        facts = facts_of(folder)
    (path,) = folder.snapshots()
    judge.check(path)
    (reason,) = facts["reasons"]
    assert reason["rule"] == "many"
    assert reason["condition"] == "goroutines > 60 for 50ms"
    assert reason["values"]["goroutines"] > 100
    assert facts["window"]["bytes"] == path.stat().st_size
    assert facts["window"]["start_ns"] < reason["trace_ns"] <= facts["window"]["end_ns"]
    assert facts["versions"]["go"] == runtime.go_version
    assert facts["program"]["arguments"]
    until(lambda: the_status(engine).saved == 1, "it is counted")
    status = the_status(engine)
    assert status.last_saved == str(path)
    assert status.last_fired is not None
    assert before <= status.last_fired <= time.time()
    assert status.read_ago is not None
    assert 0 <= status.read_ago <= time.time() - before
    assert re.search(
        r"goroutines = \d+ \(\d+\.\d s ago\); .*fired 1 \(last \d+\.\d s ago\)", str(status)
    )


def test_once_an_episode(
    runtime: flightrec.GoRuntime, engine: RuleEngine, folder: SnapshotDirectory
) -> None:
    """A rule that stays true fires once; when it has been false, it fires again."""
    add(engine, "goroutines > 60", folder)
    for count in (1, 2):
        with running(runtime, "idle", goroutines=100, duration=60):
            facts_of(folder, count)
            still_true(engine, 3)
            until(lambda: "still true" in the_status(engine).why, "it is saved")
        assert len(folder.snapshots()) == count
        true = the_status(engine).times_true
        until(lambda: the_status(engine).values["goroutines"] <= 60, "the goroutines are gone")
        assert the_status(engine).times_true >= true


def test_histogram_of_the_interval(
    runtime: flightrec.GoRuntime, engine: RuleEngine, folder: SnapshotDirectory
) -> None:
    """A quantile is of the last interval: it is gone when the cause is."""
    add(engine, "sched.count > 1000000000", folder, name="count")
    with running(runtime, "pingpong", pairs=4, duration=60):
        until(lambda: the_status(engine).values.get("sched.count", 0) > 100, "there is scheduling")
        peak = the_status(engine).values["sched.count"]
    until(lambda: the_status(engine).values["sched.count"] < peak / 2, "it goes down again")


def test_what_was_measured_is_explained(
    runtime: flightrec.GoRuntime,
    make_recorder: Any,
    make_engine: MakeEngine,
    folder: SnapshotDirectory,
) -> None:
    """A snapshot that a rule on scheduling has saved is explained by the longest delay."""
    recorder = make_recorder(max_bytes=1 << 20)
    recorder.start()
    engine = make_engine(recorder)
    add(engine, "sched.max > 0.001ms", folder)
    with running(runtime, "pingpong", pairs=4, duration=60):
        facts_of(folder)
    explanation = explain(folder.snapshots()[0])
    assert explanation.subject.kind is SubjectKind.DELAY
    assert str(explanation).startswith("Saved because sched.max > 0.001ms. A delay of goroutine ")


def test_rate(runtime: flightrec.GoRuntime, engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """A rate is the increase of a second, and 0 again when nothing increases."""
    add(engine, "rate(allocs) > 900000GiB", folder)
    with running(runtime, "gc_churn", duration=60):
        until(lambda: the_status(engine).values.get("rate(allocs)", 0) > 1 << 20, "it allocates")
    until(lambda: the_status(engine).values["rate(allocs)"] < 1 << 20, "it does not")


def test_statistics(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """The recorder's own statistics can be asked for, with their units."""
    add(engine, "recorder.window_bytes >= 1B and recorder.age < 1h", folder)
    reason = facts_of(folder)["reasons"][0]
    assert reason["values"]["recorder.window_bytes"] > 0
    assert 0 <= reason["values"]["recorder.age"] < 100


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("gorutines > 5", "goroutines"),
        ("heap > 5s", "64MiB"),
        ("sched.p99 > 5", "5ms"),
        ("sched > 5ms", "sched.p99"),
        ("heap.p99 > 5MiB", "heap"),
        ("rate(sched.p99) > 5", "rate(sched.count)"),
        ("/sched/latency:seconds p99 > 5ms", "/sched/latencies:seconds"),
        ("recorder.windowbytes > 5MiB", "recorder.window_bytes"),
        ("rate(gc.cpu) > 50%", "0.5"),
        ("gc.cpu > 5", "5ms or 5s"),
    ],
)
def test_refused(engine: RuleEngine, folder: SnapshotDirectory, text: str, suggestion: str) -> None:
    """A wrong name or unit is refused at once, with the right ones."""
    with pytest.raises(flightrec.RuleError) as caught:
        engine.rule(text, to=folder)
    assert suggestion in caught.value.suggestion
    assert caught.value.position is not None


def test_signals_that_do_not_exist(engine: RuleEngine) -> None:
    """A signal's wrong name is refused, with the right one; globs of names are understood."""
    for text in ('signal "TERM"', 'signal "SIGTREM"'):
        with pytest.raises(flightrec.RuleError, match="did you mean SIGTERM"):
            engine.check(text)
    engine.check('signal "SIG*"')


@pytest.mark.parametrize(
    "text",
    [
        *("sched.p99.9 > 5ms", "gc.pause.max > 1ms", "heap > 0", "rate(gc.cpu) > 0.5"),
        *("rate(mutex.wait) > 0.5", "rate(mutex.wait) > 200ms/s", "rate(sched.count) > 5"),
        *("stall > 2s", "recorder.dropped_generations > 0", "/gc/gogc:percent != 100"),
    ],
)
def test_accepted(engine: RuleEngine, folder: SnapshotDirectory, text: str) -> None:
    """Short names, rates, shares of time and statistics are understood."""
    engine.rule(text, to=folder)


def test_rules_in_the_documentation(engine: RuleEngine) -> None:
    """Every rule in the table of docs/rules.md is one."""
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    table = page.partition("| rule | fires when |")[2].partition("\n\n")[0]
    found = [
        rule
        for line in table.splitlines()[2:]
        for rule in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]
    assert len(found) > 15
    for rule in found:
        engine.check(rule)


def test_every_metric_can_be_read(runtime: flightrec.GoRuntime) -> None:
    """Every metric that the runtime describes is read, histograms with their buckets."""
    from flightrec.rules.histogram import Histogram
    from flightrec.rules.sources import MetricsReader, describe_metrics

    catalog = describe_metrics(runtime._library)
    names = [name for name in catalog.names() if name.startswith("/")]
    assert len(names) > 50
    reader = MetricsReader(runtime._library)
    for _ in range(2):
        values = reader.read(names)
        histogram = values["/sched/latencies:seconds"]
        assert isinstance(histogram, Histogram)
        assert len(histogram.buckets) == len(histogram.counts) + 1
        goroutines = values["/sched/goroutines:goroutines"]
        assert isinstance(goroutines, int)
        assert goroutines > 1
    with pytest.raises(flightrec.BridgeError, match="no/such"):
        reader.read(["/no/such:metric"])


def test_two_recorders(
    runtime: flightrec.GoRuntime, make_recorder: Any, make_engine: MakeEngine
) -> None:
    """Rules of two recorders each see all of their tasks; the end of one is not the other's."""
    fired: dict[str, list[Firing]] = {"a": [], "b": []}
    engines = {}
    for name, found in fired.items():
        recorder = make_recorder(max_bytes=1 << 20)
        recorder.start()
        engines[name] = make_engine(recorder)
        add(engines[name], f'task "{name}" slower than 1ns', None, on_fire=found.append)
    for _ in range(20):
        for name in fired:
            with runtime.task(name):
                pass
    until(lambda: all(len(found) == 20 for found in fired.values()), "all of each fired")
    for name, found in fired.items():
        assert {firing.event.name for firing in found if firing.event} == {name}
        assert the_status(engines[name]).missed == 0
    engines["b"].close()
    with runtime.task("a"), runtime.task("b"):
        pass
    until(lambda: len(fired["a"]) == 21, "the other goes on")
    assert len(fired["b"]) == 20


def test_missed(runtime: flightrec.GoRuntime, engine: RuleEngine) -> None:
    """Tasks that end faster than they can be looked at are counted, and the status says so."""
    go_on = threading.Event()
    add(engine, 'task "many" slower than 1ns', None, on_fire=lambda _: go_on.wait(DEADLINE))
    for _ in range(400):
        with runtime.task("many"):
            pass
    go_on.set()
    until(lambda: the_status(engine).fired + the_status(engine).missed == 400, "all are counted")
    assert the_status(engine).missed >= 400 - 256 - 1
    assert f"{the_status(engine).missed} tasks or requests were missed" in str(the_status(engine))


def test_arming(recorder: flightrec.FlightRecorder, engine: RuleEngine) -> None:
    """A rule is silent until the window has history, and says so; nothing is missed by that."""
    fired: list[Firing] = []
    engine.add(engine.rule("goroutines > 0", to=None, on_fire=fired.append, arm_after=1000))
    until(lambda: the_status(engine).suppressed.get("not_armed"), "it was true")
    until(lambda: "1000 s are wanted" in the_status(engine).why, "it says why not")
    assert not the_status(engine).armed
    assert not fired
    recorder.stop()
    until(lambda: the_status(engine).why == "nothing is recorded", "the recorder is stopped")


def test_holds_not_long_enough(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """A rule with `for` whose comparison is true says for how long it has been."""
    add(engine, "goroutines > 0 for 1h", folder)
    said = r"goroutines > 0 for 1h: for \d+\.\d s so far"
    until(lambda: re.fullmatch(said, the_status(engine).why), "it is read")


def test_metrics_that_cannot_be_read(
    engine: RuleEngine, folder: SnapshotDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule whose metrics cannot be read says so, with the error."""
    add(engine, "goroutines > 1000000", folder)

    def fails(*_: object) -> Any:
        raise OSError("as the test wants")

    monkeypatch.setattr("flightrec.rules.sources.MetricsReader.read", fails)
    until(lambda: "as the test wants" in the_status(engine).why, "it says so")
    monkeypatch.undo()
    until(lambda: the_status(engine).why == "waits for it to be true", "it is read again")


def test_recording_that_has_ended(
    make_recorder: Any, make_engine: MakeEngine, folder: SnapshotDirectory
) -> None:
    """A rule on a recorder whose recording an error has ended says which."""

    def policy(*_: object, **__: object) -> Any:
        raise RuntimeError("as the test wants")

    recorder = make_recorder(policy=policy)
    recorder.start()
    engine = make_engine(recorder)
    add(engine, "panic", folder)
    with pytest.raises(RuntimeError):
        recorder.snapshot()
    assert the_status(engine).why == "nothing more is recorded: as the test wants"
    with pytest.raises(RuntimeError):
        recorder.stop()


def test_arms_after_min_age(make_recorder: Any, make_engine: MakeEngine) -> None:
    """By default a rule is armed once the window reaches back min_age."""
    recorder = make_recorder(min_age=0.5)
    recorder.start()
    began = recorder.runtime.now_ns()
    engine = make_engine(recorder)
    fired: list[Firing] = []
    engine.add(engine.rule("goroutines > 0", to=None, on_fire=fired.append))
    until(lambda: fired, "it fires")
    assert fired[0].trace_ns - began >= 0.4e9


def test_event(engine: RuleEngine, folder: SnapshotDirectory, judge: Judge) -> None:
    """A rule on requests fires with the request that was slow, and with no other."""
    add(engine, 'http "GET /s*" slower than 200ms', folder)
    fast = Event(kind="http", name="GET /slow", start_ns=0, end_ns=10**8)
    other = Event(kind="http", name="POST /slow", start_ns=0, end_ns=10**9)
    assert engine.post(fast) == engine.post(other) == []
    assert engine.post(Event(kind="task", name="GET /slow", start_ns=0, end_ns=10**9)) == []
    assert the_status(engine).tried == 2  # of requests
    (firing,) = engine.post(SLOW, wait=DEADLINE)
    assert firing.saved is not None
    judge.check(firing.saved.path)
    event = facts_of(folder)["reasons"][0]["event"]
    assert (event["name"], event["status"]) == ("GET /slow", 200)


def test_tail(
    runtime: flightrec.GoRuntime, engine: RuleEngine, folder: SnapshotDirectory, judge: Judge
) -> None:
    """With a tail, what happens after the rule fired is in the snapshot."""
    add(engine, "http slower than 1ms", folder, tail=0.5)
    (firing,) = engine.post(SLOW)
    runtime.log("test", "after it fired")
    assert firing.wait(DEADLINE)
    assert firing.saved is not None
    assert any("after it fired" in event.text for event in judge.events(firing.saved.path))
    facts = facts_of(folder)
    assert facts["window"]["end_ns"] - facts["reasons"][0]["trace_ns"] >= 0.5e9


def test_joining(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """A rule that fires while another's snapshot is on its way joins it; both reasons are kept."""
    add(engine, "http slower than 1ms", folder, name="first", tail=0.3)
    add(engine, "panic", folder, name="second")
    firings = [*engine.post(SLOW), *engine.post(Event(kind="panic", name="boom"))]
    assert all(firing.wait(DEADLINE) for firing in firings)
    assert len(folder.snapshots()) == 1
    assert [reason["rule"] for reason in facts_of(folder)["reasons"]] == ["first", "second"]
    first, second = engine.status()
    assert (first.saved, first.joined, second.saved, second.joined) == (1, 0, 1, 1)


def test_firing_again_and_again(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """A rule that keeps firing within its tail does not put off its snapshot."""
    add(engine, "http slower than 1ms", folder, tail=0.2)
    (first,) = engine.post(SLOW)
    until = time.monotonic() + DEADLINE
    while not first.wait(0.01):
        assert time.monotonic() < until, "the snapshot was put off"
        engine.post(SLOW)
    assert first.saved is not None


def test_very_many_reasons(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """The metadata has the first twenty reasons, and counts further ones by their rule."""
    add(engine, "http slower than 1ms", folder, name="slow", tail=3600)
    fired = [firing for _ in range(30) for firing in engine.post(SLOW)]
    engine.settle()
    assert all(firing.wait(DEADLINE) for firing in fired)
    facts = facts_of(folder)
    assert len(facts["reasons"]) == 20
    assert facts["further_reasons"] == {"slow": 10}
    assert the_status(engine).saved == 30
    assert fired[0].stacks
    assert not fired[-1].stacks


def test_joining_late(
    engine: RuleEngine, folder: SnapshotDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that fires while the snapshot's bytes are being written joins it as well."""
    add(engine, "http slower than 1ms", folder, name="first")
    add(engine, "panic", folder, name="second")
    writing, go_on = threading.Event(), threading.Event()
    write_to = flightrec.Snapshot.write_to

    def slow_write(snapshot: flightrec.Snapshot, file: Any) -> int:
        writing.set()
        assert go_on.wait(DEADLINE)
        return write_to(snapshot, file)

    monkeypatch.setattr(flightrec.Snapshot, "write_to", slow_write)
    (first,) = engine.post(SLOW)
    assert writing.wait(DEADLINE)
    (second,) = engine.post(Event(kind="panic"))
    go_on.set()
    assert first.wait(DEADLINE)
    assert second.wait(DEADLINE)
    assert second.saved is first.saved is not None
    assert [reason["rule"] for reason in facts_of(folder)["reasons"]] == ["first", "second"]


def test_what_is_open(
    runtime: flightrec.GoRuntime, engine: RuleEngine, folder: SnapshotDirectory
) -> None:
    """The metadata has the tasks and regions that are open, with their begin, and no others."""
    add(engine, "http slower than 1ms", folder)
    with runtime.task("over"):
        pass
    before = runtime.now_ns()
    with runtime.task("checkout"), runtime.region("paying"):
        engine.post(SLOW, wait=DEADLINE)
    facts = facts_of(folder)
    opened = {entry["name"]: entry for entry in facts["reasons"][0]["open_in_python"]}
    assert set(opened) == {"checkout", "paying"}
    assert opened["checkout"]["kind"] == "task"
    assert opened["paying"]["task"] == opened["checkout"]["number"]
    assert before <= opened["checkout"]["start_ns"] <= facts["window"]["end_ns"]
    assert "over" not in [task["name"] for task in facts["open_tasks"]]
    if "task-hooks" in runtime.overlays:
        assert "checkout" in [task["name"] for task in facts["open_tasks"]]


def test_suppressed(engine: RuleEngine, tmp_path: Path) -> None:
    """What a limit stops is counted by its name, in the status and in the folder."""
    folder = SnapshotDirectory(tmp_path / "s", min_interval=0, per_rule=3600)
    add(engine, "http slower than 1ms", folder, name="slow")
    (first,) = engine.post(SLOW, wait=DEADLINE)
    assert first.saved
    for _ in range(5):
        assert engine.post(SLOW) == []
    assert the_status(engine).suppressed == {"per_rule": 5}
    assert re.fullmatch(r"silent for 3\d+\.\d s more: per_rule is 3600 s", the_status(engine).why)
    engine.close()
    assert folder.suppressed() == {"slow": {"per_rule": 5}}
    assert "suppressed 5 by per_rule" in str(the_status(engine))


def test_suppressed_by_another(engine: RuleEngine, tmp_path: Path) -> None:
    """What the time between any two snapshots stops is silent for the rest of it, and says so."""
    folder = SnapshotDirectory(tmp_path / "s", min_interval=3600, per_rule=0)
    add(engine, "http slower than 1ms", folder, name="slow")
    engine.post(SLOW, wait=DEADLINE)
    (second,) = engine.post(SLOW, wait=DEADLINE)
    assert second.suppressed is not None
    left = second.suppressed.retry_after
    assert left is not None
    assert 3600 - DEADLINE <= left <= 3600
    why = the_status(engine).why
    assert re.fullmatch(r"silent for 3\d+\.\d s more: .* min_interval is 3600 s", why)


def test_suppressed_by_its_size(engine: RuleEngine, tmp_path: Path) -> None:
    """A rule whose snapshot is larger than the folder may be says so, and is tried again."""
    folder = SnapshotDirectory(tmp_path / "s", min_interval=0, per_rule=0, max_bytes=100)
    add(engine, "http slower than 1ms", folder)
    engine.post(SLOW, wait=DEADLINE)
    assert "use a larger budget" in the_status(engine).why
    until(lambda: engine.post(SLOW, wait=DEADLINE), "it fires again")
    assert the_status(engine).suppressed["max_bytes"] >= 2


def test_at_once(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """A rule on work and a metric sees the first work that ends once the rule is there."""
    add(engine, "http slower than 1ms and goroutines > 0", folder)
    (firing,) = engine.post(SLOW)
    assert firing.values["goroutines"] > 0


def test_saving_fails(
    engine: RuleEngine, folder: SnapshotDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    """An error in saving reaches on_error, the log and the status, and not who fired."""
    errors: list[BaseException] = []
    add(engine, "http slower than 1ms", folder, on_error=errors.append)
    shutil.rmtree(folder.path)
    with caplog.at_level(logging.ERROR, "flightrec"):
        (firing,) = engine.post(SLOW, wait=DEADLINE)
    assert firing.saved is None
    assert isinstance(firing.error, FileNotFoundError)
    assert errors == [firing.error]
    assert "no snapshot for rule" in caplog.text
    assert "FileNotFoundError" in the_status(engine).last_error
    folder.path.mkdir()
    until(lambda: engine.post(SLOW, wait=DEADLINE), "it fires again")
    assert facts_of(folder)


def test_callbacks_that_raise(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """A callback that raises is logged, and stops neither the snapshot nor the next."""
    saved: list[SavedSnapshot] = []

    def raises(what: Any) -> None:
        if isinstance(what, SavedSnapshot):
            saved.append(what)
        raise RuntimeError("a user's mistake")

    logging.getLogger("flightrec").setLevel(logging.CRITICAL)
    try:
        add(engine, "http slower than 1ms", folder, on_fire=raises, on_saved=raises)
        for count in (1, 2):
            (firing,) = engine.post(SLOW, wait=DEADLINE)
            assert firing.saved
            assert len(saved) == count
    finally:
        logging.getLogger("flightrec").setLevel(logging.NOTSET)


def test_a_callback_that_exits(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """A callback that calls sys.exit on a thread of ours costs no snapshot, and stops no rule."""
    logging.getLogger("flightrec").setLevel(logging.CRITICAL)
    try:
        for name in ("first", "second"):
            add(engine, "goroutines > 0", folder, name=name, on_fire=sys.exit, on_saved=sys.exit)
            until(lambda: engine.status()[-1].saved == 1, "it is saved")
            assert engine.status()[-1].name == name
    finally:
        logging.getLogger("flightrec").setLevel(logging.NOTSET)


def test_nothing_waits(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """Whoever fires a rule does not wait for the snapshot."""
    add(engine, "http slower than 1ms", folder, tail=3600)
    (firing,) = engine.post(SLOW)
    assert not firing.done
    began = time.monotonic()
    engine.close()  # saves at once what would wait for its tail
    assert time.monotonic() - began < 30
    assert firing.saved is not None


def test_waiting(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """With wait, whoever fires the rule goes on when the snapshot is saved."""
    add(engine, "http slower than 1ms", folder, wait=True)
    (firing,) = engine.post(SLOW)
    assert firing.saved


def test_rules_that_cannot_fire(
    recorder: flightrec.FlightRecorder,
    engine: RuleEngine,
    folder: SnapshotDirectory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rule about something that nobody tells of here says so, or is refused."""
    with pytest.raises(flightrec.RuleError, match="flightrec run"):
        recorder.when('signal "SIGTERM"', folder)
    # As in a library that plain `go build` has built.
    monkeypatch.setattr(flightrec.GoRuntime, "overlays", ())
    add(engine, "task slower than 1s", folder)
    add(engine, "panic", folder)
    assert all("flightrec build" in status.why for status in engine.status())


def test_adding_and_removing(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """Rules have names of their own; a removed one fires no more."""
    add(engine, "http slower than 1ms", folder, name="a")
    with pytest.raises(flightrec.RuleError, match="already"):
        add(engine, "panic", folder, name="a")
    with pytest.raises(flightrec.RuleError, match="the rules are: a"):
        engine.remove("b")
    engine.remove("a")
    assert engine.post(SLOW) == []
    assert engine.status() == ()
    add(engine, "http slower than 1ms", folder, name="a")
    assert len(engine.post(SLOW)) == 1


@pytest.mark.parametrize(
    "options",
    [
        *({"tail": -1}, {"tail": float("inf")}, {"tail": "500ms"}, {"tail": None}, {"last": 0}),
        *({"arm_after": -1}, {"arm_after": True}, {"to": None}, {"name": ""}, {"name": 5}),
    ],
)
def test_senseless_options(
    engine: RuleEngine, folder: SnapshotDirectory, options: dict[str, Any]
) -> None:
    """Options that make no sense are refused when the rule is made."""
    with pytest.raises(ValueError, match="a"):
        engine.rule("panic", **{"to": folder, **options})


def test_last(
    runtime: flightrec.GoRuntime,
    make_recorder: Any,
    make_engine: MakeEngine,
    folder: SnapshotDirectory,
) -> None:
    """With last, a snapshot is only as long as asked for, give or take a generation."""
    recorder = make_recorder(min_age=60)
    recorder.start()
    engine = make_engine(recorder)
    for _ in range(4):
        recorder.snapshot()  # which ends a generation
        time.sleep(0.2)
    add(engine, "http slower than 1ms", folder, last=0.5)
    (firing,) = engine.post(SLOW, wait=DEADLINE)
    assert firing.saved
    whole = recorder.snapshot()
    assert 1 <= len(facts_of(folder)["window"]["generations"]) < len(whole.generations)


def test_recorder_stops_in_a_tail(
    recorder: flightrec.FlightRecorder, folder: SnapshotDirectory, judge: Judge
) -> None:
    """A recorder that stops while a tail goes on saves what there is first."""
    recorder.when("http slower than 1ms", folder, arm_after=0, tail=3600)
    engine = recorder._rules
    assert engine is not None
    with engine:
        (firing,) = engine.post(SLOW)
        recorder.stop()
        assert firing.wait(DEADLINE)
        assert firing.saved is not None
        judge.check(firing.saved.path)
        assert not recorder.enabled


def test_stopping_in_a_callback(
    recorder: flightrec.FlightRecorder, folder: SnapshotDirectory
) -> None:
    """A callback may stop the recorder, on the thread that saves."""
    recorder.when("http slower than 1ms", folder, arm_after=0, on_saved=lambda _: recorder.stop())
    engine = recorder._rules
    assert engine is not None
    with engine:
        engine.post(SLOW, wait=DEADLINE)
        until(lambda: not recorder.enabled, "it has stopped")
        assert the_status(engine).saved == 1


def test_end_of_the_process(engine: RuleEngine, folder: SnapshotDirectory) -> None:
    """At the end of the process nothing waits for a tail, and all is saved on return."""
    add(engine, "http slower than 1ms", folder, name="slow", tail=3600)
    add(engine, "exit status != 0", folder, name="failed", tail=3600)
    (slow,) = engine.post(SLOW)
    fired = engine.ends(Event(kind="exit", status=3))
    assert [firing.rule.name for firing in fired] == ["failed"]
    assert slow.saved
    assert fired[0].saved


@pytest.mark.parametrize("what", ["the process", "the recording"])
def test_work_that_ends_last(runtime: flightrec.GoRuntime, engine: RuleEngine, what: str) -> None:
    """A task that ends right before the process or the recording does is looked at before."""
    fired: list[Firing] = []
    add(engine, 'task "last" slower than 1ns', None, on_fire=fired.append)
    for count in range(1, 51):
        with runtime.task("last"):
            pass
        if what == "the process":
            engine.ends(Event(kind="exit", status=0))
        else:
            engine.settle()
        assert len(fired) == count


def test_go_asks(go_child: Any, tmp_path: Path) -> None:
    """gobridge.RequestSnapshot returns at once, and a rule for requests saves a snapshot."""
    go_child.run(
        """
        from flightrec.directory import SnapshotDirectory
        from flightrec.rules.engine import RuleEngine

        runtime = flightrec.load()
        folder = SnapshotDirectory(sys.argv[1])
        with flightrec.FlightRecorder(runtime) as recorder, RuleEngine(recorder) as engine:
            assert runtime.run("request_snapshot", reason="early") is False
            engine.add(engine.rule('request "disk*"', to=folder))
            assert runtime.run("request_snapshot", reason="other") is False
            assert runtime.run("request_snapshot", reason="disk is slow") is True
            while not folder.snapshots():
                time.sleep(0.01)
        import json
        facts = json.loads(folder.snapshots()[0].with_suffix(".json").read_text())
        assert facts["reasons"][0]["event"]["name"] == "disk is slow", facts
        """,
        tmp_path,
    )


def test_forked_child(child: Any, tmp_path: Path) -> None:
    """In a forked child rules do nothing, and nothing hangs, whatever lock was held meanwhile."""
    child.run(
        """
        from flightrec.directory import SnapshotDirectory
        from flightrec.rules.engine import RuleEngine
        from flightrec.rules.moment import Event

        folder = SnapshotDirectory(sys.argv[1])
        with flightrec.FlightRecorder() as recorder, RuleEngine(recorder) as engine:
            engine.add(engine.rule("panic", to=folder))
            held, go_on = threading.Event(), threading.Event()
            def hold():
                with engine._changed:
                    held.set()
                    go_on.wait()
            holds = threading.Thread(target=hold)
            holds.start()
            held.wait()
            pid = fork()
            if pid == 0:
                assert engine.post(Event(kind="panic")) == []
                assert engine.ends(Event(kind="panic")) == []
                engine.close()
                calls = (
                    lambda: engine.add(engine.rule("exit", to=folder)),
                    lambda: engine.remove("panic"),
                    engine.status,
                )
                for call in calls:
                    try:
                        call()
                    except flightrec.ForkedProcessError:
                        continue
                    os._exit(1)
                os._exit(0)
            go_on.set()
            holds.join()
            assert os.waitpid(pid, 0)[1] == 0
            assert engine.post(Event(kind="panic"), wait=60)[0].saved
        """,
        tmp_path,
    )
