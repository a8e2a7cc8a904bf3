"""A rule at work: its trial, its state, and its count of what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from flightrec.recorder import FlightRecorder, RecorderStats
from flightrec.rules.firing import Firing
from flightrec.rules.moment import Event, Moment
from flightrec.rules.rule import Rule
from flightrec.rules.stacks import python_stacks
from flightrec.rules.status import RuleStatus
from flightrec.rules.trial import Trial

__all__ = ["Runner"]

#: After saving failed, or a folder said no and not for how long: when to ask again, in seconds.
_AGAIN_SECONDS = 1.0


class Runner:
    """Tries one rule. Safe to use from any thread; never waits, and never enters Go.

    :param blind: what keeps the rule from ever firing here; empty if nothing does.
    """

    def __init__(self, rule: Rule, recorder: FlightRecorder, blind: str = "") -> None:
        self.rule = rule
        self._blind = blind
        self._recorder = recorder
        self._trial = Trial(rule.condition)
        self._events = rule.condition.events
        self._lock = threading.Lock()
        self._in_episode = False  # it has fired, and has been true since
        self._told: set[str] = set()  # the limits that were in the way since it is true
        self._armed = rule.armed_from_the_start
        self._window = "the window was not looked at yet"  # why it is not armed
        self._unknown = self._missing = (
            ""  # measures of which nothing is known, and without a value
        )
        self._on_their_way = 0  # its firings that are not saved yet
        self._outcome = ""  # what prevented its last snapshot; empty if it was saved
        self._values: dict[str, float] = {}
        self._dimensions: dict[str, str] = {}
        self._read_at: float | None = None
        # The folder would say no before that time: the caller is spared the rest. The folder has
        # the last word.
        self._blocked_until, self._blocked_by = 0.0, ""
        self._tried = self._true = self._fired = self._saved = self._joined = 0
        self._suppressed: dict[str, int] = {}
        self._untold: dict[str, int] = {}
        self._last_fired: float | None = None
        self._last_saved = self._last_error = ""

    # ---- trying

    def arm(self, stats: RecorderStats) -> None:
        """Look at the window: it may hold enough by now, or be gone."""
        with self._lock:
            if not self._recorder.enabled:
                self._armed = self.rule.armed_from_the_start
                return
            if self._armed or self.rule.armed_from_the_start:
                self._armed = True
                return
            if not stats.enabled:
                return
            wanted = self.rule.arm_after
            wanted = self._recorder.min_age if wanted is None else wanted
            age = stats.age_ns / 1e9
            # One that has ended just now may be counted, and not be in the window yet.
            full = stats.generations > 0 and stats.total_generations > stats.generations + 1
            self._armed = age >= wanted or full
            self._window = f"the window reaches back {age:.1f} s, and {wanted:g} s are wanted"

    def on_tick(self, moment: Moment, dimensions: Mapping[str, str]) -> Firing | None:
        """Try it on what was read; return a firing if it fired."""
        measures, values = self.rule.condition.measures, moment.values
        with self._lock:
            self._dimensions = dict(dimensions)
            self._unknown = ", ".join(str(m) for m in measures if m in moment.unknown)
            if not self._unknown:
                self._missing = ", ".join(str(m) for m in measures if m not in values)
                self._values = {str(m): values[m] for m in measures if m in values}
                self._read_at = moment.now
            true = self._trial.at(moment)
            if true is None:
                return None
            self._tried += 1
            self._true += true
            if not true:
                self._in_episode = False
                self._told.clear()
                return None
            # Once for as long as it stays true; but if it could not fire yet, it still may.
            limit = "" if self._in_episode else self._limit()
            if self._in_episode or limit:
                if limit and limit not in self._told:
                    self._told.add(limit)
                    self._count(limit)
                return None
            self._in_episode = True
            return self._fire(None, self._values)

    def on_event(self, moment: Moment, *, again: bool = False) -> Firing | None:
        """Try it on something that happened; return a firing if it fired.

        :param again: it was tried on that before, and what came of it was counted.
        """
        values = moment.values
        if moment.event is None or moment.event.kind not in self._events:
            return None
        with self._lock:
            true = bool(self._trial.at(moment))
            self._tried += not again
            self._true += true and not again
            limit = self._limit() if true else ""
            if limit and not again:
                self._count(limit)
            if limit or not true:
                return None
            seen = {str(m): values[m] for m in self.rule.condition.measures if m in values}
            return self._fire(moment.event, seen)

    def _limit(self) -> str:
        """Return what is in the way of firing; empty if nothing is."""
        if not self._recorder.enabled:
            return "not_recording"
        if not self._armed:
            return "not_armed"
        return self._blocked_by if time.monotonic() < self._blocked_until else ""

    def _fire(self, event: Event | None, values: Mapping[str, float]) -> Firing:
        self._fired += 1
        self._last_fired = time.time()
        self._on_their_way += 1
        if self.rule.to is not None:
            self._blocked_until = time.monotonic() + self.rule.to.per_rule
            self._blocked_by = "per_rule"
        return Firing(
            rule=self.rule,
            trace_ns=self._recorder.runtime.now_ns(),
            values=dict(values),
            event=event,
            stacks=python_stacks(),
            opened=self._recorder.runtime._annotations.opened.as_facts(),
        )

    def done(self, firing: Firing) -> None:
        """Count the outcome of a firing."""
        with self._lock:
            self._on_their_way -= 1
            self._outcome = ""
            if firing.saved is not None:
                self._saved += 1
                self._joined += firing.joined
                self._last_saved = str(firing.saved.path)
                return
            wait = _AGAIN_SECONDS
            if (suppressed := firing.suppressed) is not None:
                self._blocked_by = suppressed.limit
                self._count(suppressed.limit, told=True)
                self._told.add(suppressed.limit)
                self._outcome = f"its last snapshot was suppressed: {suppressed.reason}"
                wait = wait if suppressed.retry_after is None else suppressed.retry_after
                self._in_episode = False
            elif firing.error is not None:
                self._blocked_by = "error"
                self._in_episode = False
                self._last_error = f"{type(firing.error).__name__}: {firing.error}"
                self._outcome = "its last snapshot could not be saved"
            self._blocked_until = time.monotonic() + wait

    def _count(self, limit: str, *, told: bool = False) -> None:
        self._suppressed[limit] = self._suppressed.get(limit, 0) + 1
        if not told:
            self._untold[limit] = self._untold.get(limit, 0) + 1

    def take_untold(self) -> dict[str, int]:
        """Return what was suppressed and the folder has not been told of, and forget it."""
        with self._lock:
            untold, self._untold = self._untold, {}
            return untold

    # ---- telling

    def _why(self, recording: bool, trouble: str) -> str:
        """Say what keeps it from firing, or what it waits for."""
        if self._blind:
            return self._blind
        if not recording:
            return "nothing is recorded"
        if failure := self._recorder.failure:
            return f"nothing more is recorded: {failure}"
        if trouble and self.rule.condition.measures:
            return f"the metrics could not be read: {trouble}"
        if not self._armed:
            return self._window
        if self._on_their_way:
            return "has fired; its snapshot is on its way"
        if self._unknown:
            return f"the Go runtime does not answer: {self._unknown} is unknown"
        left = self._blocked_until - time.monotonic()
        if left > 0 and self._blocked_by == "per_rule" and not self._outcome:
            assert self.rule.to is not None
            return f"silent for {left:.1f} s more: per_rule is {self.rule.to.per_rule:g} s"
        if left > 0:
            return f"silent for {left:.1f} s more: {self._outcome}"
        state = self._waits_for()
        return f"{state}; {self._outcome}" if self._outcome else state

    def _waits_for(self) -> str:
        if self._in_episode:
            return "has fired and is still true; fires again after it was false"
        if self.rule.condition.measures and self._read_at is None:
            return "waits for the first reading"
        if self._missing:
            return f"{self._missing} has no value just now"
        if held := self._trial.holding(time.monotonic()):
            return "; ".join(
                f"{text}: for {seconds:.1f} s so far" for text, seconds in held.items()
            )
        if self.rule.condition.awaits_event:
            return "waits for it to happen"
        return "waits for it to be true"

    def status(self, missed: int = 0, trouble: str = "") -> RuleStatus:
        """Return its status.

        :param missed: how much news from Go was lost, in all.
        :param trouble: why nothing could be read last; empty if it could.
        """
        with self._lock:
            recording = self._recorder.enabled
            return RuleStatus(
                name=self.rule.name,
                condition=str(self.rule.condition),
                armed=self._armed and recording,
                why=self._why(recording, trouble),
                values=dict(self._values),
                dimensions=dict(self._dimensions),
                read_ago=None if self._read_at is None else time.monotonic() - self._read_at,
                tried=self._tried,
                times_true=self._true,
                fired=self._fired,
                saved=self._saved,
                joined=self._joined,
                suppressed=dict(self._suppressed),
                missed=missed if self.rule.wishes else 0,
                last_fired=self._last_fired,
                last_saved=self._last_saved,
                last_error=self._last_error,
            )
