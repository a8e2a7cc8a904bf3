"""Every event type of the Go execution trace format, versions 1.22 to 1.26, in one table.

The numbers, names and arguments are facts of the wire format (``internal/trace/tracev2`` in the
Go source). What an argument means follows from its name, so the table needs no further columns:
``dt`` first makes an event *timed*; ``…_string`` is a string id; ``stack`` and ``new_stack`` are
stack ids; ``g``, ``new_g``, ``p`` and ``m`` are ids of a goroutine, a proc and a thread, which
Go reads as signed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "EVENT_TYPES",
    "EXPERIMENTS",
    "FORMATS",
    "FORMATS_V1",
    "MAX_BATCH_SIZE",
    "MAX_FRAMES",
    "MAX_STRING_SIZE",
    "SPECS",
    "EventSpec",
    "specs_for",
]

#: Trace formats that the reader understands, by the minor Go version in the header.
#: Go 1.24 writes 1.23's, and Go 1.27 writes 1.26's.
FORMATS: Final = (22, 23, 25, 26)

#: Formats of the tracer that Go replaced in 1.22. They have nothing in common with the above.
FORMATS_V1: Final = (5, 7, 8, 9, 10, 11, 19, 21)

#: The most bytes a batch may have after its header.
MAX_BATCH_SIZE: Final = 64 << 10

#: The most bytes a string may have; the runtime cuts longer ones.
MAX_STRING_SIZE: Final = 1 << 10

#: The most frames a stack may have.
MAX_FRAMES: Final = 128

#: Experiment names by number. 0 stands for none.
EXPERIMENTS: Final = ("None", "AllocFree")


class EventSpec(NamedTuple):
    """One event type.

    ``args`` are the argument names, each a uvarint on the wire, in order. ``since`` is the first
    format that has the type. ``stacks`` and ``strings`` are indexes into the arguments of a
    *timed* event without its leading ``dt``; the first stack is the one the event happened on.
    """

    type: int
    name: str
    args: tuple[str, ...]
    since: int
    experiment: int

    @property
    def timed(self) -> bool:
        """Whether the event belongs to an M's stream, in a batch of its own kind."""
        return self.args[:1] == ("dt",)

    @property
    def has_data(self) -> bool:
        """Whether a length and that many bytes follow the arguments."""
        return self.name in ("String", "ExperimentalBatch")

    @property
    def is_stack(self) -> bool:
        """Whether frames of four uvarints (pc, func, file, line) follow the arguments."""
        return self.name == "Stack"

    @property
    def values(self) -> tuple[str, ...]:
        """Argument names without ``dt``."""
        return self.args[1:] if self.timed else self.args

    @property
    def strings(self) -> tuple[int, ...]:
        """Which of :attr:`values` are string ids."""
        return tuple(i for i, name in enumerate(self.values) if name.endswith("_string"))

    @property
    def stacks(self) -> tuple[int, ...]:
        """Which of :attr:`values` are stack ids, the stack of the event itself first."""
        names = self.values
        return tuple(names.index(name) for name in ("stack", "new_stack") if name in names)

    @property
    def signed(self) -> tuple[int, ...]:
        """Which of :attr:`values` are ids that Go reads as signed."""
        return tuple(i for i, name in enumerate(self.values) if name in ("g", "new_g", "p", "m"))


