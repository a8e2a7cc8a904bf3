"""Where ``flightrec run`` writes its snapshots, and what it says of them."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from flightrec.cli.shortfall import shortfall
from flightrec.cli.units import count, format_duration, format_size
from flightrec.destination import check_output, find_destination, open_output

if TYPE_CHECKING:
    from collections.abc import Callable

    from flightrec import FlightRecorder, Snapshot
    from flightrec.cli.voice import Voice
    from flightrec.output import DescriptorFile

__all__ = ["SnapshotFile", "SnapshotWriter", "reason"]

#: How long the runtime may take to hand over its newest events: longer than for a rule, because
#: most of these are a program's last.
_FLUSH_SECONDS = 3.0


class SnapshotFile:
    """The output of a run: a file, or a stream such as a pipe or standard output.

    Dumps while the program runs go to files beside it, with the next free number: ``NAME-1.trace``.
    A stream takes the last snapshot; its dumps are named after ``default``.

    :param named: what the user asked for: a path, ``-`` for standard output, or None.
    :param default: the file otherwise.
    """

    def __init__(self, named: str | None, default: str) -> None:
        self.shown = "/dev/stdout" if named == "-" else named or default
        # The program may change the working folder.
        self._path = Path(self.shown).absolute()
        self._descriptor: int | None = None
        self._dumps = self._path
        self._numbers = itertools.count(1)
        self._default = Path(default).absolute()

    def check(self) -> None:
        """Find out whether it can be written to, and change nothing.

        :raises OSError: it cannot, and why.
        """
        check_output(self._path)

    def prepare(self) -> None:
        """Make the folder; keep hold of an open file before the program can change it.

        Where the snapshot goes to standard output, what the program prints goes to standard error.

        :raises OSError: it cannot be written to.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        check_output(self._path)
        destination = find_destination(self._path)
        if destination.is_stream:
            self._dumps = self._default
        if destination.descriptor is not None:
            self._descriptor = os.dup(destination.descriptor)
            if destination.descriptor == 1:
                sys.stdout.flush()
                os.dup2(2, 1)
            elif destination.descriptor > 2:
                os.set_inheritable(destination.descriptor, False)

    @property
    def target(self) -> Path | DescriptorFile:
        """What to write to, once it was prepared."""
        from flightrec.output import DescriptorFile

        return self._path if self._descriptor is None else DescriptorFile(self._descriptor)

    def save(self, snapshot: Snapshot) -> tuple[str, int]:
        """Write the last snapshot; return what the place is called, and the bytes written.

        A file has reached the disk then.
        """
        if self._descriptor is not None:
            return self.shown, _write(snapshot, self._descriptor)
        return self.shown, _save(snapshot, self._path)

    def save_dump(self, snapshot: Snapshot) -> tuple[str, int]:
        """Write a snapshot beside it; return its name, and the bytes written."""
        base = self._dumps
        for number in self._numbers:
            path = base.with_name(f"{base.stem}-{number}{base.suffix}")
            if not path.exists():
                break
        shown = Path(self.shown).with_name(path.name) if base is self._path else path.name
        return str(shown), _save(snapshot, path)


def _save(snapshot: Snapshot, path: Path) -> int:
    with open_output(path, durable=True) as descriptor:
        return _write(snapshot, descriptor)


def _write(snapshot: Snapshot, descriptor: int) -> int:
    from flightrec.output import DescriptorFile

    return snapshot.write_to(DescriptorFile(descriptor))


class SnapshotWriter:
    """Writes a recorder's snapshots, and tells of them or of what went wrong.

    Any thread may use it. Who holds :attr:`writing` keeps others from writing.
    """

    def __init__(self, recorder: FlightRecorder, file: SnapshotFile, voice: Voice) -> None:
        self.writing = threading.RLock()
        self._recorder = recorder
        self._file = file
        self._voice = voice
        self._began = time.monotonic()

    def write_last(self) -> bool:
        """Write the snapshot at the program's end; return whether that went well.

        Also tells if the window was too small for the age that was asked for.
        """
        snapshot = self._write(self._file.save)
        if snapshot is None:
            return False
        stats = self._recorder.stats()
        short = shortfall(
            reach=_reach(snapshot),
            min_age=self._recorder.min_age,
            ran=time.monotonic() - self._began,
            nbytes=snapshot.nbytes,
            max_bytes=self._recorder.max_bytes,
            evicted=stats.total_generations - stats.generations,
            outgrown=stats.over_ceiling_generations,
            lost=stats.dropped_generations,
        )
        if short is not None:
            self._voice.say(f"flightrec: {short}")
        return True

    def write_dump(self) -> bool:
        """Write a snapshot while the program goes on; return whether that went well."""
        return self._write(self._file.save_dump) is not None

    def _write(self, save: Callable[[Snapshot], tuple[str, int]]) -> Snapshot | None:
        with self.writing:
            try:
                snapshot = self._take()
                name, nbytes = save(snapshot)
            except Exception as exc:
                self._voice.say(f"flightrec: no snapshot: {reason(exc)}", always=True)
                return None
            self._tell(snapshot, name, nbytes)
            return snapshot

    def _take(self) -> Snapshot:
        from flightrec.salvage import take_snapshot

        snapshot, missing = take_snapshot(self._recorder, flush=_FLUSH_SECONDS)
        if missing is not None:
            self._voice.say(f"flightrec: the newest events are missing: {missing}", always=True)
        return snapshot

    def _tell(self, snapshot: Snapshot, name: str, nbytes: int) -> None:
        reach = _reach(snapshot)
        look = "" if name.startswith("/dev/") else f" (look at it: flightrec view {quote(name)})"
        self._voice.say(
            f"flightrec: {name}: {format_size(nbytes)}, the last {format_duration(reach)} in "
            f"{count(len(snapshot.generations), 'generation')}{look}"
        )


def _reach(snapshot: Snapshot) -> float:
    return (snapshot.end_ns - (snapshot.start_ns or snapshot.end_ns)) / 1e9


def reason(exc: Exception) -> str:
    """Return why something was not written, without the number that Python adds."""
    if isinstance(exc, OSError) and exc.strerror is not None:
        return exc.strerror if exc.filename is None else f"{exc.filename}: {exc.strerror}"
    return str(exc) or type(exc).__name__
