"""What waits, for ``asyncio``: the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from flightrec.recorder import FlightRecorder
    from flightrec.snapshot import Snapshot
    from flightrec.workload import WorkloadHandle

__all__ = ["in_thread", "snapshot", "workload_result"]

T = TypeVar("T")


async def in_thread(function: Callable[[], T], *, name: str) -> T:
    """Call a function in a thread of its own, with this context's variables, and wait for it.

    Cancelling the wait abandons the call: it goes on to its end, what it returns is dropped, and
    neither the event loop nor the process waits for it. In an executor, whose end ``asyncio.run``
    waits for, a call that is stuck in Go would hold up both.

    :param name: the thread's.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def call() -> None:
        try:
            result = context.run(function)
        except BaseException as exc:
            error = exc
            _on_loop(loop, lambda: _unless_done(future, future.set_exception, error))
        else:
            _on_loop(loop, lambda: _unless_done(future, future.set_result, result))

    threading.Thread(target=call, name=name, daemon=True).start()
    return await future


def _on_loop(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
        loop.call_soon_threadsafe(function)


def _unless_done(future: asyncio.Future[T], settle: Callable[[Any], None], value: object) -> None:
    if not future.done():  # it may be cancelled
        settle(value)


async def snapshot(
    recorder: FlightRecorder,
    *,
    last: float | None = None,
    flush: bool = True,
    timeout: float | None = None,
) -> Snapshot:
    """Take a snapshot while the event loop goes on.

    The parameters and errors are those of :meth:`flightrec.FlightRecorder.snapshot`. When it is
    cancelled, the snapshot is released as soon as it has been taken.
    """
    return await in_thread(
        lambda: recorder.snapshot(last=last, flush=flush, timeout=timeout),
        name="flightrec-snapshot",
    )


def workload_result(handle: WorkloadHandle) -> Generator[Any, None, Any]:
    """Wait for a workload, and return or raise what :meth:`flightrec.WorkloadHandle.result` does.

    This is ``WorkloadHandle.__await__``. Cancelling the wait cancels the workload, as Ctrl-C does
    in :meth:`flightrec.GoRuntime.run`.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def finished() -> None:
        _on_loop(loop, lambda: _unless_done(future, future.set_result, None))

    handle._finished.call(finished)
    try:
        yield from future
    except BaseException:
        handle._finished.forget(finished)
        handle.cancel()
        raise
    return handle.result(0)
