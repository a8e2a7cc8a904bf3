"""Python's threads have their names in the trace and in summaries."""

from __future__ import annotations

import threading

import pytest

import flightrec
from flightrec.trace import GoroutineSummary, Log, summarize
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Thread, until
from tests.helpers_go import Judge


def named(snapshot: flightrec.Snapshot) -> dict[str, GoroutineSummary]:
    """Return the goroutines of Python's threads in a snapshot, by their names."""
    goroutines = summarize(bytes(snapshot)).goroutines.values()
    return {g.name: g for g in goroutines if g.name.startswith("Python thread ")}


def name_of(thread: threading.Thread) -> str:
    """Return what a thread is called in a summary."""
    return f"Python thread {thread.name} ({thread.native_id})"


class Waiting:
    """A thread that does something and then waits to be told to end."""

    def __init__(self, name: str, work: object) -> None:
        self._go_on = threading.Event()
        self._done = threading.Event()
        self._work = work
        self.thread = threading.Thread(target=self._run, name=name)

    def _run(self) -> None:
        if callable(self._work):
            self._work()
        self._done.set()
        self._go_on.wait(DEADLINE)

    def __enter__(self) -> threading.Thread:
        self.thread.start()
        assert self._done.wait(DEADLINE)
        return self.thread

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
        self.thread.join(DEADLINE)


@pytest.mark.matrix
def test_threads_that_annotate_are_named(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A thread is named in the summary as threading has it, with its native id."""
    runtime = recorder.runtime
    runtime.log("c", "m")
    with Waiting("worker ü 1", lambda: runtime.log("c", "m")) as thread:
        snapshot = recorder.snapshot()
        judge.check(snapshot)
        assert {name_of(thread), name_of(threading.main_thread())} <= set(named(snapshot))


def test_thread_that_has_ended_is_named(recorder: flightrec.FlightRecorder) -> None:
    """A thread that has come and gone within the window is named."""
    runtime = recorder.runtime
    threads = []

    def work() -> None:
        threads.append(threading.current_thread())
        with runtime.region("short"):
            pass

    for _ in range(3):  # Go gives the next one the goroutine id of the last
        Thread(work).result()
    functions = {f.name for f in summarize(bytes(recorder.snapshot())).functions}
    assert {name_of(thread) for thread in threads} <= functions


@pytest.mark.matrix
def test_thread_that_only_calls_go_is_named(
    recorder: flightrec.FlightRecorder, judge: Judge
) -> None:
    """A thread that calls exported functions, and no annotation, is named."""
    runtime = recorder.runtime
    with Waiting("caller", runtime.cdll.flightrec_clock_now) as thread:
        snapshot = recorder.snapshot()
        judge.check(snapshot)
        assert name_of(thread) in named(snapshot)


def test_names_are_in_a_window_that_has_moved_on(make_recorder: MakeRecorder) -> None:
    """Names are there also when what was first said in the recording has left the window."""
    recorder = make_recorder(max_bytes=1 << 20, min_age=0.001)
    recorder.start()
    with Waiting("idle now", lambda: recorder.runtime.log("c", "m")) as thread:
        taken: list[flightrec.Snapshot] = []

        def has_moved_on() -> bool:
            """Each snapshot ends a generation, and the window keeps the last millisecond's."""
            taken[:] = [recorder.snapshot()]
            events = flightrec.trace.read(bytes(taken[0]))
            return all(not isinstance(e, Log) or e.message != "m" for e in events)

        until(has_moved_on, "the thread's own log leaves the window")
        assert name_of(thread) in named(taken[0])


def test_names_are_no_logs_of_the_program(recorder: flightrec.FlightRecorder) -> None:
    """What names threads is not among a summary's logs."""
    recorder.runtime.log("mine", "m")
    tasks = summarize(bytes(recorder.snapshot())).tasks
    assert [log.category for task in tasks.values() for log in task.logs] == ["mine"]
