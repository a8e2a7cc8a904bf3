"""recorder.events(): the events of a running trace, decoded while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import flightrec
from flightrec import trace
from flightrec.trace import continued
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread, fill_until, until

MIB = 1 << 20


def marks(events: list[trace.Event]) -> list[str]:
    """Return the messages of the test's own logs."""
    return [e.message for e in events if isinstance(e, trace.Log) and e.category == "mark"]


@pytest.mark.go_versions
def test_events_are_those_of_the_trace(
    runtime: flightrec.GoRuntime, make_recorder: MakeRecorder
) -> None:
    """A loop over events has what read gives for the same generations, and ends with the recorder.

    A generation's events come as soon as it is complete.
    """
    recorder = make_recorder(max_bytes=64 * MIB, min_age=600)  # so that its window has all of them
    recorder.start()
    runtime.log("mark", "before")
    events = recorder.events(timeout=DEADLINE)
    runtime.log("mark", "a")
    recorder.snapshot()
    begin = []
    for event in events:
        begin.append(event)
        if marks([event]) == ["a"]:
            break
    runtime.log("mark", "b")
    runtime.run("pingpong", pairs=1, duration=0.01)
    snapshot = recorder.snapshot()
    recorder.stop()
    rest = list(events)
    assert marks(begin) == ["a"]
    assert marks(rest) == ["b"]
    assert events.skipped_generations == 0
    first = begin[0]
    assert isinstance(first, trace.Sync)
    assert first.generation is not None
    data = snapshot.header
    for generation in snapshot.generations:
        if generation.number >= first.generation.number:
            hold = generation.hold()
            assert hold is not None
            data += b"".join(hold.buffers)
    wanted = list(trace.read(data))[:-1]  # the last Sync says that there is nothing more
    got = [*begin, *rest]
    assert len(wanted) > 100
    assert list(map(str, got[: len(wanted)])) == list(map(str, wanted))


def test_skips_what_it_cannot_follow(
    runtime: flightrec.GoRuntime, recorder: flightrec.FlightRecorder
) -> None:
    """A loop that is too slow skips whole generations, counted, and goes on with the newest."""
    with recorder.events(buffer_bytes=MIB, timeout=DEADLINE) as events:
        first = next(events)
        assert isinstance(first, trace.Sync)
        fill_until(runtime, lambda: events.skipped_generations >= 2, "some are skipped")
        runtime.log("mark", "at last")
        recorder.stop()
        assert marks(list(events)) == ["at last"]
        assert events.skipped_generations >= 2


def test_threads_share_a_loop(
    runtime: flightrec.GoRuntime,
    recorder: flightrec.FlightRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Several threads may iterate over the same events: each event goes to one of them.

    Also while one of them decodes a generation.
    """
    events = recorder.events()
    entered, leave = threading.Event(), threading.Event()
    read = continued.ContinuedReader.events

    def slow(reader: Any, data: bytes, *, follows: bool) -> Iterator[list[trace.Event]]:
        entered.set()
        assert leave.wait(DEADLINE)
        yield from read(reader, data, follows=follows)

    monkeypatch.setattr(continued.ContinuedReader, "events", slow)
    threads = [Thread(lambda: list(events)) for _ in range(4)]
    wanted = [f"{number:03}" for number in range(200)]
    for number in wanted:
        runtime.log("mark", number)
        if number.endswith("50"):
            recorder.snapshot()  # ends a generation
    assert entered.wait(DEADLINE)
    assert not threading.Event().wait(0.05)
    assert [thread.running for thread in threads] == [True] * 4
    leave.set()
    recorder.stop()
    found = [event for thread in threads for event in thread.result()]
    assert sorted(marks(found)) == wanted


def test_in_asyncio(runtime: flightrec.GoRuntime, recorder: flightrec.FlightRecorder) -> None:
    """In asyncio events are waited for in threads, and a task that waits can be cancelled."""
    seen: list[str] = []

    async def watch(found: asyncio.Event) -> None:
        with recorder.events() as events:
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                if marks([event]):
                    seen.extend(marks([event]))
                    found.set()

    async def main() -> None:
        found = asyncio.Event()
        task = asyncio.create_task(watch(found))
        while not found.is_set():
            runtime.log("mark", "x")
            await recorder.snapshot_async()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), DEADLINE))
    assert set(seen) == {"x"}


def test_interrupted_loop(
    runtime: flightrec.GoRuntime,
    recorder: flightrec.FlightRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After an exception while a generation is decoded, a loop goes on with the next generation.

    That one is read by itself, as after a gap.
    """
    events = recorder.events(timeout=DEADLINE)
    followed: list[bool] = []
    read = continued.ContinuedReader.events

    def interrupted(reader: Any, data: bytes, *, follows: bool) -> Iterator[list[trace.Event]]:
        followed.append(follows)
        batches = read(reader, data, follows=follows)
        yield next(batches)
        if len(followed) == 2:
            raise KeyboardInterrupt
        yield from batches

    monkeypatch.setattr(continued.ContinuedReader, "events", interrupted)
    for number in range(3):
        recorder.snapshot()
        runtime.log("mark", str(number))
    recorder.stop()
    with pytest.raises(KeyboardInterrupt):
        list(events)
    assert marks(list(events))[-1] == "2"
    assert followed[:4] == [False, True, False, True]


def test_ends_and_waits(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder) -> None:
    """It needs a recorder that runs; times out and goes on; another thread can end it."""
    recorder, before = make_recorder(), runtime._library.cdll.flightrec_generation_count()
    with pytest.raises(flightrec.NotEnabledError):
        recorder.events()
    recorder.start()
    with recorder.events(timeout=0) as events:
        with pytest.raises(TimeoutError):
            list(events)
        recorder.snapshot()
        # The generation comes to the stream about when it comes to the recorder.
        deadline, first = time.monotonic() + DEADLINE, None
        while first is None and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                first = next(events)
        assert isinstance(first, trace.Sync)
    assert list(events) == []
    endless = recorder.events()
    thread = Thread(lambda: list(endless))
    runtime.log("mark", "x")
    endless.end()
    assert marks(thread.result()) == ["x"]
    cdll = runtime._library.cdll
    sessions = cdll.flightrec_session_count()
    events = recorder.events()
    iterator = iter(events)
    runtime.log("mark", "y")
    recorder.snapshot()
    del events, iterator  # dropped in the middle
    until(lambda: cdll.flightrec_session_count() <= sessions, "its session has ended")
    recorder.stop()
    until(lambda: cdll.flightrec_generation_count() <= before, "its generations are free")


def test_fork(child: Child) -> None:
    """In a forked child, a loop, end and close raise ForkedProcessError at once."""
    done = child.run(
        """
        recorder = flightrec.FlightRecorder(flightrec.load())
        recorder.start()
        events = recorder.events()
        pid = fork()
        if pid == 0:
            for act in (lambda: next(events), events.end, events.close):
                try:
                    act()
                except flightrec.ForkedProcessError:
                    print("forked", flush=True)
            with events:
                pass
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        events.close()
        """
    )
    assert done.stdout.split() == ["forked"] * 3
