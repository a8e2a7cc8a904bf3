"""Saving the snapshots that rules ask for, off the callers' paths.

A rule that fires while another one's snapshot for the same folder is on its way joins it: until the
tail of the first is over, and while it is being written. An error reaches the rule's ``on_error``
and the log, and nobody else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flightrec.directory import SavedSnapshot, SnapshotDirectory, Suppressed, Ticket
from flightrec.recorder import FlightRecorder
from flightrec.rules.firing import Firing
from flightrec.salvage import take_snapshot
from flightrec.sidecar import metadata, moment
from flightrec.signals import signals_of_the_program, takes_no_signals

__all__ = ["Saver"]

#: How many firings' reasons a snapshot's metadata has in full; further ones are counted.
_REASONS = 20

_log = logging.getLogger("flightrec")


@dataclass(eq=False)
class _Pending:
    """A snapshot on its way, and everyone who waits for it."""

    to: SnapshotDirectory
    tail_ends: float  # the first firing's, on time.monotonic
    due: float  # when the last firing's tail ends
    firings: list[Firing] = field(default_factory=list)
    taken: bool = False
    listed: bool = False  # whether Go was asked what is open
    open_in_go: Sequence[Mapping[str, Any]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # what was written beside the snapshot


class Saver:
    """Saves snapshots one after the other, on a thread of its own. Safe to use from any thread."""

    def __init__(
        self,
        recorder: FlightRecorder,
        open_in_go: Callable[[], Sequence[Mapping[str, Any]] | None],
    ) -> None:
        self._recorder = recorder
        self._open_in_go = open_in_go
        self._changed = threading.Condition()
        self._pending: list[_Pending] = []
        self._hurry = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        with self._changed:
            self._closed = self._hurry = False
            target = takes_no_signals(self._run)
            self._thread = threading.Thread(target=target, name="flightrec-saver", daemon=True)
            self._thread.start()

    def close(self, timeout: float) -> None:
        """Save what waits without waiting for its tail, and end the thread."""
        with self._changed:
            self._hurry = self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def hurry(self) -> None:
        """Wait for no tail any more: the process ends."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def settle(self, timeout: float) -> None:
        """Wait until what is on its way is saved, without its tail, for so many seconds at most.

        Does not wait on the saving thread itself, for whose callbacks that would never end.
        """
        until = time.monotonic() + timeout
        with self._changed:
            if self._thread is threading.current_thread():
                return
            while self._pending and (left := until - time.monotonic()) > 0:
                if tails := [pending for pending in self._pending if pending.due]:
                    for pending in tails:
                        pending.due = 0.0
                    self._changed.notify_all()
                self._changed.wait(left)

    def put(self, firing: Firing) -> None:
        """Have a snapshot saved for a firing; never waits."""
        to = firing.rule.to
        assert to is not None
        tail = firing.rule.tail
        with self._changed:
            now = time.monotonic()
            for pending in reversed(self._pending):
                # Once the first one's tail is over, a tail of another would put off the snapshot,
                # and rules that keep firing would put it off for ever.
                if pending.to.path == to.path and (
                    pending.taken or tail == 0 or now <= pending.tail_ends
                ):
                    firing.joined = True
                    if len(pending.firings) >= _REASONS:
                        firing.stacks, firing.opened = [], []  # there may be thousands a second
                    pending.firings.append(firing)
                    if not pending.taken:
                        # What follows the later one is in it as well.
                        pending.due = max(pending.due, now + tail)
                    return
            self._pending.append(_Pending(to, now + tail, now + tail, [firing]))
            self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Whether anything waits to be saved or is being saved."""
        return bool(self._pending)

    # ---- the thread

    def _run(self) -> None:
        while (pending := self._next()) is not None:
            try:
                if pending.taken:
                    self._save(pending)
                else:  # when it fired, not when its tail is over
                    pending.open_in_go = self._open_in_go()
            except BaseException as exc:  # this thread serves all rules
                _log.exception("flightrec: saving a snapshot failed")
                self._end(pending, error=exc)

    def _next(self) -> _Pending | None:
        """Wait for the next that is new, or due; None once closed and nothing waits."""
        with self._changed:
            while True:
                new = next((p for p in self._pending if not p.listed), None)
                if new is not None:
                    new.listed = True
                    return new
                if self._pending:
                    pending = min(self._pending, key=lambda p: p.due)
                    left = pending.due - time.monotonic()
                    if left <= 0 or self._hurry:
                        pending.taken = True
                        return pending
                    self._changed.wait(left)
                elif self._closed:
                    return None
                else:
                    self._changed.wait()

    def _save(self, pending: _Pending) -> None:
        first = pending.firings[0]
        try:
            ticket = pending.to.admit(first.rule.name)
            if isinstance(ticket, Suppressed):
                self._end(pending, suppressed=ticket)
                return
            result = self._take(pending, ticket)
        except Exception as exc:
            _log.error("flightrec: no snapshot for rule %s: %s", first.rule.name, exc)
            self._end(pending, error=exc)
            return
        if isinstance(result, Suppressed):
            self._end(pending, suppressed=result)
        else:
            self._end(pending, saved=result)

    def _take(self, pending: _Pending, ticket: Ticket) -> SavedSnapshot | Suppressed:
        recorder = self._recorder
        try:
            with self._changed:
                firings = list(pending.firings)
            snapshot, missing = take_snapshot(recorder, last=_reach(firings, recorder))
            with self._changed:
                firings = list(pending.firings)
            pending.facts = metadata(
                recorder,
                snapshot,
                [_reason(firing) for firing in firings[:_REASONS]],
                further_reasons=_count(firings[_REASONS:]),
                open_in_go=pending.open_in_go,
                flushed=missing is None,
                arguments=pending.to.arguments,
                stats=recorder.stats(),
            )
        except BaseException:
            ticket.withdraw()
            raise
        return ticket.save(snapshot, pending.facts)

    def _end(
        self,
        pending: _Pending,
        *,
        saved: SavedSnapshot | None = None,
        suppressed: Suppressed | None = None,
        error: BaseException | None = None,
    ) -> None:
        with self._changed:
            if pending in self._pending:
                self._pending.remove(pending)
            firings = list(pending.firings)
            self._changed.notify_all()
        if saved is not None:
            _amend(saved, pending.facts, firings)
        for firing in firings:
            firing.saved, firing.suppressed, firing.error = saved, suppressed, error
            rule = firing.rule
            if saved is not None and rule.on_saved is not None:
                _call(rule.on_saved, saved)
            if error is not None and rule.on_error is not None:
                _call(rule.on_error, error)
            firing._finish()


def _amend(saved: SavedSnapshot, facts: dict[str, Any], firings: Sequence[Firing]) -> None:
    """Keep the reasons of those that fired while the snapshot was being written."""
    told = len(facts["reasons"])
    further = _count(firings[_REASONS:])
    if len(firings) > told + sum(facts["further_reasons"].values()):
        facts["reasons"] += [
            {**_reason(firing), "python_stacks": [], "open_in_python": []}
            for firing in firings[told:_REASONS]
        ]
        facts["further_reasons"] = further
        try:
            saved.amend(facts)
        except OSError as exc:
            _log.error("flightrec: %s lacks a reason: %s", saved.metadata, exc)


def _count(firings: Sequence[Firing]) -> dict[str, int]:
    """Return how often each rule fired."""
    return dict(Counter(firing.rule.name for firing in firings))


def _call(function: Callable[[Any], Any], argument: Any) -> None:
    """Call what a user has given; its exception is not ours to die of."""
    try:
        with signals_of_the_program():
            function(argument)
    except BaseException:  # on a thread of ours; it serves all rules
        _log.exception("flightrec: a rule's callback failed")


def _reach(firings: Sequence[Firing], recorder: FlightRecorder) -> float | None:
    """Return how far the snapshot must reach back from now, in seconds; None for all."""
    reach = 0.0
    for firing in firings:
        if firing.rule.last is None:
            return None
        since = (recorder.runtime.now_ns() - firing.trace_ns) / 1e9
        reach = max(reach, firing.rule.last + since)
    return reach


def _reason(firing: Firing) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "rule": firing.rule.name,
        "condition": str(firing.rule.condition),
        "reason": firing.reason,
        **moment(firing.wall, firing.trace_ns),
        "values": dict(firing.values),
        "python_stacks": firing.stacks,
        "open_in_python": firing.opened,
    }
    if (event := firing.event) is not None:
        facts["event"] = {
            "kind": event.kind,
            "name": event.name,
            "start_ns": event.start_ns,
            "end_ns": event.end_ns,
            "status": event.status,
            "running": event.running,
        }
    return facts
