"""One run of one test: its task and region in the trace, and what is kept of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flightrec.pytest_plugin.folders import make_folder

if TYPE_CHECKING:
    from flightrec import FlightRecorder, GoRuntime
    from flightrec.pytest_plugin.artefacts import Artefacts
    from flightrec.pytest_plugin.phases import Phases
    from flightrec.pytest_plugin.program import GoProgram

__all__ = ["Attempt"]


class Attempt:
    """A test from the begin of its set-up to the end of its tear-down.

    Its phases begin and end on the thread that runs the test. Any thread may save.

    :param rerun: how often the test has run before.
    :param worker: of pytest-xdist; None without.
    """

    def __init__(self, node_id: str, parent: Path, *, rerun: int, worker: str | None) -> None:
        self.node_id = node_id
        self.rerun = rerun
        self.phase = ""
        self.begin_ns = 0  # 0 until a runtime is recorded; ns on the trace clock
        self.phase_ns = 0
        self.shared_set_up: list[tuple[int, int]] = []  # when fixtures were that outlive it
        self.saved: dict[str, Artefacts] = {}
        self._parent = parent
        self._worker = worker
        self._folder: Path | None = None
        self._lock = threading.RLock()  # a signal handler may save while the test's thread saves
        self._phases: Phases | None = None

    # ---- in the trace

    def begin_phase(self, phase: str, runtime: GoRuntime | None) -> None:
        """Begin set-up, call or tear-down; the one before ends here, if it has not.

        That is later than pytest has returned from it, by its report, but it halves how often Go is
        entered with cold caches.
        """
        self.phase = phase
        if runtime is not None:
            self._annotate(runtime)

    def recorded_by(self, runtime: GoRuntime) -> None:
        """Begin task and region now, for a runtime that was loaded within the phase."""
        if self.phase and self._phases is None:
            self._annotate(runtime)

    def _annotate(self, runtime: GoRuntime) -> None:
        self.phase_ns = runtime.now_ns()
        phases = self._phases
        if phases is None:
            from flightrec.pytest_plugin.phases import Phases

            self.begin_ns = self.phase_ns
            phases = self._phases = Phases(runtime, self.node_id)
        phases.begin(self.phase)

    def end_phase(self) -> None:
        """End the phase that goes on."""
        if self._phases is not None:
            self._phases.end_region()

    def end(self) -> None:
        """End the test. A second call does nothing."""
        phases, self._phases = self._phases, None
        if phases is not None:
            phases.end()

    # ---- on disk

    @property
    def folder(self) -> Path | None:
        """Its folder, if something was saved."""
        return self._folder

    def save(self, of: FlightRecorder | GoProgram, stem: str, reason: str) -> Artefacts:
        """Save a window, once for each stem.

        :raises FlightRecorderError: there is nothing to save.
        :raises OSError: it cannot be written.
        """
        from flightrec import FlightRecorder
        from flightrec.pytest_plugin.artefacts import save_program, save_window

        with self._lock:
            if stem not in self.saved:
                facts = self._facts()
                self.saved[stem] = (
                    save_window(of, self._make_folder, stem, reason=reason, test=facts)
                    if isinstance(of, FlightRecorder)
                    else save_program(of, self._make_folder, stem, reason=reason, test=facts)
                )
            return self.saved[stem]

    def _make_folder(self) -> Path:
        if self._folder is None:
            self._folder = make_folder(
                self._parent, self.node_id, rerun=self.rerun, worker=self._worker
            )
        return self._folder

    def _facts(self) -> dict[str, Any]:
        return {
            "node_id": self.node_id,
            "phase": self.phase,
            "rerun": self.rerun,
            "worker": self._worker,
            "begin_ns": self.begin_ns or None,
        }
