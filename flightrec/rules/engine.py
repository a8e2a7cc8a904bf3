"""The engine: it reads what rules are about, tries them, and has snapshots saved.

It never enters Go itself. Readings that hang, deadlines of blocks, folders that cannot be written:
none of these stops another rule.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import math
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from threading import current_thread, main_thread
from typing import Any, Protocol

from flightrec.errors import RuleError
from flightrec.library import is_forked
from flightrec.recorder import FlightRecorder, RecorderStats
from flightrec.rules.bounded import within
from flightrec.rules.conditions import Condition
from flightrec.rules.firing import Firing
from flightrec.rules.grammar import parse
from flightrec.rules.measuring import Measures, Values
from flightrec.rules.moment import Event, Moment
from flightrec.rules.news import News, open_in_go
from flightrec.rules.rule import Rule
from flightrec.rules.runner import Runner
from flightrec.rules.saving import Saver
from flightrec.rules.sources import MetricsReader, Reader, Reading, describe_metrics
from flightrec.rules.status import RuleStatus
from flightrec.signals import signals_of_the_program, takes_no_signals

__all__ = ["RuleEngine"]

#: How often metrics and statistics are read, in seconds.
INTERVAL = 0.5
#: How long a thread of ours may take to end; one that hangs in Go does not end.
_CLOSE_SECONDS = 1.0
#: How long saving may take when the process ends.
_LAST_SECONDS = 10.0
#: How often folders are told of what was suppressed without asking them, in seconds.
_TELL_SECONDS = 5.0
#: How long it may take to look at what Go has told of, when the process ends, in seconds.
_DRAIN_SECONDS = 1.0
#: How long the list of what is open in Go may take, in seconds.
_LIST_SECONDS = 0.25
#: How long the Go runtime may take to answer when rules are set, in seconds.
_ANSWER_SECONDS = 5.0

#: After how long without an answer the Go runtime counts as stuck, in seconds.
_STUCK_SECONDS = 2.0

_log = logging.getLogger("flightrec")


class Deadlines(Protocol):
    """What has times at which something must be looked at."""

    def next_deadline(self) -> float | None:
        """Return the next, on ``time.monotonic()``; None if there is none now."""

    def look(self, now: float) -> None:
        """Look; must be quick."""


class RuleEngine:
    """The rules of one recorder. Safe to use from any thread.

    Its threads run while there are rules. Rules stay when the recorder stops: they are not armed
    until it records again.

    :param interval: how often metrics are read, in seconds.
    """

    def __init__(self, recorder: FlightRecorder, *, interval: float = INTERVAL) -> None:
        self._recorder = recorder
        self._runtime = recorder.runtime
        self._library = recorder.runtime._library
        self._interval = interval
        self._catalog = within(
            _ANSWER_SECONDS, lambda: describe_metrics(self._library), "the Go runtime"
        )
        self._changed = threading.Condition(threading.RLock())
        self._runners: tuple[Runner, ...] = ()
        self._by_event: tuple[Runner, ...] = ()
        self._measures = Measures(self._catalog)
        self._moment = Moment(now=0.0)
        self._metrics = MetricsReader(self._library)
        self._saver = Saver(recorder, self._open_in_go)
        self._deadlines: list[Deadlines] = []
        self._sleeps_until = 0.0
        #: Those of flightrec.rules.watch, by their arguments.
        self.watches: dict[Any, Any] = {}
        #: Whether somebody passes signals on to :meth:`ends`.
        self.sees_signals = False
        self._reader: Reader[Values] | None = None
        self._news: News | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._tell_at = 0.0
        # That the bridge knows what to tell of, and that what rules ask for was read once.
        self._told = threading.Event()
        self._told_of: tuple[Runner, ...] = ()

    @property
    def recorder(self) -> FlightRecorder:
        """The recorder that the rules are about."""
        return self._recorder

    @property
    def go_answers(self) -> bool:
        """Whether the last reading came back in time: if not, a call into Go may not."""
        reader = self._reader
        return reader is None or reader.stall < _STUCK_SECONDS

    # ---- rules

    def free_name(self, wanted: str) -> str:
        """Return a name that no rule has: the wanted one, or that with a number."""
        taken = {runner.rule.name for runner in self._runners}
        names = (wanted, *(f"{wanted} ({i})" for i in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def check(self, text: str | Condition) -> Condition:
        """Return the condition that a text means, if all that it asks for exists.

        :raises RuleError: it cannot be understood, or asks for a metric that there is not.
        """
        condition = parse(text) if isinstance(text, str) else text
        self._catalog.check(condition, text if isinstance(text, str) else None)
        return condition

    def rule(self, text: str | Condition, **options: Any) -> Rule:
        """Make a rule of a text or a condition, and check that what it asks for exists.

        :param options: of :class:`Rule`; the name is the text unless one is given.
        :raises RuleError: it cannot be understood, or asks for a metric that there is not.
        :raises ValueError: an option that is wrong.
        """
        condition = self.check(text)
        name = options.pop("name", None)
        return Rule(condition=condition, name=str(condition) if name is None else name, **options)

    def add(self, rule: Rule) -> None:
        """Add a rule; it counts from now on.

        :raises RuleError: there is a rule of that name.
        :raises ForkedProcessError: the library was loaded before a fork.
        """
        self._library.check_fork()
        with self._changed:
            if any(runner.rule.name == rule.name for runner in self._runners):
                raise RuleError(
                    f"there is a rule {rule.name!r} already", rule="", suggestion="give it a name"
                )
            self._set((*self._runners, Runner(rule, self._recorder, self.blind_to(rule.condition))))
            self._start()
        condition = rule.condition
        if rule.wishes or (condition.awaits_event and condition.measures):
            self._told.wait(_ANSWER_SECONDS)

    def blind_to(self, condition: Condition) -> str:
        """Say what keeps a condition from ever being met in this process; empty if nothing does."""
        overlays, events = self._runtime.overlays, condition.events
        if "task" in events and "task-hooks" not in overlays:
            return "this library does not tell of tasks in Go: it was not built by flightrec build"
        if events & {"exit", "panic"} and "process-end" not in overlays:
            return "this library does not tell of its end: it was not built by flightrec build"
        if "http" in events and self.sees_signals and "net/http" not in overlays:
            return "this program does not tell of requests: build it with --instrument net/http"
        if events & {"block", "exception"} and self.sees_signals:
            return "this is not a Python program, and has no blocks that are watched"
        if "signal" in events and not self.sees_signals:
            return "signals are seen under `flightrec run` only"
        return ""

    def remove(self, name: str) -> None:
        """Remove a rule by its name. A snapshot of it that is on its way is still saved.

        :raises RuleError: there is none of that name.
        :raises ForkedProcessError: the library was loaded before a fork.
        """
        self._library.check_fork()
        with self._changed:
            kept = tuple(runner for runner in self._runners if runner.rule.name != name)
            gone = {key: w for key, w in self.watches.items() if w.rule.name == name}
            self.watches = {key: w for key, w in self.watches.items() if key not in gone}
            self._deadlines = [each for each in self._deadlines if each not in gone.values()]
            if len(kept) == len(self._runners):
                known = ", ".join(runner.rule.name for runner in self._runners) or "none"
                raise RuleError(
                    f"there is no rule {name!r}", rule="", suggestion=f"the rules are: {known}"
                )
            self._set(kept)
        if not kept:
            self.close()

    def _set(self, runners: tuple[Runner, ...]) -> None:
        self._runners = runners
        self._by_event = tuple(r for r in runners if r.rule.condition.awaits_event)
        self._measures.set(m for r in runners for m in r.rule.condition.measures)
        self._told.clear()
        self._changed.notify_all()
        if self._reader is not None:
            self._reader.ask()

    def _tell_go(self) -> None:
        """Tell the bridge what there shall be news of. On the thread that may hang in Go."""
        with self._changed:
            if self._closed:
                return
            runners = self._runners
            if self._news is None:
                self._news = News(
                    self._library,
                    lambda event: self._guarded(functools.partial(self._try, event)),
                )
            news = self._news
        wishes = [wish for runner in runners for wish in runner.rule.wishes]
        news.wish(wishes, tasks=bool(runners))
        self._told_of = runners

    def status(self) -> tuple[RuleStatus, ...]:
        """Return the status of each rule.

        :raises ForkedProcessError: the library was loaded before a fork.
        """
        self._library.check_fork()
        news = self._news
        missed = 0 if news is None else news.lost
        reader = self._reader
        trouble = "" if reader is None or reader.error is None else str(reader.error)
        return tuple(runner.status(missed, trouble) for runner in self._runners)

    # ---- threads

    def _start(self) -> None:
        if self._thread is not None:
            return
        self._closed = False
        self._reader = Reader(
            "metrics", self._read_metrics, functools.partial(self._guarded, self._was_read)
        )
        self._saver.start()
        self._reader.ask()
        self._thread = threading.Thread(
            target=takes_no_signals(self._run), name="flightrec-rules", daemon=True
        )
        self._thread.start()
        _engines.add(self)

    def close(self) -> None:
        """End the threads. What was asked for is saved first, without waiting for tails.

        Does nothing in a forked child.
        """
        if is_forked():
            return
        with self._changed:
            thread, self._thread = self._thread, None
            reader, self._reader = self._reader, None
            news, self._news = self._news, None
            self._closed = True
            self._changed.notify_all()
        if thread is None:
            return
        if thread is not current_thread():
            thread.join(_CLOSE_SECONDS)
        if reader is not None:
            reader.close(max(0.0, _CLOSE_SECONDS - reader.stall))
        if news is not None:
            news.close(_CLOSE_SECONDS)
        self._saver.close(_LAST_SECONDS)
        self._tell_folders()
        _engines.discard(self)
        if news is not None and (reader is None or not reader.stall):  # else this would hang
            news.unwish()

    def __enter__(self) -> RuleEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _was_read(self) -> None:
        """Use the first reading of a set of rules at once: what they wait for may end soon."""
        if self._told.is_set():
            return
        now, stats = time.monotonic(), self._recorder.stats()
        with self._changed:
            reader = self._reader
            if reader is None:
                return
            if self._told_of is self._runners:
                self._measures.fill("go", reader.latest)
                self._measures.fill("recorder", _as_values(now, stats))
                self._moment = self._measures.moment(now, reader.stall)
                self._told.set()
            elif reader.error is None:  # they were changed meanwhile
                reader.ask()

    def _read_metrics(self) -> Any:
        if not self._told.is_set():
            self._tell_go()
        return self._metrics.read(self._measures.wanted("go"))

    def _run(self) -> None:
        next_tick = time.monotonic()
        while True:
            with self._changed:
                if self._closed:
                    return
                now = time.monotonic()
                self._sleeps_until = next_tick  # before the look: a later deadline wakes us
                due = min(next_tick, self._next_deadline())
                if due > now:
                    self._sleeps_until = due
                    self._changed.wait(due - now)
                    continue
                deadlines = list(self._deadlines)
            for source in deadlines:
                self._guarded(functools.partial(source.look, now))
            if now >= next_tick:
                next_tick = now + self._interval
                self._guarded(self._tick)

    def _guarded(self, call: Callable[[], Any]) -> None:
        """Call something, and log what it raises: our threads serve all rules.

        On the main thread Ctrl-C and ``sys.exit`` are the program's.
        """
        try:
            call()
        except BaseException as exc:
            if not isinstance(exc, Exception) and current_thread() is main_thread():
                raise
            _log.exception("flightrec: a rule failed")

    def _tick(self) -> None:
        reader, now, stats = self._reader, time.monotonic(), self._recorder.stats()
        if reader is None:
            return
        with self._changed:
            measures = self._measures
            measures.take("go", reader.latest)
            measures.take("recorder", _as_values(now, stats))
            self._moment = moment = measures.moment(now, reader.stall)
            runners = self._runners
            dimensions = {
                str(m): measures.dimension(m) for r in runners for m in r.rule.condition.measures
            }
        reader.ask()
        for runner in runners:
            runner.arm(stats)
            if not runner.rule.condition.measures:
                continue
            if firing := runner.on_tick(moment, dimensions):
                self._fired(runner, firing)
        if now >= self._tell_at:
            self._tell_at = now + _TELL_SECONDS
            self._tell_folders()

    def _tell_folders(self) -> None:
        for runner in self._runners:
            to = runner.rule.to
            if to is not None and (untold := runner.take_untold()):
                with contextlib.suppress(OSError):
                    to.count_suppressed(runner.rule.name, untold)

    # ---- events

    def post(
        self, event: Event, *, wait: float | None = None, again: Rule | None = None
    ) -> list[Firing]:
        """Try the rules that wait for events on one. Waits only if asked to, by ``wait`` or a rule.

        :param wait: how long to wait for what fired to be saved, in seconds.
        :param again: only this rule, which saw the event before and could not save a snapshot.
        :returns: what fired.
        """
        fired = self._try(event, again)
        until = time.monotonic() + (_LAST_SECONDS if wait is None else wait)
        for firing in fired:
            if wait is not None or firing.rule.wait:
                firing.wait(max(0.0, until - time.monotonic()))
        return fired

    def _try(self, event: Event, again: Rule | None = None) -> list[Firing]:
        runners = self._by_event
        if again is not None:
            runners = tuple(runner for runner in runners if runner.rule is again)
        if not runners or is_forked():
            return []
        known = self._moment
        moment = Moment(
            now=time.monotonic(), values=known.values, unknown=known.unknown, event=event
        )
        fired = []
        for runner in runners:
            if firing := runner.on_event(moment, again=again is not None):
                fired.append(firing)
                self._fired(runner, firing)
        return fired

    def ends(self, event: Event, *, wait: float = _LAST_SECONDS) -> list[Firing]:
        """The process ends by this event: have everything saved at once, and wait for it."""
        if is_forked():
            return []
        self._hear(wait)
        fired = self._try(event)
        self._saver.hurry()  # now, so that it joins what waits for its tail
        until = time.monotonic() + wait
        for firing in fired:
            firing.wait(max(0.0, until - time.monotonic()))
        while self._saver.busy and time.monotonic() < until:
            time.sleep(0.005)
        return fired

    def settle(self, timeout: float | None = None) -> None:
        """The recorder stops: have what fired saved, and wait for it; ten seconds by default."""
        seconds = _LAST_SECONDS if timeout is None else min(timeout, _LAST_SECONDS)
        until = time.monotonic() + seconds
        self._hear(seconds)
        self._saver.settle(max(0.0, until - time.monotonic()))

    def _hear(self, timeout: float) -> None:
        """Try the rules on work that has ended just now."""
        if (news := self._news) is not None:
            news.drain(min(timeout, _DRAIN_SECONDS))

    def _fired(self, runner: Runner, firing: Firing) -> None:
        firing._on_done.append(runner.done)
        try:
            if firing.rule.on_fire is not None:
                with signals_of_the_program():
                    self._guarded(functools.partial(firing.rule.on_fire, firing))
        finally:
            if firing.rule.to is not None:
                self._saver.put(firing)
            else:
                firing._finish()

    # ---- deadlines

    def add_deadlines(self, source: Deadlines) -> None:
        """Have the engine look at something whenever it says."""
        with self._changed:
            self._deadlines.append(source)
            self._changed.notify_all()

    def wake_before(self, at: float) -> None:
        """Say that there is a deadline at a time of ``time.monotonic()``."""
        if at < self._sleeps_until:
            with self._changed:
                self._changed.notify_all()

    def _next_deadline(self) -> float:
        found = [at for source in self._deadlines if (at := source.next_deadline()) is not None]
        return min(found, default=math.inf)

    # ---- what is open

    def _open_in_go(self) -> Sequence[Mapping[str, Any]] | None:
        """Return Go's open tasks and regions, unless the runtime does not answer in time."""
        reader = self._reader
        if reader is not None and reader.stall > _LIST_SECONDS:
            return None
        with contextlib.suppress(TimeoutError):
            return within(_LIST_SECONDS, lambda: open_in_go(self._library), "the Go runtime")
        return None


def _as_values(now: float, stats: RecorderStats) -> Reading[Values]:
    return Reading(now, {name: getattr(stats, name) for name in stats.__slots__})


#: Those with threads, to be ended when the interpreter ends.
_engines: weakref.WeakSet[RuleEngine] = weakref.WeakSet()


def _at_exit() -> None:
    for engine in list(_engines):
        engine.close()


atexit.register(_at_exit)
