"""The tables, declared once: names, types, units and what each column means.

SQL, Parquet, CSV, JSON lines, data frames and ``docs/tables.md`` are all made from this.

What holds for all tables:

- A time (a column ending in ``_ns``) is ns on the trace clock; a duration is ns too.
- A row of one of the tables with ``file`` belongs to one trace; where several are read, its number
  tells them apart. Stacks and frames are shared by all.
- An interval has ``begin_ns`` and ``end_ns``. One that began before the trace is clipped to the
  trace's begin and has ``began_before``; one that the trace does not see end is clipped to its end
  and has ``goes_on``.
- ``goroutine`` is the goroutine's id. Go uses an id anew once in a while, when a C thread leaves Go
  and another one comes: the second and later goroutines of one id have negative numbers, so that
  the number means one goroutine. ``goroutines.goid`` has the id as Go prints it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["TABLES", "Column", "Table", "Type", "tables_named"]


class Type(enum.Enum):
    """What a column's values are. Any column may have None unless it says ``required``."""

    INT = "integer"
    BOOL = "boolean"
    #: Text of which a trace has only a few: states, reasons. Worth a dictionary.
    NAME = "name"
    TEXT = "text"


class Column(NamedTuple):
    """One column: its name, its type, what it means, and the column it refers to."""

    name: str
    type: Type
    doc: str
    required: bool = False
    #: ``table.column``, or "".
    refers: str = ""


class Table(NamedTuple):
    """One table. ``columns`` are in the order of the values in a row, without ``file``."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    #: Whether its rows belong to one trace, and so have a ``file`` where several are read.
    per_file: bool = True
    #: Sets of columns that questions look rows up by.
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, without ``file``."""
        return tuple(column.name for column in self.columns)

    @property
    def moment(self) -> str | None:
        """The column that says when a row was or began; None if there is none."""
        return next((name for name in ("time_ns", "begin_ns") if name in self.names), None)


FILE: Final = Column("file", Type.INT, "Which trace.", True, "snapshots.file")


def _int(name: str, doc: str, *, required: bool = False, refers: str = "") -> Column:
    return Column(name, Type.INT, doc, required, refers)


def _bool(name: str, doc: str) -> Column:
    return Column(name, Type.BOOL, doc, True)


def _name(name: str, doc: str, *, required: bool = True) -> Column:
    return Column(name, Type.NAME, doc, required)


def _text(name: str, doc: str, *, required: bool = True) -> Column:
    return Column(name, Type.TEXT, doc, required)


def _goroutine(doc: str, name: str = "goroutine") -> Column:
    return Column(name, Type.INT, doc, False, "goroutines.goroutine")


def _stack(doc: str, name: str = "stack") -> Column:
    return Column(name, Type.INT, doc, False, "stacks.stack")


