"""Watching blocks of Python code, sync and async, slow, hanging and raising."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec.directory import SnapshotDirectory
from flightrec.rules import attach
from flightrec.rules.attach import engine_of, rules
from flightrec.rules.firing import Firing
from flightrec.rules.status import RuleStatus
from flightrec.rules.watch import Watch, watch
from tests.helpers import Thread, together, until
from tests.helpers_go import Judge

pytestmark = pytest.mark.pythons


@pytest.fixture(autouse=True)
def _closed(recorder: flightrec.FlightRecorder) -> Any:
    yield
    if engine := attach.existing_engine(recorder):
        engine.close()


@pytest.fixture
def fired() -> list[Firing]:
    """What fired."""
    return []


def watching(recorder: flightrec.FlightRecorder, fired: list[Firing], **options: Any) -> Watch:
    """A watch that saves nothing and tells what fired."""
    return watch(recorder, **{"name": "b", "on_fire": fired.append, "arm_after": 0, **options})


def sleep(seconds: float) -> None:
    """Take so long, at least."""
    threading.Event().wait(seconds)


def test_slow_and_fast(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A block that took longer than allowed fires; one that did not does not."""
    slow = watching(recorder, fired, slower_than=0.02)
    with slow:
        pass
    assert not fired
    with slow:
        sleep(0.03)
    (firing,) = fired
    assert firing.event is not None
    assert firing.event.name == "b"
    assert not firing.event.running
    assert firing.event.duration is not None
    assert firing.event.duration >= 0.03
    assert "b took" in firing.reason


def test_the_snapshot_has_the_block(
    recorder: flightrec.FlightRecorder, folder: SnapshotDirectory, judge: Judge
) -> None:
    """The snapshot of a slow block contains it, as a task with its name."""
    saved: list[Any] = []
    with watch(
        recorder, folder, name="checkout", slower_than=0.01, arm_after=0, on_saved=saved.append
    ):
        sleep(0.02)
    until(lambda: saved, "it is saved")
    tasks = [e for e in judge.events(saved[0].path) if e.kind == "TaskBegin"]
    assert any('Type="checkout"' in task.text for task in tasks)
    facts = json.loads(saved[0].metadata.read_text())
    assert facts["reasons"][0]["event"]["name"] == "checkout"


