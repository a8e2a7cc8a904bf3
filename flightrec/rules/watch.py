"""Watching blocks of Python code: save a snapshot when one is slow, hangs, or raises."""

from __future__ import annotations

import contextvars
import functools
import inspect
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from flightrec.directory import SnapshotDirectory
from flightrec.errors import RuleError
from flightrec.library import is_forked
from flightrec.recorder import FlightRecorder
from flightrec.rules.attach import engine_of
from flightrec.rules.conditions import Condition, Ended, Or, Slower
from flightrec.rules.engine import RuleEngine
from flightrec.rules.firing import Firing
from flightrec.rules.moment import Event
from flightrec.rules.quantity import Quantity
from flightrec.rules.rule import check_seconds

if TYPE_CHECKING:
    from flightrec.annotate import Task

__all__ = ["Block", "Watch", "watch"]

F = TypeVar("F", bound=Callable[..., Any])
Raises = bool | type[BaseException] | tuple[type[BaseException], ...]

#: How many different watches a recorder may have: a name is that of a kind of work.
_WATCHES = 1000
#: A block that hangs and could not be captured yet is tried again so often, in seconds.
_AGAIN_SECONDS = 1.0

_lock = threading.Lock()


def watch(
    recorder: FlightRecorder,
    to: SnapshotDirectory | str | os.PathLike[str] | None = None,
    *,
    name: str,
    slower_than: float | None = None,
    while_running: bool = False,
    on_exception: Raises = False,
    **options: Any,
) -> Watch:
    """See :meth:`flightrec.FlightRecorder.watch`."""
    where = to.path if isinstance(to, SnapshotDirectory) else to and os.fspath(to)
    key = (where, name, slower_than, while_running, on_exception, *sorted(options.items()))
    engine = engine_of(recorder)
    with _lock:
        known = engine.watches.get(key)
        if known is None:
            if len(engine.watches) >= _WATCHES:
                raise RuleError(
                    f"there are {_WATCHES} different watches already",
                    rule="",
                    suggestion="give a watch the name of a kind of work, not of one piece of it",
                )
            known = engine.watches[key] = Watch(
                engine, to, name, slower_than, while_running, on_exception, options
            )
        return known


