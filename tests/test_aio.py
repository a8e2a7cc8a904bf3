"""Waiting for Go in ``asyncio``: the event loop goes on, and cancelling leaves nothing."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import threading
from collections.abc import Awaitable
from typing import TypeVar

import pytest

import flightrec
from flightrec import aio
from flightrec.finished import Finished
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread, until
from tests.helpers_go import Judge

T = TypeVar("T")


async def beside_ticks(awaitable: Awaitable[T]) -> tuple[T, int]:
    """Await something; return also how often the event loop went round meanwhile."""
    waiting = asyncio.ensure_future(awaitable)
    ticks = 0
    while not waiting.done():
        await asyncio.sleep(0)
        ticks += 1
    return waiting.result(), ticks


@pytest.mark.matrix
def test_await_of_a_workload(runtime: flightrec.GoRuntime) -> None:
    """Awaiting a handle gives the workload's result, while the event loop goes on."""

    async def main() -> None:
        handle = runtime.start("pingpong", pairs=1, duration=0.05)
        result, ticks = await beside_ticks(handle)
        assert result == handle.result()
        assert ticks > 10
        assert await handle == result  # again, when it is done

    asyncio.run(main())


def test_many_awaits(runtime: flightrec.GoRuntime) -> None:
    """Any number of coroutines and threads may wait for one workload."""

    async def main() -> None:
        handle = runtime.start("pingpong", pairs=1, duration=0.05)
        thread = Thread(handle.result)
        results = await asyncio.gather(*(handle for _ in range(10)))
        assert results == [handle.result()] * 10
        assert thread.result() == handle.result()

    asyncio.run(main())


def test_await_raises_what_result_does(go_child: Child) -> None:
    """A workload that fails or panics raises from await what it raises from result."""
    go_child.run(
        """
        import asyncio
        runtime = flightrec.load()
        async def main():
            for name, error in [("error", flightrec.WorkloadError),
                                ("panic", flightrec.WorkloadPanicError)]:
                try:
                    await runtime.start(name)
                except error as exc:
                    assert exc.workload == name
                else:
                    raise AssertionError(name)
        asyncio.run(main())
        """
    )


def test_cancelled_await_cancels_the_workload(runtime: flightrec.GoRuntime) -> None:
    """Cancelling the wait cancels the workload, and does not wait for it."""

    async def main() -> flightrec.WorkloadHandle:
        handle = runtime.start("pingpong", pairs=1, duration=600)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(handle, 0.01)
        return handle

    handle = asyncio.run(main())
    assert handle.wait(DEADLINE)


def test_shielded_await_leaves_the_workload(runtime: flightrec.GoRuntime) -> None:
    """Cancelling a shielded wait leaves the workload running."""

    async def main() -> None:
        handle = runtime.start("pingpong", pairs=1, duration=600)
        inner = asyncio.ensure_future(handle)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(inner), 0.01)
        assert not handle.done
        handle.cancel()
        assert await inner == handle.result()

    asyncio.run(main())


def test_loop_ends_before_the_workload(child: Child) -> None:
    """An event loop may be closed while a workload runs that a coroutine of it waits for."""
    child.run(
        """
        import asyncio
        runtime = flightrec.load()
        handle = runtime.start("pingpong", pairs=1, duration=0.2)
        async def wait():
            await handle
        loop = asyncio.new_event_loop()
        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0))
        assert not handle.done
        loop.close()
        assert handle.wait(30) and not task.done()
        task._log_destroy_pending = False
        task.get_coro().close()  # which cancels the workload, that is done
        """
    )


# ---- snapshots


@pytest.mark.matrix
def test_snapshot(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """A snapshot can be awaited, with the options of a snapshot, while the event loop goes on."""

    async def main() -> flightrec.Snapshot:
        snapshots = [recorder.snapshot_async(timeout=DEADLINE) for _ in range(3)]
        found, ticks = await beside_ticks(asyncio.gather(*snapshots))
        assert ticks > 1
        await recorder.snapshot_async(last=1.0, flush=False)
        return found[0]

    judge.check(asyncio.run(main()))


def test_errors_of_a_snapshot(make_recorder: MakeRecorder) -> None:
    """What a snapshot raises, the wait for it raises."""
    with pytest.raises(flightrec.NotEnabledError):
        asyncio.run(aio.snapshot(make_recorder()))


def test_cancelled_call_is_left_to_itself() -> None:
    """A cancelled wait ends at once, and so does the event loop, though the call goes on."""
    go_on, ended = threading.Event(), threading.Event()

    def call() -> None:
        assert go_on.wait(DEADLINE)
        ended.set()

    async def main() -> None:
        await asyncio.wait_for(aio.in_thread(call, name="call"), 0.01)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(DEADLINE)


def test_cancelled_snapshot_is_let_go_of(
    runtime: flightrec.GoRuntime, make_recorder: MakeRecorder
) -> None:
    """A snapshot whose wait was cancelled holds nothing."""
    recorder = make_recorder()
    recorder.start()

    async def main() -> None:
        waiting = asyncio.ensure_future(aio.snapshot(recorder))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

    asyncio.run(main())
    until(
        lambda: all(t.name != "flightrec-snapshot" for t in threading.enumerate()),
        "the thread of the snapshot ends",
    )
    recorder.stop()
    gc.collect()
    assert runtime.cdll.flightrec_session_count() == 0


def test_context_of_a_call() -> None:
    """A call in a thread has the context's variables."""
    variable = contextvars.ContextVar("variable", default="unset")

    async def main() -> str:
        variable.set("set")
        return await aio.in_thread(variable.get, name="call")

    assert asyncio.run(main()) == "set"


# ---- the event with callbacks


def test_callbacks_are_called_once() -> None:
    """Each callback is called once, whether it comes before or after the event is set."""
    event, calls = Finished(), []
    event.call(lambda: calls.append("before"))
    forgotten = lambda: calls.append("forgotten")  # noqa: E731
    event.call(forgotten)
    event.forget(forgotten)
    event.set()
    event.call(lambda: calls.append("after"))
    event.set()
    event.forget(forgotten)
    assert calls == ["before", "after"]


def test_callbacks_beside_the_setting() -> None:
    """A callback that comes while the event is set is not lost, and not called twice."""
    barrier = threading.Barrier(2)

    def ask(event: Finished, calls: list[int]) -> None:
        barrier.wait(DEADLINE)
        for number in range(20):
            event.call(functools.partial(calls.append, number))

    for _ in range(50):
        event = Finished()
        calls: list[int] = []
        thread = Thread(ask, event, calls)
        barrier.wait(DEADLINE)
        event.set()
        thread.result()
        assert sorted(calls) == list(range(20))
