"""A snapshot: the window of a flight recorder at one moment, as a valid Go trace."""

from __future__ import annotations

import os

from flightrec.generation import Generation, Hold
from flightrec.output import BinaryWriter, write_file, write_path

__all__ = ["Snapshot"]


class Snapshot:
    """The trace in a recorder's window when it was taken.

    Immutable, and independent of the recorder: it stays valid while that goes on or stops. It
    shares the recorder's memory instead of copying it; a generation's memory is freed when the ring
    and all snapshots have released it. Safe to use from any thread.
    """

    __slots__ = ("__weakref__", "_hold", "_taken_ns")

    def __init__(self, hold: Hold, *, taken_ns: int) -> None:
        self._hold = hold
        self._taken_ns = taken_ns

    @property
    def header(self) -> bytes:
        r"""The trace's 16-byte header: ``b"go 1.26 trace\0\0\0"``."""
        return self._hold.generations[0].header

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The generations in it, oldest first, without a gap."""
        return tuple(self._hold.generations)

    @property
    def nbytes(self) -> int:
        """How many bytes :meth:`save` and :meth:`write_to` write."""
        return len(self.header) + sum(g.nbytes for g in self._hold.generations)

    @property
    def start_ns(self) -> int | None:
        """The time of the oldest batch, ns on the trace clock; None if there is no generation.

        On Linux comparable with ``time.monotonic_ns()``.
        """
        return min((g.start_ns for g in self._hold.generations), default=None)

    @property
    def end_ns(self) -> int:
        """When it was taken, ns on the trace clock."""
        return self._taken_ns

    def _pieces(self) -> list[memoryview]:
        return [memoryview(self.header), *self._hold.buffers]

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write the trace to a file and return the bytes written.

        Atomic: the path gets the whole trace, or stays as it was.

        :raises OSError: it cannot be written; nothing is left behind.
        """
        return write_path(path, self._pieces())

    def write_to(self, file: str | os.PathLike[str] | BinaryWriter) -> int:
        """Write the trace to a path, as :meth:`save` does, or to a binary file object.

        :returns: the bytes written.
        :raises OSError: it cannot be written, or the file writes short. A file object may
            raise anything, and may be left with part of the trace.
        """
        if isinstance(file, (str, os.PathLike)):
            return self.save(file)
        return write_file(file, self._pieces())

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces())

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a few facts and a small picture."""
        from flightrec.tables.card import snapshot_card  # reads traces, which few want

        return snapshot_card(self, self.nbytes)

    def __repr__(self) -> str:
        return f"<Snapshot {len(self._hold.generations)} generations, {self.nbytes} bytes>"
