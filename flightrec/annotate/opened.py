"""Tasks and regions from Python that are open, for the metadata of snapshots.

A short window loses the beginnings of just the long ones, which explain a hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Literal, TypeAlias

from flightrec.knownthreads import known_threads

__all__ = ["Entry", "Opened"]

#: Number, kind, name, the number of its task or parent, begin in ns, and thread of one.
Entry: TypeAlias = "tuple[int, str, str, int, int, int]"

#: Tasks that nobody ends must not fill the memory.
_MOST = 10_000


class Opened:
    """What is open, oldest first. Safe to use from any thread, and without a lock."""

    __slots__ = ("_entries", "_others")

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._others: dict[Callable[[], list[Entry]], None] = {}

    def also(self, others: Callable[[], list[Entry]]) -> None:
        """Ask somebody else too, who notes by himself what is open; once is enough."""
        self._others[others] = None

    def no_longer(self, others: Callable[[], list[Entry]]) -> None:
        """Do not ask any more, if it was asked."""
        self._others.pop(others, None)

    def add(self, number: int, kind: Literal["task", "region"], name: str, parent: int) -> None:
        """Add one, unless it is there or there are too many."""
        entries = self._entries
        if len(entries) < _MOST:
            thread = threading.get_ident()
            entries.setdefault(number, (number, kind, name, parent, time.monotonic_ns(), thread))

    def remove(self, number: int) -> None:
        """Remove one, if it is there."""
        self._entries.pop(number, None)

    def as_facts(self) -> list[dict[str, Any]]:
        """Return them as JSON has it; ``start_ns`` is on the trace clock (on Linux)."""
        names = {thread.ident: thread.name for thread in known_threads()}
        entries = list(self._entries.values())
        for others in list(self._others):
            entries += others()
        return [
            {
                "kind": kind,
                "name": name,
                "number": number,
                "task": task or None,
                "start_ns": start_ns,
                "thread": names.get(thread),
            }
            for number, kind, name, task, start_ns, thread in sorted(entries, key=itemgetter(4))
        ]