class Watch:
    """What :func:`watch` returns: a rule, and any number of blocks that it is about.

    :ivar name: of the blocks.
    :ivar rule: in :meth:`FlightRecorder.rules`.
    """

    def __init__(
        self,
        engine: RuleEngine,
        to: SnapshotDirectory | str | os.PathLike[str] | None,
        name: str,
        slower_than: float | None,
        while_running: bool,
        on_exception: Raises,
        options: dict[str, Any],
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ValueError(f"name must be a text, not {name!r}")
        check_seconds("slower_than", slower_than)
        if while_running and slower_than is None:
            raise ValueError("while_running needs slower_than: how long a block may run")
        if slower_than is None and not on_exception:
            raise ValueError("nothing to watch for: give slower_than or on_exception")
        if to is not None and not isinstance(to, SnapshotDirectory):
            to = SnapshotDirectory(to)
        self.name = name
        self._engine = engine
        self._slower_than = slower_than
        self._while_running = while_running
        self._raises = _types(on_exception)
        self._lock = threading.Lock()
        #: Blocks that have not reached their deadline, which are in the order of it.
        self._running: dict[int, Block] = {}
        #: Those beyond it that are not captured for certain, and when to look again.
        self._late: dict[Block, float] = {}
        # Each asyncio task has its own, so blocks that interleave on one thread keep apart.
        self._open: contextvars.ContextVar[tuple[Block, ...]] = contextvars.ContextVar(
            "flightrec_open_blocks", default=()
        )
        condition = _condition(name, slower_than, bool(on_exception))
        options.setdefault("name", engine.free_name(str(condition)))
        self.rule = engine.rule(condition, to=to, **options)
        engine.add(self.rule)
        if while_running:
            engine.add_deadlines(self)

    def block(self) -> Block:
        """Return a new block, for code that cannot use ``with`` on the watch itself."""
        return Block(self)

    def __enter__(self) -> Block:
        block = Block(self)
        self._open.set((*self._open.get(), block))
        return block.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened = self._open.get()
        if opened:
            self._open.set(opened[:-1])
            opened[-1].__exit__(kind, exc, traceback)

    async def __aenter__(self) -> Block:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, exc, traceback)

    def __call__(self, function: F) -> F:
        """Watch every call of a function; of an async one, from its first step to its end.

        :raises TypeError: it is a generator, whose work is done in pieces.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("a generator cannot be watched; use `with` around a piece of its work")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with Block(self):
                    return await function(*args, **kwargs)

            return call_async  # type: ignore[return-value]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with Block(self):
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    # ---- for its blocks and the engine

    def _begin(self, block: Block) -> None:
        if self._while_running and self._slower_than is not None:
            with self._lock:
                self._running[id(block)] = block
            self._engine.wake_before(block.began + self._slower_than)

    def _end(self, block: Block, exc: BaseException | None) -> None:
        if self._while_running:
            with self._lock:
                self._running.pop(id(block), None)
                self._late.pop(block, None)
        if exc is not None and isinstance(exc, self._raises):
            self._post(block, "exception", f"{self.name}: {type(exc).__name__}")
        if self._slower_than is not None and not block.captured:
            took = time.monotonic() - block.began
            if took > self._slower_than:
                self._post(block, "block", self.name)

    def _post(self, block: Block, kind: Any, name: str, *, running: bool = False) -> None:
        now = self._engine.recorder.runtime.now_ns()
        start = now - round((time.monotonic() - block.began) * 1e9)
        event = Event(kind=kind, name=name, start_ns=start, end_ns=now, running=running)
        again = self.rule if kind == "block" and block.told else None
        for firing in self._engine.post(event, again=again):
            if firing.rule is self.rule:
                block.firing = firing

    def next_deadline(self) -> float | None:
        """Return when the engine must look next, on ``time.monotonic()``; None if nothing runs."""
        with self._lock:
            first = next(iter(self._running.values()), None)
            times = list(self._late.values())
        if first is not None:
            times.append(first.began + (self._slower_than or 0.0))
        return min(times, default=None)

    def look(self, now: float) -> None:
        """Fire for the blocks that have run for too long, and again for those not captured yet."""
        with self._lock:
            while (first := next(iter(self._running.values()), None)) is not None:
                if first.began + (self._slower_than or 0.0) > now:
                    break
                del self._running[id(first)]
                self._late[first] = now
            late = [block for block, at in self._late.items() if at <= now]
        for block in late:
            if not block.captured:
                self._post(block, "block", self.name, running=True)
                block.told = True
            with self._lock:
                if block.captured and block.firing is not None and block.firing.done:
                    self._late.pop(block, None)
                elif block in self._late:  # it has not ended meanwhile
                    self._late[block] = now + _AGAIN_SECONDS


class Block:
    """One run through a watched block of code.

    :ivar began: on ``time.monotonic()``.
    :ivar told: whether it was told of while it ran.
    :ivar firing: of the watch's rule, if it fired.
    """

    __slots__ = ("_task", "_watch", "began", "firing", "told")

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._task: Task | None = None
        self.began = 0.0
        self.told = False
        self.firing: Firing | None = None

    @property
    def captured(self) -> bool:
        """Whether it has fired, and there is a snapshot or still may be."""
        firing = self.firing
        if firing is None:
            return False
        return not firing.done or firing.saved is not None or firing.rule.to is None

    def __enter__(self) -> Block:
        watch, engine = self._watch, self._watch._engine
        if is_forked():
            return self
        self.began = time.monotonic()
        # First the deadline: while the Go runtime is stuck, what follows may not come back.
        watch._begin(self)
        try:
            if engine.go_answers:
                self._task = engine.recorder.runtime.task(watch.name)
                self._task.__enter__()
        except BaseException as exc:
            self.__exit__(type(exc), exc, exc.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.began or is_forked():
            return
        try:
            if self._task is not None:
                self._task.__exit__(kind, exc, traceback)
        finally:
            self._watch._end(self, exc)


def _types(on_exception: Raises) -> tuple[type[BaseException], ...]:
    if isinstance(on_exception, bool):
        return (Exception,) if on_exception else ()
    return on_exception if isinstance(on_exception, tuple) else (on_exception,)


def _condition(name: str, slower_than: float | None, raises: bool) -> Condition:
    conditions: list[Condition] = []
    if slower_than is not None:
        milliseconds = f"{slower_than * 1e3:.6f}".rstrip("0").rstrip(".")
        conditions.append(Slower("block", name, Quantity(milliseconds, "ms")))
    if raises:
        conditions.append(Ended("exception", f"{name}: *"))
    return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))
