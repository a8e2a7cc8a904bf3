"""Who is who: the goroutines that are there, their numbers and their rows."""

from __future__ import annotations

from functools import lru_cache

from flightrec.tables.interning import Row
from flightrec.tables.text import valid_text
from flightrec.trace.events import Log
from flightrec.trace.program import is_c_thread, is_recorder_goroutine, is_runtime_goroutine
from flightrec.trace.python import PYTHON_THREAD, start_function
from flightrec.trace.stacks import Stack
from flightrec.trace.summary.pythonthreads import PythonThreads

__all__ = ["Goroutines", "kind_of"]


@lru_cache(maxsize=1024)
def kind_of(name: str, *, thread: bool) -> str:
    """What kind of goroutine it is, by the name of its start function.

    ``thread``: it came up when a C thread called into Go.
    """
    if is_recorder_goroutine(name):
        return "recorder"
    if thread or is_c_thread(name) or name.startswith(PYTHON_THREAD):
        return "thread"
    if not name:
        return "unknown"
    return "runtime" if is_runtime_goroutine(name) else "program"


class _Goroutine:
    """What is known of one that has not ended."""

    __slots__ = (
        "before",
        "begin",
        "creation_stack",
        "goid",
        "label",
        "name",
        "number",
        "parent",
        "started",
        "thread",
    )

    def __init__(self, number: int | None, goid: int | None, begin: int, *, before: bool) -> None:
        self.number = number
        self.goid = goid
        self.begin = begin
        self.before = before
        self.name = ""
        self.parent: int | None = None
        self.creation_stack: int | None = None
        self.started: int | None = None
        self.thread = False
        self.label: str | None = None

    def row(self, end: int, state: str, *, goes_on: bool) -> Row:
        """Its row in the table of goroutines."""
        return (
            self.number,
            self.goid,
            valid_text(self.name),
            kind_of(self.name, thread=self.thread),
            self.parent,
            self.creation_stack,
            self.begin,
            end,
            self.before,
            goes_on,
            self.started,
            state,
            self.label,
        )


class Goroutines:
    """The goroutines that are there now.

    ``again`` has the numbers of those whose id another goroutine had before: only C threads' are
    used anew, so only those that ended in a syscall are remembered. ``unnamed`` and
    ``unstarted`` are those of which the name, or when they first ran, is not yet known.
    """

    __slots__ = ("_gone", "_here", "_last", "_python_threads", "again", "unnamed", "unstarted")

    def __init__(self) -> None:
        self.again: dict[int | None, int] = {}
        self.unnamed: set[int | None] = set()
        self.unstarted: set[int | None] = set()
        self._here: dict[int | None, _Goroutine] = {}
        self._gone: set[int | None] = set()
        self._python_threads = PythonThreads()
        self._last = 0

    def number(self, goid: int | None) -> int | None:
        """The number of the goroutine that has this id now."""
        return self.again.get(goid, goid)

    def known(self, number: int | None) -> tuple[int | None, str]:
        """The id and name of the goroutine of this number, if it is there now."""
        goid = number
        if number is not None and number < 0:
            goid = next((goid for goid, again in self.again.items() if again == number), number)
        found = self._here.get(goid)
        return goid, "" if found is None else valid_text(found.name)

    def appear(self, goid: int | None, begin: int, *, before: bool) -> int | None:
        """A goroutine comes up, or is found; its number."""
        number = goid
        if goid in self._gone:
            self._last -= 1
            number = self.again[goid] = self._last
        self._here[goid] = _Goroutine(number, goid, begin, before=before)
        self.unnamed.add(goid)
        self.unstarted.add(goid)
        return number

    def created(
        self, goid: int | None, parent: int | None, stack: int | None, *, thread: bool
    ) -> None:
        """By whom and where one was created, or that it is a C thread's."""
        found = self._here[goid]
        found.parent = parent
        found.creation_stack = stack
        found.thread = thread

    def name(self, goid: int | None, stack: Stack) -> None:
        """A stack of it is seen, which ends in its start function, if that has a name at all."""
        found = self._here[goid]
        found.name = found.name or start_function(stack)
        if found.name:
            self.unnamed.discard(goid)

    def on_thread(self, goid: int | None, thread: int | None) -> None:
        """It is found on an M. If it is a C thread's, the M is that thread."""
        self._python_threads.add(thread, self._here[goid])

    def is_thread_name(self, event: Log) -> bool:
        """Take in a log; whether it is one in which flightrec names a thread of Python."""
        return self._python_threads.take(event)

    def start(self, goid: int | None, time: int) -> None:
        """It runs for the first time."""
        self._here[goid].started = time
        self.unstarted.discard(goid)

    def label(self, goid: int | None, label: str) -> None:
        """The runtime labels it."""
        found = self._here.get(goid)
        if found is not None:
            found.label = valid_text(label)

    def end(self, goid: int | None, time: int, *, thread: bool) -> Row:
        """It ends, as a C thread's if ``thread``; its row."""
        if thread:
            self._gone.add(goid)
            self.again.pop(goid, None)
        self.unnamed.discard(goid)
        self.unstarted.discard(goid)
        return self._here.pop(goid).row(time, "NotExist", goes_on=False)

    def left(self, end: int, states: dict[int | None, str]) -> list[Row]:
        """The rows of those that are there at the trace's end, by their states then."""
        return [
            found.row(end, states.get(goid, "Undetermined"), goes_on=True)
            for goid, found in self._here.items()
        ]