# Type, name, arguments, first format. Grouped as the format groups them.
_TABLE: Final = (
    # Structure: what batches are made of.
    (1, "EventBatch", "gen m time size", 22),
    (2, "Stacks", "", 22),
    (3, "Stack", "id nframes", 22),
    (4, "Strings", "", 22),
    (5, "String", "id", 22),
    (6, "CPUSamples", "", 22),
    (7, "CPUSample", "time m p g stack", 22),
    (8, "Frequency", "freq", 22),
    # Procs.
    (9, "ProcsChange", "dt procs_value stack", 22),
    (10, "ProcStart", "dt p p_seq", 22),
    (11, "ProcStop", "dt", 22),
    (12, "ProcSteal", "dt p p_seq m", 22),
    (13, "ProcStatus", "dt p pstatus", 22),
    # Goroutines.
    (14, "GoCreate", "dt new_g new_stack stack", 22),
    (15, "GoCreateSyscall", "dt new_g", 22),
    (16, "GoStart", "dt g g_seq", 22),
    (17, "GoDestroy", "dt", 22),
    (18, "GoDestroySyscall", "dt", 22),
    (19, "GoStop", "dt reason_string stack", 22),
    (20, "GoBlock", "dt reason_string stack", 22),
    (21, "GoUnblock", "dt g g_seq stack", 22),
    (22, "GoSyscallBegin", "dt p_seq stack", 22),
    (23, "GoSyscallEnd", "dt", 22),
    (24, "GoSyscallEndBlocked", "dt", 22),
    (25, "GoStatus", "dt g m gstatus", 22),
    # Stop-the-world.
    (26, "STWBegin", "dt kind_string stack", 22),
    (27, "STWEnd", "dt", 22),
    # Garbage collector.
    (28, "GCActive", "dt gc_seq", 22),
    (29, "GCBegin", "dt gc_seq stack", 22),
    (30, "GCEnd", "dt gc_seq", 22),
    (31, "GCSweepActive", "dt p", 22),
    (32, "GCSweepBegin", "dt stack", 22),
    (33, "GCSweepEnd", "dt swept_value reclaimed_value", 22),
    (34, "GCMarkAssistActive", "dt g", 22),
    (35, "GCMarkAssistBegin", "dt stack", 22),
    (36, "GCMarkAssistEnd", "dt", 22),
    (37, "HeapAlloc", "dt heapalloc_value", 22),
    (38, "HeapGoal", "dt heapgoal_value", 22),
    # Annotations.
    (39, "GoLabel", "dt label_string", 22),
    (40, "UserTaskBegin", "dt task parent_task name_string stack", 22),
    (41, "UserTaskEnd", "dt task stack", 22),
    (42, "UserRegionBegin", "dt task name_string stack", 22),
    (43, "UserRegionEnd", "dt task name_string stack", 22),
    (44, "UserLog", "dt task key_string value_string stack", 22),
    # Coroutines.
    (45, "GoSwitch", "dt g g_seq", 23),
    (46, "GoSwitchDestroy", "dt g g_seq", 23),
    (47, "GoCreateBlocked", "dt new_g new_stack stack", 23),
    (48, "GoStatusStack", "dt g m gstatus stack", 23),
    # Structure that came later.
    (49, "ExperimentalBatch", "exp gen m time", 23),
    (50, "Sync", "", 25),
    (51, "ClockSnapshot", "dt mono sec nsec", 25),
    (52, "EndOfGeneration", "", 26),
)

# The AllocFree experiment (GODEBUG=traceallocfree=1). Its numbers have the top bit set.
_ALLOC_FREE: Final = (
    (128, "Span", "dt id npages_value kindclass", 23),
    (129, "SpanAlloc", "dt id npages_value kindclass", 23),
    (130, "SpanFree", "dt id", 23),
    (131, "HeapObject", "dt id type", 23),
    (132, "HeapObjectAlloc", "dt id type", 23),
    (133, "HeapObjectFree", "dt id", 23),
    (134, "GoroutineStack", "dt id order", 23),
    (135, "GoroutineStackAlloc", "dt id order", 23),
    (136, "GoroutineStackFree", "dt id", 23),
)

#: Every event type by its number.
SPECS: Final[dict[int, EventSpec]] = {
    row[0]: EventSpec(row[0], row[1], tuple(row[2].split()), row[3], experiment)
    for experiment, table in enumerate((_TABLE, _ALLOC_FREE))
    for row in table
}

#: Every event type's number by its name.
EVENT_TYPES: Final[dict[str, int]] = {spec.name: number for number, spec in SPECS.items()}


def specs_for(version: int) -> dict[int, EventSpec]:
    """The event types that a trace of format ``version`` (one of :data:`FORMATS`) may have.

    Go's own reader does not hold a trace to this when it orders events, and neither does ours;
    its ``raw`` package and text form do. Raises KeyError for a version that is not a format.
    """
    if version not in FORMATS:
        raise KeyError(version)
    return {number: spec for number, spec in SPECS.items() if spec.since <= version}
