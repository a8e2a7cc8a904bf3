"""Random programs that annotate: whatever they do, Go and flightrec read their traces.

A program is a list of steps on a few threads, event loops' coroutines and generators, which take
turns in an order that Hypothesis chooses. Each step begins or ends something, in whatever order,
and hands things on to others.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import flightrec
from flightrec import trace
from tests.helpers import DEADLINE
from tests.helpers_go import Judge

WORKERS = 2
PLACES = ("thread", "coroutine", "generator")


class Step(NamedTuple):
    """What a worker is to do, and in which of its places."""

    place: str
    what: Callable[[], object]
    generator: int


class Worker:
    """A thread that runs steps one at a time: directly, in coroutines or in generators."""

    def __init__(self, number: int) -> None:
        self._steps: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"worker {number}", daemon=True)
        self._thread.start()
        self._generators = [self._generator() for _ in range(2)]
        self._pending: Callable[[], object] = lambda: None

    def _generator(self) -> Generator[None, None, None]:
        while True:
            self._pending()
            yield

    def _run(self) -> None:
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            while (step := self._steps.get()) is not None:
                try:
                    self._do(loop, step)
                except BaseException as exc:
                    self._answers.put(exc)
                else:
                    self._answers.put(None)

    def _do(self, loop: asyncio.AbstractEventLoop, step: Step) -> None:
        if step.place == "thread":
            step.what()
        elif step.place == "generator":
            self._pending = step.what
            next(self._generators[step.generator])
        else:
            loop.run_until_complete(_as_coroutine(step.what))

    def do(self, step: Step) -> None:
        """Have it do something to its end."""
        self._steps.put(step)
        if (error := self._answers.get(timeout=DEADLINE)) is not None:
            raise error

    def end(self) -> None:
        """End the thread; what is open on it stays open."""
        self._steps.put(None)
        self._thread.join(DEADLINE)


async def _as_coroutine(what: Callable[[], object]) -> None:
    what()


class Annotating(RuleBasedStateMachine):
    """Threads, coroutines and generators that begin and end tasks and regions as they please."""

    runtime: flightrec.GoRuntime
    judge: Judge

    @initialize()
    def begin(self) -> None:
        self.workers = [Worker(number) for number in range(WORKERS)]
        self.recorder = flightrec.FlightRecorder(self.runtime, max_bytes=1 << 20)
        self.regions: list[tuple[flightrec.Region, int]] = []
        self.tasks: list[flightrec.Task] = []
        self.recorder.start()

    def _on(self, data: st.DataObject, what: Callable[[], Any], worker: int | None = None) -> int:
        if worker is None:
            worker = data.draw(st.integers(0, WORKERS - 1), "worker")
        place = data.draw(st.sampled_from(PLACES), "place")
        generator = data.draw(st.integers(0, 1), "generator")
        self.workers[worker].do(Step(place, what, generator))
        return worker

    @rule(data=st.data())
    def enter_region(self, data: st.DataObject) -> None:
        of_task = data.draw(st.sampled_from([None, *self.tasks]), "task")
        name = f"region {len(self.regions) % 3}"
        region = of_task.region(name) if of_task is not None else self.runtime.region(name)
        self.regions.append((region, self._on(data, region.__enter__)))

    @precondition(lambda self: self.regions)
    @rule(data=st.data())
    def leave_region(self, data: st.DataObject) -> None:
        region, worker = data.draw(st.sampled_from(self.regions), "region")
        elsewhere = data.draw(st.sampled_from([False, False, False, True]), "elsewhere")
        leave = functools.partial(region.__exit__, None, None, None)
        self._on(data, leave, None if elsewhere else worker)

    @precondition(lambda self: self.regions)
    @rule(data=st.data())
    def drop_region(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.regions) - 1), "region")
        self._on(data, lambda: self.regions.pop(index))

    @rule(data=st.data())
    def whole_region(self, data: st.DataObject) -> None:
        def work() -> None:
            with self.runtime.region("whole"), self.runtime.region("inner"):
                self.runtime.log("c", "m")

        self._on(data, work)

    @rule(data=st.data())
    def begin_task(self, data: st.DataObject) -> None:
        parent = data.draw(st.sampled_from([None, *self.tasks]), "parent")
        self._on(data, lambda: self.tasks.append(self.runtime.task("task", parent=parent)))

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def use_task(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.tasks), "task")
        use = data.draw(st.sampled_from(["log", "end", "enter", "exit"]), "use")
        uses: dict[str, Callable[[], object]] = {
            "log": lambda: task.log("c", "m"),
            "end": task.end,
            "enter": task.__enter__,
            "exit": lambda: task.__exit__(None, None, None),
        }
        self._on(data, uses[use])

    @rule(data=st.data())
    def traced_call(self, data: st.DataObject) -> None:
        self._on(data, flightrec.traced(name="traced")(lambda: None))

    @rule(data=st.data())
    def workload(self, data: st.DataObject) -> None:
        self._on(data, lambda: self.runtime.run("pingpong", pairs=1, duration=0.001))

    @rule(number=st.integers(0, 5 * WORKERS))
    def another_thread(self, number: int) -> None:
        if number < WORKERS:
            self.workers[number].end()
            self.workers[number] = Worker(number)

    @rule(seldom=st.integers(0, 5))
    def restart(self, seldom: int) -> None:
        if not seldom:
            self._snapshot()
            self.recorder.stop()
            self.recorder.start()

    @rule()
    def generation(self) -> None:
        self.recorder.snapshot()

    def _snapshot(self) -> bytes:
        """Take a snapshot that flightrec's reader accepts, which has Go's rules."""
        snapshot = bytes(self.recorder.snapshot())
        trace.summarize(snapshot)
        return snapshot

    def teardown(self) -> None:
        """Have Go read the end."""
        try:
            self.judge.check(self._snapshot())
        finally:
            self.recorder.stop()
            for worker in self.workers:
                worker.end()
            for task in self.tasks:
                task.end()


@pytest.mark.matrix
def test_random_programs(runtime: flightrec.GoRuntime, judge: Judge) -> None:
    """Any program of tasks, regions and logs on threads, coroutines and generators is readable."""
    machine = type("Machine", (Annotating,), {"runtime": runtime, "judge": judge})
    settings = hypothesis.settings(
        max_examples=12, stateful_step_count=50, suppress_health_check=list(hypothesis.HealthCheck)
    )
    hypothesis.stateful.run_state_machine_as_test(machine, settings=settings)
