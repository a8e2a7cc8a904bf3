"""What an explanation is made of. Times and durations are ns, times on the trace clock."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass, field
from typing import Any

from flightrec.trace.stacks import Frame

__all__ = [
    "Cause",
    "Certainty",
    "Explanation",
    "Part",
    "Place",
    "Step",
    "StepKind",
    "Subject",
    "SubjectKind",
    "Usual",
    "Waker",
]


class _Name(str, enum.Enum):
    """A name; equal to its text, and printed as it."""

    def __str__(self) -> str:
        return str(self.value)


class StepKind(_Name):
    """What the time of a step went to.

    WAITED is a wait that something else ended, whose time the steps below it share. All others
    are where the path ends: nothing that the trace records explains them further.
    """

    WAITED = "waited"
    RUNNING = "running"
    RUNNABLE = "runnable"
    SYSCALL = "syscall"
    CGO = "cgo"
    NETWORK = "network"
    SLEEP = "sleep"
    TIMER = "timer"
    BLOCKED = "blocked"
    GC_ASSIST = "gc assist"
    GC = "gc"
    STOP_THE_WORLD = "stop-the-world"
    OUTSIDE = "outside Go"
    UNKNOWN = "unknown"
    SHORT = "short steps"


class SubjectKind(_Name):
    """What is explained."""

    TASK = "task"
    GOROUTINE = "goroutine"
    WAIT = "wait"
    DELAY = "delay"
    PAUSE = "pause"
    LOG = "log"
    NOTHING = "nothing"


class Certainty(_Name):
    """Whether the trace records something, or it was inferred from what it records."""

    RECORDED = "recorded"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the code: the innermost frame of a stack that is the program's own.

    Where no frame is, the goroutine's start function; without a stack its ``line`` is 0.
    ``stack`` is the whole one, innermost first.
    """

    function: str
    file: str
    line: int
    stack: tuple[Frame, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Waker:
    """Who ended a wait. ``operation`` is what it did: the innermost function of its stack.

    ``place`` is where it did so; of a coroutine (``iter.Pull``), which the trace does not say that
    of, where it was made.
    ``support`` says on what an inference rests; empty for what is recorded.
    """

    goid: int
    function: str
    place: Place | None
    operation: str
    certainty: Certainty = Certainty.RECORDED
    support: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Steps of one kind, added up: a node of the tree of what the time went to.

    ``parent`` is the index of the WAITED part that this is a part of, None at the top. ``goid``,
    ``waker`` and lines are those of the longest. ``goroutines`` counts the different ones.
    ``instead`` is the function of the goroutine that ran while this one was ready to, or that
    stopped the world. ``sharers`` counts goroutines that waited for the same at the same time.
    ``turns`` is how many of a part's waits lay behind each other: more than one in a lock convoy,
    where each waits for one that has waited there itself.
    """

    parent: int | None
    kind: StepKind
    reason: str
    place: Place | None
    ns: int
    count: int
    longest_ns: int
    goid: int | None
    goroutines: int
    waker: Waker | None
    instead: Place | None
    certainty: Certainty
    sharers: int = 0
    turns: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of the critical path, on goroutine ``goid``. Steps tile the subject's time.

    ``part`` is the index of its part. Where there are too many steps, the shortest neighbours are
    joined into one of kind SHORT, which has no part; ``count`` says how many they were.
    """

    begin_ns: int
    end_ns: int
    goid: int | None
    kind: StepKind
    part: int | None
    count: int = 1

    @property
    def duration_ns(self) -> int:
        """How long it took."""
        return self.end_ns - self.begin_ns


@dataclass(frozen=True, slots=True)
class Cause:
    """Where time went in the end, over all ways that lead there.

    ``function`` is who is to be looked at: where it ran, slept or waited, and for time that was
    ready or stopped, who ran or stopped the world instead (None if the trace does not say).
    ``certainty`` is INFERRED if at least half of the time is.
    """

    kind: StepKind
    function: str | None
    place: Place | None
    ns: int
    share: float
    count: int
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Usual:
    """What the others of the subject's kind took: their number, and nine of ten at most p90."""

    count: int
    median_ns: int
    p90_ns: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What is explained, cut to the window. ``complete`` is false where it was still going on.

    ``began_before`` and ``complete`` say whether the window has its begin and its end. ``why``
    says why it was chosen; empty where it was asked for.
    """

    kind: SubjectKind
    name: str
    id: int | None
    goid: int | None
    begin_ns: int
    end_ns: int
    complete: bool = True
    began_before: bool = False
    usual: Usual | None = None
    why: str = ""

    @property
    def duration_ns(self) -> int:
        """How long it took, as far as the window has it."""
        return self.end_ns - self.begin_ns


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something took as long as it did.

    ``steps`` tile the subject's time exactly. ``parts`` are the same time as a tree, each
    parent before its parts, and ``causes`` its leaves added up, the largest first. ``notes``
    say what the trace cannot tell. ``begin_ns`` is the window's. ``broken`` says what is wrong
    with a trace that is valid up to some place only. ``str()`` is the text that ``flightrec why``
    prints.
    """

    subject: Subject
    steps: tuple[Step, ...]
    parts: tuple[Part, ...]
    causes: tuple[Cause, ...]
    notes: tuple[str, ...]
    begin_ns: int
    broken: str = ""

    def __str__(self) -> str:
        from flightrec.trace.why.text import explanation_text

        return explanation_text(self)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; times and durations in ns."""
        value = dataclasses.asdict(self)
        value["subject"]["duration_ns"] = self.subject.duration_ns
        value["text"] = str(self)
        return value
