"""A run of pytest: its recorder, and what is kept of its tests."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final

import pytest

from flightrec.pytest_plugin.attempt import Attempt
from flightrec.pytest_plugin.hangs import HangWatch, hang_seconds
from flightrec.pytest_plugin.interrupts import Interrupts
from flightrec.pytest_plugin.options import Options, read_options

if TYPE_CHECKING:
    from flightrec import Departure, FlightRecorder, GoRuntime
    from flightrec.annotate.stages import Stages
    from flightrec.pytest_plugin.judging import Judging
    from flightrec.pytest_plugin.program import GoProgram
    from flightrec.pytest_plugin.programs import Programs

__all__ = ["Session", "session_of"]

#: How long the Go runtime may take to end the recording when the session ends, in seconds.
_STOP_SECONDS: Final = 5.0


class Session:
    """The hooks around tests.

    While no Go runtime is used, each of them looks at one attribute or two.
    """

    def __init__(self, options: Options, plugins: pytest.PytestPluginManager) -> None:
        self.options = options
        self._plugins = plugins
        self.recorder: FlightRecorder | None = None
        self.attempt: Attempt | None = None
        self._stages: Stages | None = None
        self._now_ns = time.monotonic_ns
        self._judging: Judging | None = None
        self._programs: Programs | None = None
        self.interrupts = Interrupts(self.keep)
        self._hangs = HangWatch(self._keep_hanging)
        self._last = True  # whether the test that runs is
        self._interrupted: list[str] = []  # what to tell of the test that was
        self._pid = os.getpid()
        self._worker = os.environ.get("PYTEST_XDIST_WORKER")
        self._keeps_all = options.mode == "on"
        #: Whether a runtime is recorded that no fixture of the plugin has loaded.
        self.records_loaded = options.records_all
        #: Whether a test can count as hanging.
        self.may_hang = options.keeps_failures and options.hang is not None

    def prepare(self, items: list[pytest.Item]) -> None:
        """Read the markers of tests that have some of the plugin's.

        :raises pytest.UsageError: a limit that there is not, or makes no sense.
        """
        self.may_hang = self.may_hang or (
            self.options.keeps_failures
            and any(item.get_closest_marker("go_hang") is not None for item in items)
        )
        limited = [item for item in items if item.get_closest_marker("go_limits") is not None]
        if not limited:
            return
        if self._judging is None:
            from flightrec.pytest_plugin.judging import Judging

            self._judging = Judging(self)
            self._plugins.register(self._judging, "flightrec-limits")
        self._judging.prepare(limited)

    def programs(self) -> Programs:
        """Return what Go programs of the tests are registered with.

        The window of those that run is kept as well.
        """
        if self._programs is None:
            from flightrec.pytest_plugin.programs import Programs

            self.interrupts.install()
            self._programs = Programs()
        return self._programs

    # ---- the recorder

    def record(self, runtime: GoRuntime) -> FlightRecorder:
        """Have the runtime recorded from now on; return the started recorder.

        It is one recorder for the whole session: what a test has changed of it is undone.
        """
        recorder = self.recorder
        if recorder is None:
            from flightrec import FlightRecorder
            from flightrec.annotate.stages import Stages

            self._now_ns = runtime.now_ns
            self._stages = Stages(runtime._annotations)
            recorder = self.recorder = FlightRecorder(runtime)
            _recording.append(self)
            if not runtime.departures_watched:
                runtime.on_departure(_departs)
        self.interrupts.install()
        if not recorder.enabled:
            recorder.set_size(self.options.max_bytes)
            recorder.set_period(self.options.min_age)
            recorder.start()
        attempt = self.attempt
        if attempt is not None and self._stages is not None and not attempt.begin_ns:
            self._show(attempt, self._stages)  # the phase in which the runtime was loaded
        return recorder

    def _record_loaded(self) -> None:
        """Record a runtime that a test has loaded."""
        loaded = getattr(sys.modules.get("flightrec.runtime"), "_runtime", None)
        if loaded is not None:
            self.record(loaded)

    def now_ns(self) -> int:
        """Return the time in ns on the trace clock."""
        return self._now_ns()

    def keep(self, stem: str, reason: str) -> list[str]:
        """Save the windows for the test that runs; return what to tell.

        They are that of the runtime in this process, and those of its programs. Never raises: a
        test must not fail for its artefacts.
        """
        attempt = self.attempt
        if attempt is None or not self.options.keeps_failures:
            return []
        if os.getpid() != self._pid:
            return []  # a forked child, which has no Go runtime
        return [_saved(attempt, of, name, reason) for name, of in self._recorded(stem)]

    def _recorded(self, stem: str) -> Iterator[tuple[str, FlightRecorder | GoProgram]]:
        """Yield what has a window, with the name of its files."""
        if self.recorder is not None:
            yield stem, self.recorder
        if self._programs is not None:
            for name, program in self._programs.named():
                yield f"{stem}-{name}", program

    def _keep_hanging(self, seconds: float) -> bool:
        """Save the windows of a test that hangs; False: not all of them are there by now."""
        attempt = self.attempt
        if attempt is None:
            return True
        self.keep("hang", f"the test still ran after {seconds:g} s")
        stems = [stem for stem, _ in self._recorded("hang")]
        return bool(stems) and attempt.saved.keys() >= set(stems)

    # ---- the hooks

    # Few, and hardly a wrapper: a suite of trivial tests is to take hardly longer.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin the test's task, and its region of the set-up."""
        self._forget()
        recorder = self.recorder
        if recorder is not None and not recorder.enabled:
            with contextlib.suppress(Exception):  # then the test's own use of it will say why
                self.record(recorder.runtime)
        self.attempt = Attempt(
            item.nodeid,
            self.options.folder,
            rerun=getattr(item, "execution_count", 1) - 1,
            worker=self._worker,
        )
        if self.may_hang:
            seconds = hang_seconds(item, self.options.hang)
            if seconds is not None:
                self._hangs.begin(seconds)
        self._begin("set-up")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """Show the tear-down as a region."""
        self._last = nextitem is None
        self._begin("tear-down")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the window of what has failed, at once, and say so in its report."""
        attempt = self.attempt
        if call.excinfo is not None:
            if attempt is not None and self._stages is not None:
                self._stages.end_region()  # what is kept of it takes time that is not the test's
            if self._programs is not None:
                for name, stream, text in self._programs.printed():
                    item.add_report_section(f"of {name}", stream, text)
        report = yield
        if attempt is not None:
            when = call.when
            if report.failed or attempt.saved or self._keeps_all:
                self._report(attempt, item, call, report)
            if when == "setup" and call.excinfo is None:
                self._begin("call")  # here, and not in a hook more
            elif when == "teardown" and self._last:
                self._end()
        return report

    def _report(
        self,
        attempt: Attempt,
        item: pytest.Item,
        call: pytest.CallInfo[None],
        report: pytest.TestReport,
    ) -> None:
        if report.failed:
            earlier = map(str, list(attempt.saved.values()))
            told = [*earlier, *self.keep(call.when, f"{call.when} failed: {_short(call)}")]
        elif call.when == "teardown" and self._keeps_all:
            told = self.keep("end", "kept by --flightrec=on")
        else:
            told = []
        if told:
            report.sections.append(("flightrec", "\n".join(dict.fromkeys(told))))
        folder = attempt.folder
        if folder is not None:
            fact = ("flightrec", str(folder))
            for properties in (item.user_properties, report.user_properties):
                if fact not in properties:
                    properties.append(fact)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep the window of a test that Ctrl-C or pytest.exit interrupts; it has no report."""
        self._interrupted = self.keep("interrupt", f"interrupted by {excinfo.typename}")
        self._end()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where that is."""
        if self._interrupted:
            terminalreporter.section("flightrec")
            for text in self._interrupted:
                terminalreporter.write_line(text)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep the window of a test that takes pytest itself with it."""
        self.keep("interrupt", f"pytest failed by {excinfo.typename}")
        self._end()

    def pytest_sessionfinish(self) -> None:
        """Stop recording."""
        from flightrec.errors import FlightRecorderError

        self._end()
        self._hangs.close()
        self.interrupts.close()
        recorder, self.recorder = self.recorder, None
        if recorder is None:
            return
        _recording.remove(self)
        if recorder.enabled:
            with contextlib.suppress(FlightRecorderError, TimeoutError):
                recorder.stop(timeout=_STOP_SECONDS)

    # ---- in the trace

    def _begin(self, phase: str) -> None:
        """Begin a phase of the test; the one before, or the test before, ends here in the trace.

        That is later than pytest has returned from it, by its report, but Go is entered less often.
        """
        attempt = self.attempt
        if attempt is None:
            return
        attempt.phase = phase
        if self._stages is not None:
            self._show(attempt, self._stages)
        elif self.records_loaded:
            self._record_loaded()

    def _show(self, attempt: Attempt, stages: Stages) -> None:
        attempt.phase_ns = now = self._now_ns()
        if attempt.begin_ns:
            stages.next(attempt.phase, now)
        else:
            attempt.begin_ns = now
            stages.next(attempt.phase, now, attempt.node_id)

    def _end(self) -> None:
        """End the test, if one runs."""
        self._forget()
        if self._stages is not None:
            self._stages.end()

    def _forget(self) -> None:
        if self.attempt is not None:
            self.attempt = None
            if self.may_hang:
                self._hangs.end()
            if self._programs is not None:
                self._programs.forget_closed()


#: The sessions of this process that record: one, unless a test runs pytest in its own process.
_recording: list[Session] = []


def _departs(departure: Departure) -> None:
    for session in _recording[-1:]:
        session.keep("exit", f"Go ends the process ({departure.kind}, {departure.code})")


_SESSION = pytest.StashKey[Session]()


def session_of(config: pytest.Config) -> Session:
    """Return the session of a run; the first call makes it and registers its hooks.

    :raises pytest.UsageError: an option makes no sense.
    """
    session = config.stash.get(_SESSION, None)
    if session is None:
        session = config.stash[_SESSION] = Session(read_options(config), config.pluginmanager)
        config.pluginmanager.register(session, "flightrec-session")
    return session


def _saved(attempt: Attempt, of: FlightRecorder | GoProgram, stem: str, reason: str) -> str:
    try:
        return str(attempt.save(of, stem, reason))
    except Exception as exc:
        return f"flightrec: the window of this test could not be kept: {exc}"


def _short(call: pytest.CallInfo[None]) -> str:
    if call.excinfo is None:
        return ""
    return call.excinfo.exconly(tryshort=True)
