"""``flightrec run --trace``: the full trace of a run, beside its snapshot."""

from __future__ import annotations

import argparse
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from flightrec.cli.snapshots import SnapshotFile, reason
from flightrec.cli.units import count, duration, format_size, size

if TYPE_CHECKING:
    from flightrec import FlightRecorder, TraceStream
    from flightrec.cli.voice import Voice

__all__ = ["TraceFile", "add_trace_options", "read_trace_options"]

#: How long the end may take: the runtime's last generation, and a reader of a pipe.
_STOP_SECONDS = 10.0
#: The same of a runtime that is known to be stuck.
_STUCK_STOP_SECONDS = 1.0


def add_trace_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--trace`` and ``--trace-rotate``."""
    parser.add_argument(
        "--trace",
        metavar="FILE",
        help="also write the full trace of the run, while it happens; - is standard output",
    )
    parser.add_argument(
        "--trace-rotate",
        type=_limit,
        metavar="SIZE|TIME",
        help="start a new file after this size or time (100MiB, 10s): FILE, FILE-0002, …; only "
        "whole generations move to the next file, so a file can last a second longer, or be larger "
        "if one generation alone is",
    )


def _limit(text: str) -> int | float:
    """Read a size, as an int, or a time, as a float."""
    for read in (size, duration):
        try:
            return read(text)
        except argparse.ArgumentTypeError:
            continue
    raise argparse.ArgumentTypeError(
        f"neither a size nor a time: {text!r}; write it as 100MiB or 10s"
    )


class TraceFile:
    """Where the full trace of a run goes.

    :param named: a path, or ``-`` for standard output.
    :param rotate: begin another file after so many bytes (int) or seconds (float).
    """

    def __init__(self, named: str, rotate: int | float | None) -> None:
        self._file = SnapshotFile(named, named)
        self.shown = self._file.shown
        self._rotate = rotate
        self._stream: TraceStream | None = None

    def check(self) -> None:
        """Find out whether it can be written to, and change nothing.

        :raises OSError: it cannot, and why.
        """
        self._file.check()

    def prepare(self) -> None:
        """Make the folder, keep hold of an open file; see :meth:`SnapshotFile.prepare`."""
        self._file.prepare()

    def start(self, recorder: FlightRecorder) -> None:
        """Begin to write."""
        by_size = isinstance(self._rotate, int)
        self._stream = recorder.stream_to(
            self._file.target,
            rotate_bytes=int(self._rotate) if self._rotate and by_size else None,
            rotate_seconds=self._rotate if self._rotate and not by_size else None,
        )

    def finish(self, voice: Voice, *, stuck: bool) -> bool:
        """End the trace and tell of it; return whether all of it was written.

        :param stuck: whether the Go runtime does not answer: its last events are then missing.
        """
        stream, self._stream = self._stream, None
        if stream is None:
            return True
        error: Exception | None = None
        seconds = _STUCK_STOP_SECONDS if stuck else _STOP_SECONDS
        try:
            stream.stop(timeout=seconds)
        except Exception as exc:
            error = exc
        stats = stream.stats()
        if isinstance(error, TimeoutError):
            voice.say(
                f"flightrec: the end of the trace is missing: it did not come within {seconds:g} s",
                always=True,
            )
        elif error is not None:
            voice.say(f"flightrec: the trace is not complete: {reason(error)}", always=True)
        elif stats.missed_generations:
            voice.say(
                f"flightrec: the trace misses {count(stats.missed_generations, 'generation')}: "
                "its file took them too slowly",
                always=True,
            )
        files = f" in {count(len(stream.files), 'file')}" if len(stream.files) > 1 else ""
        look = (
            f" (look at it: flightrec view {quote(self.shown)})" if len(stream.files) == 1 else ""
        )
        last = f", the last one in {stream.partial}" if stream.files else f" in {stream.partial}"
        voice.say(
            f"flightrec: {self.shown}: {format_size(stats.written_bytes)} of trace"
            f"{files}{last if stream.partial else look}"
        )
        return error is None and not stats.missed_generations


def read_trace_options(args: argparse.Namespace, snapshot: SnapshotFile) -> TraceFile | None:
    """Return what the options ask for, checked.

    :raises UsageError: they contradict each other, or the snapshot's file.
    :raises OSError: the file cannot be written to.
    """
    from flightrec.cli.options import UsageError
    from flightrec.destination import find_destination

    if args.trace is None:
        if args.trace_rotate is not None:
            raise UsageError("--trace-rotate needs --trace FILE")
        return None
    file = TraceFile(args.trace, args.trace_rotate)
    file.check()
    place = find_destination(Path(file.shown).absolute())
    if place.is_stream and args.trace_rotate is not None:
        raise UsageError(f"only a file can be rotated, not {file.shown}")
    if place == find_destination(Path(snapshot.shown).absolute()):
        raise UsageError(f"--trace and the snapshot both go to {snapshot.shown}")
    return file
