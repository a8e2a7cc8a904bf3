"""Judging tests with the marker ``go_limits``."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final

import pytest

from flightrec.pytest_plugin.limits import Limits, read_limits

if TYPE_CHECKING:
    from flightrec import Snapshot
    from flightrec.pytest_plugin.attempt import Attempt
    from flightrec.pytest_plugin.session import Session
    from flightrec.testing import Window

__all__ = ["Judging"]

#: How long goroutines may take to end that were told to, and how often to look, in seconds.
_GRACE: Final = (0.0, 0.05, 0.2, 0.5)

#: A snapshot's time counts back from when it is taken, which is later than now. In seconds.
_MORE: Final = 2.0

_LIMITS = pytest.StashKey[Limits]()


class Judging:
    """The hooks that judge: pauses, delays and numbers after the call, leaks after the tear-down.

    A leak is so an error of the tear-down: what fixtures close then is none.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def prepare(self, items: list[pytest.Item]) -> None:
        """Read the tests' markers, and have those recorded that have limits.

        :raises pytest.UsageError: a limit that there is not, or makes no sense.
        """
        for item in items:
            limits = read_limits(item)
            if limits is not None:
                item.stash[_LIMITS] = limits
                names = getattr(item, "fixturenames", None)
                if names is not None and "flight_recorder" not in names:
                    names.insert(0, "flight_recorder")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object]
    ) -> Generator[None, object, object]:
        """Note when fixtures are set up that outlive the test: what they create is not its own."""
        attempt = self._session.attempt
        if attempt is None or fixturedef.scope == "function":
            return (yield)
        begin = self._session.now_ns()
        try:
            return (yield)
        finally:
            attempt.shared_set_up.append((begin, self._session.now_ns()))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Judge all but leaks; it is called once the test's function has returned."""
        limits = item.stash.get(_LIMITS, None)
        if limits is None or not limits.limits_call:
            return
        attempt, until = self._attempt(), self._session.now_ns()
        window = self._window(attempt)
        failure = _failure(lambda: limits.judge_call(window, attempt.phase_ns, until))
        if failure:
            pytest.fail(failure, pytrace=False)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Judge leaks; it is called after the fixtures' tear-down."""
        limits = item.stash.get(_LIMITS, None)
        attempt = self._session.attempt
        if limits is None or not limits.no_leak or attempt is None or not attempt.begin_ns:
            return
        failure = ""
        for seconds in _GRACE:
            time.sleep(seconds)
            failure = self._leaks(attempt)
            if not failure:
                return
        pytest.fail(failure, pytrace=False)

    def _leaks(self, attempt: Attempt) -> str:
        window = self._window(attempt)
        return _failure(lambda: _judge_leaks(window, attempt))

    def _attempt(self) -> Attempt:
        attempt = self._session.attempt
        assert attempt is not None
        return attempt

    def _window(self, attempt: Attempt) -> Window:
        from flightrec import NotEnabledError
        from flightrec.testing import Window

        recorder = self._session.recorder
        if recorder is None or not recorder.enabled:
            pytest.fail(
                "go_limits cannot be judged: the test has stopped flight_recorder", pytrace=False
            )
        lasted = (self._session.now_ns() - attempt.begin_ns) / 1e9
        try:
            snapshot = recorder.snapshot(last=lasted + _MORE)
            if _begin(snapshot) > attempt.begin_ns:  # it was a slow one
                snapshot = recorder.snapshot()
        except NotEnabledError as exc:  # a thread of the test's has stopped it meanwhile
            pytest.fail(f"go_limits cannot be judged: {exc}", pytrace=False)
        lacks = (_begin(snapshot) - attempt.begin_ns) / 1e9
        if lacks > 0:
            pytest.fail(
                f"go_limits cannot be judged: the test lasted {lasted:.1f} s, and the first "
                f"{lacks:.1f} s of it are no longer in the window. Use a larger "
                "--flightrec-min-age or --flightrec-max-bytes.",
                pytrace=False,
            )
        return Window(snapshot)


def _begin(snapshot: Snapshot) -> int:
    return snapshot.start_ns or snapshot.end_ns


def _failure(judge: Callable[[], object]) -> str:
    from flightrec.testing import WindowAssertionError

    try:
        judge()
    except WindowAssertionError as exc:
        return str(exc)
    return ""


def _judge_leaks(window: Window, attempt: Attempt) -> None:
    from flightrec.trace import TaskBegin

    begun = [
        event
        for event in window.events
        if isinstance(event, TaskBegin) and event.time >= attempt.begin_ns
    ]
    # Its name says so, unless the trace has had to cut or to change it: it is the first then.
    named = [event for event in begun if event.name == attempt.node_id]
    for task in (named or begun)[:1]:
        window.assert_no_goroutine_leak(under=task, without=attempt.shared_set_up)