_TIME: Final = _int("time_ns", "When.", required=True)
_BEGIN: Final = _int("begin_ns", "When it began, or the trace did.", required=True)
_END: Final = _int("end_ns", "When it ended, or the trace did.", required=True)
_BEFORE: Final = _bool("began_before", "It began before the trace.")
_GOES_ON: Final = _bool("goes_on", "The trace does not see its end.")
_PROC: Final = _int("proc", "The P it was on.")
_THREAD: Final = _int("thread", "The M (OS thread) it was on.")

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        Table(
            "snapshots",
            "One row for each trace that was read.",
            (
                _text("path", "The file as it was named; empty for what is no file."),
                _text("format", "The Go version in the trace's header, such as `1.26`."),
                _int("nbytes", "Its size in bytes, if it is a file."),
                _int("begin_ns", "Its first event's time.", required=True),
                _int("end_ns", "Its last event's time.", required=True),
                _int(
                    "wall_offset_ns",
                    "What makes a trace clock time ns since 1970: time + this. "
                    "Not in traces of Go 1.24 and earlier.",
                ),
                _int("events", "How many events it has.", required=True),
                _text("error", "Where it is broken, and how; NULL if it is whole.", required=False),
                _text("reason", "Why it was taken, from the file beside it.", required=False),
                _text("rule", "The rule that fired, from the file beside it.", required=False),
                _text("sidecar", "All of the file beside it, as JSON.", required=False),
            ),
        ),
        Table(
            "generations",
            "The parts of a trace.",
            (
                _int("generation", "Its number.", required=True),
                _BEGIN,
                _END,
                _int(
                    "wall_offset_ns",
                    "As in `snapshots`, but anew for each generation: an adjustment of the "
                    "system's clock shows.",
                ),
            ),
        ),
        Table(
            "goroutines",
            "Every goroutine that the trace tells of.",
            (
                _int("goroutine", "Its number in these tables.", required=True),
                _int("goid", "Its id as Go prints it."),
                _text(
                    "name",
                    "Its start function, or which Python thread it is; empty if the trace has no "
                    "stack of it.",
                ),
                _name(
                    "kind",
                    "`program`, `runtime` (the runtime's own), `recorder` (it serves the "
                    "recording), `thread` (a C or Python thread that called into Go) or `unknown` "
                    "(no name).",
                ),
                _goroutine("Who created it; NULL if that is not in the trace.", "parent"),
                _stack("Where it was created.", "creation_stack"),
                _BEGIN,
                _END,
                _BEFORE,
                _GOES_ON,
                _int("started_ns", "When it first ran; NULL if it did not."),
                _name("state", "Its last state; `NotExist` if it ended."),
                _name(
                    "label",
                    "The runtime's last label for it (GC workers have one).",
                    required=False,
                ),
            ),
            indexes=(("goroutine",),),
        ),
        Table(
            "goroutine_states",
            "What each goroutine did, without gaps.",
            (
                Column("goroutine", Type.INT, "Whose state it is.", False, "goroutines.goroutine"),
                _BEGIN,
                _name(
                    "state",
                    "`Running`, `Runnable` (ready, waiting for a P), `Waiting`, `Syscall`, or "
                    "`Undetermined`.",
                ),
                _name(
                    "reason",
                    "The runtime's word for why it waits or was stopped; empty where it has none. "
                    "A `Syscall` whose P was taken away says `proc lost`.",
                ),
                _stack("Where in the code it waits, was stopped, or called the system."),
                _PROC,
                _THREAD,
                _BEFORE,
                _END,
                _GOES_ON,
            ),
            indexes=(("goroutine", "begin_ns"),),
        ),
        Table(
            "wakeups",
            "Who made a goroutine ready to run.",
            (
                _TIME,
                _name("kind", "`unblock` or `create`."),
                _goroutine(
                    "Who did it; NULL where no goroutine did (timers, the network poller).", "waker"
                ),
                _goroutine("Who is ready now."),
                _stack("Where in the waker's code."),
                _PROC,
                _THREAD,
                _int("waited_ns", "How long it had been waiting; NULL for `create`."),
            ),
            indexes=(("goroutine", "time_ns"),),
        ),
        Table(
            "proc_states",
            "What each P did.",
            (
                _int("proc", "Which P.", required=True),
                _BEGIN,
                _name("state", "`Running` (a thread has it) or `Idle`."),
                _THREAD,
                _BEFORE,
                _END,
                _GOES_ON,
            ),
            indexes=(("proc", "begin_ns"),),
        ),
        Table(
            "tasks",
            "Tasks of `runtime/trace`.",
            (
                _int("task", "Its number.", required=True),
                _text("name", "Its type; empty if it began before the trace."),
                _int("parent", "The task it is a part of.", refers="tasks.task"),
                _BEGIN,
                _END,
                _BEFORE,
                _GOES_ON,
                _goroutine("Who began it."),
                _goroutine("Who ended it.", "end_goroutine"),
                _stack("Where it began."),
                _stack("Where it ended.", "end_stack"),
            ),
            indexes=(("task",), ("name",)),
        ),
        Table(
            "regions",
            "Regions of `runtime/trace`.",
            (
                _goroutine("Whose it is."),
                _int("task", "The task it is in; 0 for the background task.", required=True),
                _text("name", "Its type."),
                _int("depth", "How many regions of this goroutine are around it.", required=True),
                _BEGIN,
                _END,
                _BEFORE,
                _GOES_ON,
                _stack("Where it began."),
            ),
            indexes=(("goroutine", "begin_ns"), ("task",)),
        ),
        Table(
            "logs",
            "Messages of `runtime/trace.Log`.",
            (
                _TIME,
                _goroutine("Who logged it."),
                _PROC,
                _THREAD,
                _int("task", "The task it is in; 0 for the background task.", required=True),
                _text("category", "Its category."),
                _text("message", "Its message."),
                _stack("Where."),
            ),
            indexes=(("time_ns",),),
        ),
        Table(
            "ranges",
            "The runtime's own ranges: GC phases, sweeps, mark assists, stop-the-worlds.",
            (
                _name("name", "Such as `GC concurrent mark phase` or `stop-the-world (…)`."),
                _name("scope", "What it belongs to: `Goroutine`, `Proc` or `None` (everything)."),
                _goroutine("Whose it is, or who began it."),
                _int("proc", "The P whose it is, or on which it began."),
                _BEGIN,
                _END,
                _BEFORE,
                _GOES_ON,
                _stack("Where it began."),
                _int("bytes_swept", "For a sweep: bytes."),
                _int("bytes_reclaimed", "For a sweep: bytes."),
            ),
            indexes=(("name",),),
        ),
        Table(
            "metrics",
            "Values of the runtime's metrics, whenever they changed.",
            (
                _TIME,
                _name("name", "As in Go's `runtime/metrics`, unit included."),
                _int("value", "The new value.", required=True),
            ),
            indexes=(("name", "time_ns"),),
        ),
        Table(
            "samples",
            "Samples of the CPU profile.",
            (
                _TIME,
                _goroutine("What ran."),
                _PROC,
                _THREAD,
                _stack("Where it was."),
            ),
        ),
        Table(
            "stacks",
            "Stack traces, each once.",
            (
                _int("stack", "Its number.", required=True),
                _int("size", "How many frames it has.", required=True),
                _int("top", "The innermost frame.", required=True, refers="frames.frame"),
                _int("root", "The outermost frame.", required=True, refers="frames.frame"),
                _int(
                    "place",
                    "The innermost frame of the program's own code; NULL if there is none.",
                    refers="frames.frame",
                ),
            ),
            per_file=False,
            indexes=(("stack",),),
        ),
        Table(
            "stack_frames",
            "The frames of each stack.",
            (
                _int("stack", "Which stack.", required=True, refers="stacks.stack"),
                _int("depth", "0 for the innermost.", required=True),
                _int("frame", "The frame.", required=True, refers="frames.frame"),
            ),
            per_file=False,
            indexes=(("stack", "depth"), ("frame",)),
        ),
        Table(
            "frames",
            "Places in the code, each once.",
            (
                _int("frame", "Its number.", required=True),
                _text("function", "The function, with its package's path."),
                _text("file", "The source file."),
                _int("line", "The line.", required=True),
                _bool(
                    "program", "It is the program's code: not the standard library's or recorder's."
                ),
            ),
            per_file=False,
            indexes=(("frame",), ("function",)),
        ),
        Table(
            "events",
            "Every event as the reader gives it. It is large, and made only where it is asked for.",
            (
                _TIME,
                _int("generation", "The number of its generation.", required=True),
                _name("type", "Its type in Python, such as `GoroutineTransition`."),
                _goroutine("The goroutine it happened on."),
                _PROC,
                _THREAD,
                _stack("Where in the code."),
                _int(
                    "subject",
                    "The goroutine or P whose state changes or whose range it is (its id as Go "
                    "prints it), or the task.",
                ),
                _name("from_state", "For a transition.", required=False),
                _name("to_state", "For a transition.", required=False),
                _text(
                    "name",
                    "A transition's reason; a metric's, range's, task's or region's name; a log's "
                    "category; a label.",
                    required=False,
                ),
                _int("value", "A metric's value."),
                _text("message", "A log's message.", required=False),
                _stack("A transition's own stack, where it differs.", "transition_stack"),
            ),
            indexes=(("time_ns",),),
        ),
    )
}

#: What is made unless somebody asks for more.
USUAL: Final = tuple(name for name in TABLES if name != "events")


def tables_named(names: Iterable[str]) -> tuple[Table, ...]:
    """The tables of these names, in the order of ``TABLES``.

    :raises ValueError: there is no such table.
    """
    wanted = set(names)
    unknown = wanted - set(TABLES)
    if unknown:
        raise ValueError(
            f"there is no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}"
        )
    return tuple(table for table in TABLES.values() if table.name in wanted)
