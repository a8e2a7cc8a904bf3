"""One run of one test, and what is kept of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flightrec.pytest_plugin.folders import make_folder

if TYPE_CHECKING:
    from flightrec import FlightRecorder
    from flightrec.pytest_plugin.artefacts import Artefacts
    from flightrec.pytest_plugin.program import GoProgram

__all__ = ["Attempt"]

#: One for all: to make one takes time. A signal handler may save while the test's thread saves.
_saving = threading.RLock()


class Attempt:
    """A test from the begin of its set-up to the end of its tear-down.

    Any thread may save.

    :param rerun: how often the test has run before.
    :param worker: of pytest-xdist; None without.
    :ivar phase: set-up, call or tear-down.
    :ivar begin_ns: its begin, in ns on the trace clock; 0 until a runtime is recorded.
    :ivar phase_ns: the phase's begin.
    :ivar shared_set_up: when fixtures were set up that outlive it.
    :ivar saved: what is kept, by the files' stems.
    """

    __slots__ = (
        *("node_id", "rerun", "phase", "begin_ns", "phase_ns", "shared_set_up", "saved"),
        *("_parent", "_worker", "_folder"),
    )

    def __init__(self, node_id: str, parent: Path, *, rerun: int, worker: str | None) -> None:
        self.node_id = node_id
        self.rerun = rerun
        self.phase = ""
        self.begin_ns = 0
        self.phase_ns = 0
        self.shared_set_up: list[tuple[int, int]] = []
        self.saved: dict[str, Artefacts] = {}
        self._parent = parent
        self._worker = worker
        self._folder: Path | None = None

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

        with _saving:
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