def test_while_running(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A block that hangs fires at its deadline, once, with the stack that it hangs in."""
    release = threading.Event()

    def hangs_here() -> None:
        with watching(recorder, fired, slower_than=0.05, while_running=True):
            release.wait(60)

    thread = Thread(hangs_here)
    until(lambda: fired, "it fires while it runs")
    assert thread.running
    release.set()
    thread.result()
    (firing,) = fired
    assert firing.event is not None
    assert firing.event.running
    assert "has taken" in firing.reason
    stacks = [line for stack in firing.stacks for line in stack["stack"]]
    assert any(line.startswith("hangs_here") for line in stacks)


def test_hang_that_could_not_be_captured_at_once(
    recorder: flightrec.FlightRecorder, folder: SnapshotDirectory
) -> None:
    """A block that hangs before its rule is armed is captured once it is, and told of once."""
    hanging = watch(recorder, folder, name="h", slower_than=0.01, while_running=True, arm_after=1.5)
    with hanging:
        until(folder.snapshots, "it is captured while it hangs")
    until(lambda: rules(recorder)[0].saved, "it is counted")
    (status,) = rules(recorder)
    assert (status.times_true, status.fired, status.saved) == (1, 1, 1)
    assert status.suppressed == {"not_armed": 1}
    assert len(folder.snapshots()) == 1


def test_many_that_run(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """Of many blocks at the same time, exactly those fire that run for too long."""
    hanging = watching(recorder, fired, slower_than=0.3, while_running=True, name="h")
    release = threading.Event()

    def work(number: int) -> None:
        for _ in range(50):
            with hanging:
                pass
        if number < 3:
            with hanging:
                release.wait(60)

    threads = [Thread(work, number) for number in range(6)]
    until(lambda: len(fired) == 3, "three hang")
    release.set()
    for thread in threads:
        thread.result()
    assert len(fired) == 3


def test_exceptions(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A block that raises fires for the exceptions that were named, and the exception goes on."""
    for kind, count in ((ValueError, 1), (KeyError, 1)):
        with pytest.raises(kind):
            with watching(recorder, fired, on_exception=(ValueError, TypeError)):
                raise kind
        assert len(fired) == count
    assert fired[0].event is not None
    assert fired[0].event.name == "b: ValueError"
    with pytest.raises(KeyError):
        with watching(recorder, fired, on_exception=True, name="any"):
            raise KeyError
    assert len(fired) == 2


def test_decorator(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A decorated function is watched at every call, and stays the function that it was."""

    @watching(recorder, fired, slower_than=0.01)
    def double(x: int, *, wait: float = 0) -> int:
        """Double it."""
        sleep(wait)
        return 2 * x

    assert double(2) == 4
    assert not fired
    assert double(3, wait=0.02) == 6
    assert len(fired) == 1
    assert double.__doc__ == "Double it."


def test_async(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """Coroutines that interleave on one thread are timed each by itself."""
    slow = watching(recorder, fired, slower_than=0.2)

    @slow
    async def decorated(seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def entered(seconds: float) -> None:
        async with slow:
            await asyncio.sleep(seconds)

    async def plainly_entered(seconds: float) -> None:
        with slow:
            await asyncio.sleep(seconds)

    async def main() -> None:
        works = (decorated, entered, plainly_entered)
        await asyncio.gather(*(work(s) for work in works for s in (0.25, 0.0, 0.01)))

    asyncio.run(main())
    durations = [f.event.duration for f in fired if f.event is not None and f.event.duration]
    assert len([d for d in durations if d >= 0.24]) == 3


def test_nested(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A watch inside itself times both blocks."""
    both = watching(recorder, fired, slower_than=0.02)
    with both:
        with both:
            sleep(0.03)
    assert len(fired) == 2


def test_same_arguments_same_watch(
    recorder: flightrec.FlightRecorder, fired: list[Firing], tmp_path: Path
) -> None:
    """A watch in a loop is one rule; other arguments make another."""
    made = together(4, lambda _: [watching(recorder, fired, slower_than=1) for _ in range(5)])
    assert len({id(w) for several in made if isinstance(several, list) for w in several}) == 1
    watching(recorder, fired, slower_than=2)
    watch(recorder, tmp_path, name="b", slower_than=1)
    assert [status.name for status in rules(recorder)] == [
        'block "b" slower than 1000ms',
        'block "b" slower than 2000ms',
        'block "b" slower than 1000ms (2)',
    ]


def test_too_many(
    recorder: flightrec.FlightRecorder, fired: list[Firing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name for each piece of work is refused before it fills the memory."""
    monkeypatch.setattr("flightrec.rules.watch._WATCHES", 3)
    for i in range(3):
        watching(recorder, fired, slower_than=1, name=f"user {i}")
    with pytest.raises(flightrec.RuleError, match="kind of work"):
        watching(recorder, fired, slower_than=1, name="user 3")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"slower_than": 0},
        {"slower_than": float("nan")},
        {"while_running": True},
        {"slower_than": 1, "tail": -1},
    ],
)
def test_senseless(
    recorder: flightrec.FlightRecorder, fired: list[Firing], options: dict[str, Any]
) -> None:
    """Options that make no sense are refused."""
    with pytest.raises(ValueError, match=r"slower|nothing|tail"):
        watching(recorder, fired, **options)


def test_generators(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A generator is refused: the time between its pieces is its consumer's."""
    with pytest.raises(TypeError, match="generator"):

        @watching(recorder, fired, slower_than=1)
        def generator() -> Any:
            yield 1


def test_removed(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A removed watch fires no more, also for blocks that run."""
    hanging = watching(recorder, fired, slower_than=0.2, while_running=True)
    with hanging:
        engine_of(recorder).remove(hanging.rule.name)
        sleep(0.4)
    assert not fired


def test_status(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """The rule of a watch is among the recorder's rules, with what it has come to."""
    with watching(recorder, fired, slower_than=1):
        pass
    (status,) = rules(recorder)
    assert isinstance(status, RuleStatus)
    assert (status.tried, status.fired) == (0, 0)
    with watching(recorder, fired, slower_than=0.001):
        time.sleep(0.01)
    assert [status.fired for status in rules(recorder)] == [0, 1]
