"""A run of pytest: its recorder, and what is kept of its tests."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

from flightrec.pytest_plugin.attempt import Attempt
from flightrec.pytest_plugin.hangs import HangWatch, hang_seconds
from flightrec.pytest_plugin.interrupts import Interrupts
from flightrec.pytest_plugin.judging import Judging
from flightrec.pytest_plugin.options import Options, read_options

if TYPE_CHECKING:
    from flightrec import Departure, FlightRecorder, GoRuntime

__all__ = ["Session", "session_of"]

#: How long the Go runtime may take to end the recording when the session ends, in seconds.
_STOP_SECONDS: Final = 5.0


class Session:
    """The hooks around tests.

    While no Go runtime is used, each of them looks at one attribute or two.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.recorder: FlightRecorder | None = None
        self.attempt: Attempt | None = None
        self.judging = Judging(self)
        self.interrupts = Interrupts(self.keep)
        self._hangs = HangWatch(self.keep)
        self._pid = os.getpid()

    # ---- the recorder

    def record(self, runtime: GoRuntime) -> FlightRecorder:
        """Have the runtime recorded from now on; return the started recorder.

        It is one recorder for the whole session: what a test has changed of it is undone.
        """
        from flightrec import FlightRecorder

        recorder = self.recorder
        if recorder is None:
            recorder = self.recorder = FlightRecorder(runtime)
            if not runtime.departures_watched:
                runtime.on_departure(self._departs)
        self.interrupts.install()
        if not recorder.enabled:
            recorder.set_size(self.options.max_bytes)
            recorder.set_period(self.options.min_age)
            recorder.start()
        if self.attempt is not None:
            self.attempt.recorded_by(runtime)
        return recorder

    def _runtime(self) -> GoRuntime | None:
        """Return the runtime that is recorded; start recording one that a test has loaded."""
        if self.recorder is None and self.options.records_all:
            loaded = getattr(sys.modules.get("flightrec.runtime"), "_runtime", None)
            if loaded is not None:
                self.record(loaded)
        return None if self.recorder is None else self.recorder.runtime

    def now_ns(self) -> int:
        """Return the time in ns on the trace clock."""
        return time.monotonic_ns() if self.recorder is None else self.recorder.runtime.now_ns()

    def _departs(self, departure: Departure) -> None:
        self.keep("exit", f"Go ends the process ({departure.kind}, {departure.code})")

    def keep(self, stem: str, reason: str) -> str:
        """Save the window for the test that runs; return what to tell, empty for nothing.

        Never raises: a test must not fail for its artefacts.
        """
        attempt, recorder = self.attempt, self.recorder
        if attempt is None or recorder is None or not self.options.keeps_failures:
            return ""
        if os.getpid() != self._pid:
            return ""  # a forked child, which has no Go runtime
        try:
            return str(attempt.save(recorder, stem, reason))
        except Exception as exc:
            return f"flightrec: the window of this test could not be kept: {exc}"

    # ---- the hooks

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Keep the window of a test that Ctrl-C or pytest.exit interrupts; it has no report."""
        outcome = yield
        if outcome.excinfo is not None:
            self.keep("interrupt", f"interrupted by {outcome.excinfo[0].__name__}")
        self._end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Begin the test's task, and its region of the set-up."""
        self._end()
        self.attempt = Attempt(
            item.nodeid,
            self.options.folder,
            rerun=getattr(item, "execution_count", 1) - 1,
            worker=os.environ.get("PYTEST_XDIST_WORKER"),
        )
        if self.recorder is not None and not self.recorder.enabled:
            with contextlib.suppress(Exception):  # then the test's own use of it will say why
                self.record(self.recorder.runtime)
        seconds = hang_seconds(item, self.options.hang)
        if seconds is not None:
            self._hangs.begin(seconds)
        self._begin("set-up")
        yield
        self.attempt.end_phase()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        """Show the test's function as a region."""
        self._begin("call")
        yield
        self._end_phase()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, None, None]:
        """Show the tear-down as a region."""
        self._begin("tear-down")
        yield
        self._end_phase()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, None]:
        """Keep the window of what has failed, at once, and say so in its report."""
        outcome = yield
        report = outcome.get_result()
        attempt = self.attempt
        if attempt is None:
            return
        told = ""
        if report.failed:
            told = self.keep(call.when, f"{call.when} failed: {_short(call)}")
        elif call.when == "teardown" and self.options.mode == "on":
            told = self.keep("end", "kept by --flightrec=on")
        if told:
            earlier = [str(each) for each in attempt.saved.values() if str(each) != told]
            report.sections.append(("flightrec", "\n".join([*earlier, told])))
        folder = attempt.folder
        if folder is not None:
            fact = ("flightrec", str(folder))
            for properties in (item.user_properties, report.user_properties):
                if fact not in properties:
                    properties.append(fact)
        if call.when == "teardown":
            self._end()

    def pytest_sessionfinish(self) -> None:
        """Stop recording."""
        from flightrec.errors import FlightRecorderError

        self._end()
        self._hangs.close()
        self.interrupts.close()
        recorder, self.recorder = self.recorder, None
        if recorder is not None and recorder.enabled:
            with contextlib.suppress(FlightRecorderError, TimeoutError):
                recorder.stop(timeout=_STOP_SECONDS)

    # ---- phases

    def _begin(self, phase: str) -> None:
        attempt = self.attempt
        if attempt is not None:
            attempt.end_phase()
            attempt.begin_phase(phase, self._runtime())

    def _end_phase(self) -> None:
        if self.attempt is not None:
            self.attempt.end_phase()

    def _end(self) -> None:
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            self._hangs.end()
            attempt.end()


_SESSION = pytest.StashKey[Session]()


def session_of(config: pytest.Config) -> Session:
    """Return the session of a run; the first call makes it and registers its hooks.

    :raises pytest.UsageError: an option makes no sense.
    """
    session = config.stash.get(_SESSION, None)
    if session is None:
        session = config.stash[_SESSION] = Session(read_options(config))
        config.pluginmanager.register(session, "flightrec-session")
        config.pluginmanager.register(session.judging, "flightrec-limits")
    return session


def _short(call: pytest.CallInfo[None]) -> str:
    if call.excinfo is None:
        return ""
    return call.excinfo.exconly(tryshort=True)
