"""What is kept of a test: the window as a trace, its metadata, and a summary as text."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flightrec.newfile import new_file
from flightrec.rules.stacks import python_stacks
from flightrec.salvage import take_snapshot
from flightrec.sidecar import metadata, moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from flightrec import FlightRecorder
    from flightrec.pytest_plugin.program import GoProgram

__all__ = ["Artefacts", "save_program", "save_window"]

_WIDTH: Final = 100
#: Of a failure's text so much stands in the metadata.
_REASON: Final = 2000


@dataclass(frozen=True)
class Artefacts:
    """The files of one window.

    :ivar trace: ``go tool trace`` opens it, and ``flightrec`` does.
    :ivar seconds: how far the window reaches back.
    :ivar of: whose window it is.
    """

    trace: Path
    seconds: float
    of: str = "the Go runtime"

    @property
    def metadata(self) -> Path:
        """Why and when it was kept, versions, Python's stacks: JSON."""
        return self.trace.with_suffix(".json")

    @property
    def info(self) -> Path:
        """What ``flightrec info`` says of the trace."""
        return self.trace.with_suffix(".txt")

    def __str__(self) -> str:
        return (
            f"The last {self.seconds:.1f} s of {self.of}: {self.trace}\n"
            f"  summary: {self.info.name}, metadata: {self.metadata.name}\n"
            f"  why it was slow: flightrec why {self.trace}"
        )


def save_window(
    recorder: FlightRecorder,
    folder: Callable[[], Path],
    stem: str,
    *,
    reason: str,
    test: dict[str, Any],
) -> Artefacts:
    """Save the recorder's window in a test's folder; the trace first, the summary last.

    :param folder: gives the folder; it is called once there is something to put into it.
    :param stem: the files' name without suffix.
    :param test: what the metadata says of the test.
    :raises FlightRecorderError: there is nothing to save.
    :raises OSError: it cannot be written.
    """
    at = moment(time.time(), recorder.runtime.now_ns())
    stacks = python_stacks()
    opened = recorder.runtime._annotations.opened.as_facts()
    snapshot, missing = take_snapshot(recorder)
    facts = metadata(
        recorder,
        snapshot,
        [
            {
                "rule": "pytest",
                "reason": reason[:_REASON],
                **at,
                "values": {},
                "python_stacks": stacks,
                "open_in_python": opened,
            }
        ],
        open_in_go=None,
        flushed=missing is None,
        stats=recorder.stats(),
    )
    facts["test"] = test
    saved = Artefacts(folder() / f"{stem}.trace", facts["window"]["seconds"])
    snapshot.save(saved.trace)
    _write(saved.metadata, json.dumps(facts, indent=2) + "\n")
    _write_info(saved.trace)
    return saved


def save_program(
    program: GoProgram,
    folder: Callable[[], Path],
    stem: str,
    *,
    reason: str,
    test: dict[str, Any],
) -> Artefacts:
    """Save a program's window in a test's folder, and what it has printed.

    Of one that runs it is the window until now, of one that has ended the window at its end. The
    parameters and errors are those of :func:`save_window`. What it has printed is saved also where
    there is no window.
    """
    path = folder() / f"{stem}.trace"
    for stream, text in (("stdout", program.out), ("stderr", program.err)):
        if text:
            _write(path.with_suffix(f".{stream}"), text)
    facts: dict[str, Any] = {"reasons": [{"rule": "pytest", "reason": reason[:_REASON]}]}
    with new_file(path) as descriptor:
        if program.running:
            facts = program.ask_window(descriptor, reason=reason[:_REASON])
        else:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(program.snapshot.read_bytes())
    facts["test"] = test
    facts["program"] = {**facts.get("program", {}), **program.facts}
    _write(path.with_suffix(".json"), json.dumps(facts, indent=2) + "\n")
    return Artefacts(path, _write_info(path), of=program.name)


def _write(path: Path, text: str) -> None:
    with new_file(path) as descriptor, open(descriptor, "wb", closefd=False) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _write_info(trace: Path) -> float:
    """Write the summary beside a trace, and return how long the trace is, in seconds."""
    from flightrec.cli.overview import overview
    from flightrec.cli.overview_text import overview_text
    from flightrec.trace import summarize

    summary = summarize(trace, details=False)
    facts = overview(summary, trace.name, trace.stat().st_size)
    text = overview_text(facts, width=_WIDTH, everything=False)
    _write(trace.with_suffix(".txt"), text)
    return summary.duration_ns / 1e9
