"""The slow programs of ``tests/data/why``, and what is to be named as their cause."""

from __future__ import annotations

from typing import Final, NamedTuple

from flightrec.trace.why import StepKind

__all__ = ["CASES", "MODULE_CASES", "OTHERS", "PYTHON_CASES", "Case"]


class Case(NamedTuple):
    """A program, what is slow in it, and its cause: a kind of time, and a function.

    ``caller`` is a function that called it, where that tells more; ``since`` the first Go minor
    version that can run it, or whose trace tells the cause. ``or_kind`` is what it may be as well,
    depending on the machine.
    """

    name: str
    story: str
    kind: StepKind
    function: str
    caller: str = ""
    since: int = 22
    or_kind: StepKind | None = None


CASES: Final = (
    Case(
        "mutex_across_io",
        "a mutex that is held across a slow read",
        StepKind.SYSCALL,
        "main.slowRead",
        "main.(*cache).refresh",
    ),
    Case(
        "rwmutex",
        "a reader behind a writer that starves behind a long reader",
        StepKind.SLEEP,
        "main.(*table).scan",
    ),
    Case(
        "nested_locks",
        "a mutex whose holder waits for another mutex",
        StepKind.SLEEP,
        "main.holdInner",
    ),
    Case(
        "writer",
        "a writer behind one of the readers of a sync.RWMutex",
        StepKind.SLEEP,
        "main.(*table).scan",
    ),
    Case(
        "convoy",
        "a lock convoy: many hold a mutex in turn, each for a little",
        StepKind.SLEEP,
        "main.hold",
    ),
    Case("once", "a sync.Once that initialises slowly", StepKind.SLEEP, "main.initialise"),
    Case("cond", "a sync.Cond that is signalled late", StepKind.SLEEP, "main.produce"),
    Case(
        "waitgroup", "a WaitGroup that waits for the slowest", StepKind.SLEEP, "main.fetchSlowest"
    ),
    Case(
        "slow_receiver",
        "an unbuffered channel with a slow receiver",
        StepKind.SLEEP,
        "main.handleLongItem",
    ),
    Case(
        "slow_sender",
        "an answer that takes long to compute",
        StepKind.RUNNING,
        "main.spin",
        "main.compute",
    ),
    Case("pool", "a semaphore whose places are all taken", StepKind.SLEEP, "main.occupy"),
    Case("select", "a select of which one channel answers late", StepKind.SLEEP, "main.answerLate"),
    Case("chain", "a pipeline whose first stage is slow", StepKind.SLEEP, "main.beginLate"),
    Case("io_pipe", "an io.Pipe that is written to late", StepKind.SLEEP, "main.writeLate"),
    Case("iter_pull", "a coroutine that yields late", StepKind.SLEEP, "main.yieldLate", since=23),
    Case("sleep", "a sleep", StepKind.SLEEP, "main.nap"),
    Case("timer", "time.After", StepKind.TIMER, "main.waitForTimer"),
    Case("deadline", "a context's deadline", StepKind.TIMER, "main.waitForDeadline"),
    Case("afterfunc", "time.AfterFunc", StepKind.TIMER, "main.finishLate"),
    Case("running", "a long computation", StepKind.RUNNING, "main.spin", "main.computeLong"),
    Case(
        "cpu_hog",
        "goroutines that keep the only P busy",
        StepKind.RUNNABLE,
        "main.spin",
        "main.hog",
    ),
    Case("gc_assist", "allocation under a tiny GOGC", StepKind.GC_ASSIST, "main.allocate"),
    Case(
        "read_mem_stats",
        "runtime.ReadMemStats, over and over",
        StepKind.STOP_THE_WORLD,
        "main.pollStatistics",
        or_kind=StepKind.RUNNING,
    ),
    Case(
        "stop_the_world",
        "a world that another goroutine stops (debug.WriteHeapDump)",
        StepKind.STOP_THE_WORLD,
        "main.dumpHeap",
    ),
    Case(
        "finalizer",
        "a finalizer that has to wait for a slow one",
        StepKind.SLEEP,
        "main.finalizeSlowly",
    ),
    Case("cgo", "a C function that blocks", StepKind.CGO, "main.callC"),
    Case("file_io", "writing and syncing a file", StepKind.SYSCALL, "main.writeFile"),
    Case("file_lock", "a file that another has locked", StepKind.SYSCALL, "main.lockFile"),
    Case(
        "network",
        "a peer in another program that answers late",
        StepKind.NETWORK,
        "main.awaitAnswer",
    ),
    Case("dial", "a dial that is not answered", StepKind.NETWORK, "main.dialInVain"),
    Case("accept", "a client that connects late", StepKind.NETWORK, "main.awaitClient"),
    Case("pipe", "a pipe that is written to late", StepKind.NETWORK, "main.readPipe"),
    Case("full_pipe", "a full pipe that is read late", StepKind.NETWORK, "main.fillPipe"),
)

#: What Python does; see ``record.py``.
PYTHON_CASES: Final = (
    Case(
        "python_task",
        "a Python task that runs a Go workload",
        StepKind.SLEEP,
        "main.workForPython",
        since=23,
    ),
    Case(
        "gil",
        "a Python region while another thread keeps the GIL",
        StepKind.OUTSIDE,
        "region 'render'",
    ),
    Case(
        "callback",
        "a Go request that calls Python, through C",
        StepKind.CGO,
        "region 'render'",
        "main.callPython",
        since=23,
    ),
    Case(
        "callback_and_back",
        "a Go request that calls Python, which runs a Go workload",
        StepKind.SLEEP,
        "main.workForPython",
        since=23,
    ),
)

#: What uses modules; see ``modules.go``.
MODULE_CASES: Final = (
    Case(
        "sqlite_pool",
        "database/sql with MaxOpenConns(1), and SQLite",
        StepKind.SLEEP,
        "main.keepConnection",
    ),
    Case("errgroup", "an errgroup that waits for the slowest", StepKind.SLEEP, "main.slowPart"),
    Case("singleflight", "a singleflight call that is slow", StepKind.SLEEP, "main.loadOnce"),
)

#: Programs of which only the words are looked at, in the order in which they are recorded.
OTHERS: Final = ("uniform", "late_collection", "late_cleanup", "collector", "stops", "stopped")
