"""One web application and its recorder: requests become tasks, and events for rules."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flightrec.annotate.tasks import Task, _current_task
from flightrec.directory import SnapshotDirectory
from flightrec.library import is_forked
from flightrec.recorder import FlightRecorder
from flightrec.rules.attach import engine_of
from flightrec.rules.conditions import Condition, Or, Slower, Status
from flightrec.rules.moment import Event
from flightrec.rules.quantity import Quantity
from flightrec.rules.rule import Rule, check_seconds

if TYPE_CHECKING:
    from flightrec.rules.engine import RuleEngine

__all__ = ["RecorderOrMaker", "Request", "Service"]

RecorderOrMaker = FlightRecorder | Callable[[], FlightRecorder]

_log = logging.getLogger("flightrec")


class Service:
    """The recorder of each process that an application runs in, and the rule on its requests.

    A Go runtime does not survive ``fork``. So where a server forks its workers after it has loaded
    the application, ``recorder`` must be a function: each process calls it once, with its first
    request. What goes wrong with the recorder never harms a request.
    """

    def __init__(
        self,
        recorder: RecorderOrMaker,
        to: SnapshotDirectory | str | os.PathLike[str] | None,
        slower_than: float | None,
        status: int | None,
        options: dict[str, Any],
    ) -> None:
        if not isinstance(recorder, FlightRecorder) and not callable(recorder):
            raise TypeError(
                f"recorder must be a FlightRecorder or a function that makes one, not {recorder!r}"
            )
        check_seconds("slower_than", slower_than)
        if to is not None and not isinstance(to, SnapshotDirectory):
            to = SnapshotDirectory(to)
        if to is None and options:
            raise ValueError(f"{', '.join(options)} without a folder for snapshots")
        self._recorder = recorder
        self._to = to
        self._condition = _condition(slower_than, status)
        if to is not None and self._condition is not None:  # before the first request
            Rule(**{"condition": self._condition, "name": "http", "to": to, **options})
        self._options = options
        self._lock = threading.Lock()
        self._pid = 0  # of the process that is prepared
        self._engine: RuleEngine | None = None
        if isinstance(recorder, FlightRecorder):
            self._prepare()

    def begin(self, name: Callable[[], str]) -> Request | None:
        """Begin a request; None where nothing records, and then nobody asks for its name."""
        if self._pid != os.getpid():
            self._prepare()
        engine = self._engine
        if engine is None or is_forked() or not engine.recorder.enabled:
            return None
        if not engine.go_answers:  # requests that need no Go must not wait for it
            return None
        return Request(engine, name())

    def _prepare(self) -> None:
        """Get this process's recorder, once."""
        with self._lock:
            if self._pid == os.getpid():
                return
            self._engine = None
            try:
                self._engine = self._make()
            except Exception as exc:
                if isinstance(self._recorder, FlightRecorder) and not is_forked():
                    raise  # where the application is made: somebody reads it there
                _log.error(
                    "flightrec: requests are not recorded in process %d: %s", os.getpid(), exc
                )
            self._pid = os.getpid()

    def _make(self) -> RuleEngine:
        recorder = self._recorder
        if not isinstance(recorder, FlightRecorder):
            recorder = recorder()
            if not isinstance(recorder, FlightRecorder):
                raise TypeError(f"the function returned no FlightRecorder, but {recorder!r}")
        engine = engine_of(recorder)
        if self._to is not None and self._condition is not None:
            options = {"name": engine.free_name(str(self._condition)), **self._options}
            engine.add(engine.rule(self._condition, to=self._to, **options))
        return engine


class Request:
    """A request that is being answered: a task of the Go trace, and an event at its end."""

    __slots__ = ("_done", "_engine", "_name", "_start_ns", "_task", "status")

    def __init__(self, engine: RuleEngine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._done = False
        self._start_ns = engine.recorder.runtime.now_ns()
        self._task = Task(engine.recorder.runtime._annotations, name, None)
        self.status: int | None = None  #: of the answer, once it is known

    def current(self) -> _Current:
        """Have the request's task be the current one during a ``with`` block."""
        return _Current(self._task)

    def answered(self) -> None:
        """The answer is complete: how long it took counts, and rules are tried. Once only."""
        if self._done:
            return
        self._done = True
        event = Event(
            kind="http",
            name=self._name,
            start_ns=self._start_ns,
            end_ns=self._engine.recorder.runtime.now_ns(),
            status=self.status,
        )
        try:
            self._engine.post(event)
        except Exception:
            _log.exception("flightrec: a rule failed")

    def end(self) -> None:
        """Everything about the request is done."""
        self.answered()
        self._task.end()


class _Current:
    """A task that is the current one during a ``with`` block."""

    __slots__ = ("_task", "_token")

    def __init__(self, task: Task) -> None:
        self._task = task

    def __enter__(self) -> None:
        self._token = _current_task.set(self._task)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ValueError):  # left in another context than entered in
            _current_task.reset(self._token)


def _condition(slower_than: float | None, status: int | None) -> Condition | None:
    conditions: list[Condition] = []
    if slower_than is not None:
        milliseconds = f"{slower_than * 1e3:.6f}".rstrip("0").rstrip(".")
        conditions.append(Slower("http", None, Quantity(milliseconds, "ms")))
    if status is not None:
        conditions.append(Status("http", None, ">=", Quantity(str(status))))
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))
