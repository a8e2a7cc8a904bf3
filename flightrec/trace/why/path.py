"""The critical path: from the end of a stretch backward, through whoever ended each wait."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from flightrec.trace.program import is_recorder_goroutine, is_runtime_goroutine
from flightrec.trace.stacks import NO_STACK, Stack
from flightrec.trace.why.lives import Lives, Range, State
from flightrec.trace.why.model import Certainty, Place, StepKind, Waker
from flightrec.trace.why.netpoll import Writers
from flightrec.trace.why.places import in_program, place_of, start_place
from flightrec.trace.why.polls import is_socket_read
from flightrec.trace.why.wakers import (
    BEFORE,
    IDLE,
    NETWORK,
    NOT_FIRED,
    NOTHING_RAN,
    UP_TO,
    Ending,
    is_bystander,
    operation,
    way_of_ending,
)

__all__ = ["Leaf", "Path", "Wait"]

# Of the runs that kept a goroutine from running, so many are looked at.
_RUNS: Final = 50

# Goroutines that the bridge starts for Python's runtime.run.
_WORKLOAD: Final = ("flightrec/gobridge.startWorkload", "flightrec/gobridge.awaitMain")
# What the goroutines of iter.Pull start with.
_COROUTINE: Final = "runtime.corostart"
# What cgo calls the wrapper of a C function.
_CGO_WRAPPER: Final = "_Cfunc_"


class Wait:
    """A wait that something ended, whose time is explained by what is below it."""

    __slots__ = (
        "begin",
        "end",
        "goid",
        "node",
        "parent",
        "place",
        "reason",
        "row",
        "turn",
        "waker",
    )

    def __init__(
        self,
        parent: Wait | None,
        goid: int,
        begin: int,
        end: int,
        reason: str,
        place: Place | None,
        waker: Waker,
        row: int | None,
    ) -> None:
        self.parent = parent
        self.goid = goid
        self.begin = begin
        self.end = end
        self.reason = reason
        self.place = place
        self.waker = waker
        #: The row in which it began.
        self.row = row
        #: For whoever adds waits up.
        self.node: object = None
        #: How many waits of its kind, itself included, it lies in.
        self.turn = 1


class Leaf(NamedTuple):
    """A stretch of the path that is explained no further."""

    begin: int
    end: int
    goid: int
    kind: StepKind
    reason: str
    place: Place | None
    wait: Wait | None
    instead: Place | None = None
    certainty: Certainty = Certainty.RECORDED


class _Stretch(NamedTuple):
    goid: int
    begin: int
    end: int
    wait: Wait | None


class Path:
    """Finds critical paths in what goroutines did."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self._writers = Writers(lives)
        self._places: dict[int, Place | None] = {}
        self._started: dict[int, list[int]] | None = None

    def walk(self, goid: int, begin: int, end: int) -> Iterator[Leaf]:
        """The leaves that tile a stretch of a goroutine's time, the last one first.

        At a wait it goes on with the goroutine that ended it, up to the wait's begin, and at a
        goroutine's creation with its creator. All that wait for the same stretch are different
        goroutines, so this ends; it keeps its own stack, as such chains may be long.
        """
        pending = [_Stretch(goid, begin, end, None)]
        while pending:
            stretch = pending.pop()
            goid, wait, time = stretch.goid, stretch.wait, stretch.end
            while time > stretch.begin:
                found = self._step(goid, stretch.begin, time, wait)
                since = found.begin
                if found.creator is not None:
                    goid, time = found.creator, since
                    continue
                if found.inner is not None:
                    # Backward: the wait's own time first, then what this goroutine did before.
                    if since > stretch.begin:
                        pending.append(_Stretch(goid, stretch.begin, since, wait))
                    pending.append(found.inner)
                    yield from found.leaves
                    break
                yield from found.leaves
                time = since

    def _step(self, goid: int, low: int, time: int, wait: Wait | None) -> _Found:
        """What the goroutine did just before a time, no further back than ``low``."""
        lives = self._lives
        rows = lives.own.get(goid)
        at = lives.position(goid, time)
        if rows is None or (at == 0 and not rows):
            return _Found(low, [Leaf(low, time, goid, StepKind.UNKNOWN, "", None, wait)])
        start: int | None
        if at == 0:
            row = rows[0]
            state = lives.before(row)
            if state == State.UNKNOWN:
                # Told of at the generation's begin or end: it was so all along.
                state = lives.after(row)
                start = row
            else:
                start = None
            begin = low
        else:
            row = rows[at - 1]
            state = lives.after(row)
            begin, start = max(low, lives.times[row]), row
            if lives.before(row) == State.UNKNOWN:
                begin = low
        if state == State.NOT_EXIST:
            return self._absent(goid, low, begin, time, at, wait)
        end_row = None
        if at < len(rows) and lives.times[rows[at]] <= time:
            end_row = rows[at] if lives.before(rows[at]) != State.UNKNOWN else None
        if state == State.WAITING:
            return self._waiting(goid, begin, time, start, end_row, wait)
        if state == State.RUNNING:
            return _Found(begin, list(self._running(goid, begin, time, wait)))
        if state == State.RUNNABLE:
            following = rows[at] if at < len(rows) else None
            return _Found(begin, list(self._runnable(goid, begin, time, following, wait)))
        if state == State.SYSCALL:
            if start is None or not lives.stack_number(start):
                return self._outside(Leaf(begin, time, goid, StepKind.OUTSIDE, "", None, wait))
            leaf = self._syscall(goid, begin, time, start, wait)
            return self._outside(leaf) if leaf.kind is StepKind.CGO else _Found(begin, [leaf])
        return _Found(begin, [Leaf(begin, time, goid, StepKind.UNKNOWN, "", None, wait)])

    # Goroutines that are not there.

    def _absent(
        self, goid: int, low: int, begin: int, time: int, at: int, wait: Wait | None
    ) -> _Found:
        """Before a goroutine's creation; or a thread, which is a goroutine only while in Go."""
        lives = self._lives
        rows = lives.own[goid]
        row = rows[at] if at < len(rows) else None
        thread = row is None or lives.after(row) == State.SYSCALL
        if row is not None and not thread:
            creator = lives.actor(row)
            if creator is not None and not is_bystander(lives.stack(row)):
                return _Found(lives.times[row], [], creator=creator)
            # Timers' functions are started by the scheduler.
            birth = lives.births.get(goid)
            stack = NO_STACK if birth is None else birth.stack
            place = place_of(stack)
            if place is None or not in_program(stack):
                place = wait.place if wait is not None and wait.place is not None else place
            return _Found(low, [Leaf(low, time, goid, StepKind.TIMER, NOT_FIRED, place, wait)])
        return self._outside(Leaf(begin, time, goid, StepKind.OUTSIDE, "", None, wait))

    def _outside(self, leaf: Leaf) -> _Found:
        """A thread of Python's or C's that is not in Go, or a goroutine that called C.

        Either may be Python's (a goroutine that calls C may so call Python), which names what it
        does by regions and tasks, and may wait for a workload.
        """
        lives = self._lives
        begin, time, goid, wait = leaf.begin, leaf.end, leaf.goid, leaf.wait
        name = lives.python_name(goid, time)
        if name:
            stack = () if leaf.place is None else leaf.place.stack
            leaf = leaf._replace(place=Place(name, "", 0, stack))
        place = leaf.place
        ended = self._workload(goid, begin, time)
        if ended is None:
            return _Found(begin, [leaf])
        worker, end = ended
        waker = Waker(
            worker,
            lives.name(worker),
            None,
            "",
            Certainty.INFERRED,
            "this thread started it, and went on after it",
        )
        inner = Wait(wait, goid, begin, end, "outside Go", place, waker, None)
        leaves = []
        if end < time:
            leaves = [leaf._replace(begin=end)]
        return _Found(begin, leaves, inner=_Stretch(worker, begin, end, inner))

    def _workload(self, goid: int, begin: int, end: int) -> tuple[int, int] | None:
        """The workload that a thread started and that ended last between two times."""
        lives = self._lives
        best: tuple[int, int] | None = None
        for worker in self._workloads().get(goid, ()):
            rows = lives.own.get(worker)
            if rows is None or lives.after(rows[-1]) != State.NOT_EXIST:
                continue
            ended = lives.times[rows[-1]]
            if begin < ended <= end and (best is None or ended > best[1]):
                best = worker, ended
        return best

    def _workloads(self) -> dict[int, list[int]]:
        """The workloads' goroutines, by the thread that started them."""
        if self._started is None:
            self._started = {}
            for goid, birth in self._lives.births.items():
                creator, start = birth.creator, birth.stack
                if creator is None or goid is None or not start:
                    continue
                if not start[-1].function.startswith(_WORKLOAD):
                    continue
                self._started.setdefault(creator, []).append(goid)
        return self._started

    # Waits.

    def _waiting(
        self,
        goid: int,
        begin: int,
        time: int,
        start: int | None,
        end_row: int | None,
        wait: Wait | None,
    ) -> _Found:
        lives = self._lives
        reason = lives.reason(start) if start is not None else ""
        stack = lives.stack(start) if start is not None else NO_STACK
        place = self._place(start) if start is not None else None
        if place is None:
            place = start_place(lives.name(goid))

        def leaf(kind: StepKind, certainty: Certainty = Certainty.RECORDED) -> _Found:
            why = "" if kind is StepKind.GC_ASSIST else reason
            return _Found(begin, [Leaf(begin, time, goid, kind, why, place, wait, None, certainty)])

        if not reason and (start is None or lives.before(start) == State.UNKNOWN):
            reason = _reason_by(stack) or _reason_by_name(lives.name(goid))
        if end_row is None:
            return leaf(_UNENDED.get(reason, StepKind.BLOCKED))
        actor = lives.actor(end_row)
        ending = way_of_ending(reason, actor, lives.stack(end_row))
        if ending is Ending.GOROUTINE and actor is not None and actor != goid:
            did = operation(reason, lives.stack(end_row))
            where = self._place(end_row)
            if where is None and lives.name(actor) == _COROUTINE:
                where = self._made(actor)
            waker = Waker(actor, lives.name(actor), where, did)
            inner = Wait(wait, goid, begin, time, reason, place, waker, start)
            return _Found(begin, [], inner=_Stretch(actor, begin, time, inner))
        if ending is Ending.NETWORK:
            guess = None
            if is_socket_read(stack):
                guess = self._writers.who_wrote(goid, begin, time)
            if guess is None or self._waits_already(guess.goid, wait):
                return leaf(StepKind.NETWORK)
            waker = Waker(
                guess.goid,
                lives.name(guess.goid),
                self._place(guess.row),
                "write",
                Certainty.INFERRED,
                guess.support,
            )
            inner = Wait(wait, goid, begin, guess.time, reason, place, waker, start)
            leaves = []
            if guess.time < time:
                leaves = [Leaf(guess.time, time, goid, StepKind.NETWORK, reason, place, wait)]
            if guess.time <= begin:
                return _Found(begin, leaves)
            return _Found(begin, leaves, inner=_Stretch(guess.goid, begin, guess.time, inner))
        return leaf(_LEAVES.get(ending, StepKind.BLOCKED))

    def _made(self, goid: int) -> Place | None:
        """Where a goroutine was created; None if that was before the window."""
        row = self._lives.own[goid][0]
        return self._place(row) if self._lives.before(row) == State.NOT_EXIST else None

    @staticmethod
    def _waits_already(goid: int, wait: Wait | None) -> bool:
        """Whether a goroutine is among those that wait for this stretch already."""
        while wait is not None:
            if wait.goid == goid:
                return True
            wait = wait.parent
        return False

    # Running.

    def _running(self, goid: int, begin: int, end: int, wait: Wait | None) -> Iterator[Leaf]:
        """A stretch of running, the last part first, with assists and own stops of the world."""
        for since, until, place, known in self._places_of_run(goid, begin, end):
            reason = "" if known else UP_TO
            yield from self._overlaid(
                Leaf(since, until, goid, StepKind.RUNNING, reason, place, wait), own=True
            )

    def _places_of_run(
        self, goid: int, begin: int, end: int
    ) -> Iterator[tuple[int, int, Place | None, bool]]:
        """Where a goroutine ran: up to each moment with a stack it was there; backward.

        The last value is False where that moment says little of the time before: a task's end or a
        log is no work, and stands behind it.
        """
        lives = self._lives
        acts = lives.acts_between(goid, begin, end)
        until = end
        if not acts or lives.times[acts[-1]] < end:
            following = lives.next_act(goid, end)
            # Only if it is of the same life and run; else the last known one.
            if following is not None and not self._stopped_between(goid, end, following):
                acts = [*acts, following]
        if not acts:
            yield begin, end, start_place(lives.name(goid)), True
            return
        place, known = self._place(acts[-1]), lives.is_work(acts[-1])
        for i in range(len(acts) - 1, 0, -1):
            since = lives.times[acts[i - 1]]
            before = self._place(acts[i - 1])
            if since >= until or (
                before is not None and place is not None and before.function == place.function
            ):
                continue
            yield since, until, place, known
            until, place, known = since, before, lives.is_work(acts[i - 1])
        if until > begin:
            yield begin, until, place, known

    def _stopped_between(self, goid: int, time: int, row: int) -> bool:
        """Whether a goroutine stopped after a time and before a row."""
        lives = self._lives
        own = lives.own[goid]
        at = lives.position(goid, time + 1)
        return at < len(own) and own[at] < row

    def _runnable(
        self, goid: int, begin: int, end: int, following: int | None, wait: Wait | None
    ) -> Iterator[Leaf]:
        """Ready, and not running: by a stopped world, or who ran on the P that it got next."""
        instead = None
        proc = -1
        if following is not None and self._lives.after(following) == State.RUNNING:
            proc = self._lives.procs[following]
        for leaf in self._overlaid(
            Leaf(begin, end, goid, StepKind.RUNNABLE, "", self._runnable_place(goid), wait)
        ):
            if leaf.kind is StepKind.RUNNABLE and proc >= 0:
                instead = self._who_ran(proc, leaf.begin, leaf.end, goid)
                leaf = leaf._replace(instead=instead, reason="" if instead else NOTHING_RAN)
            yield leaf

    def _runnable_place(self, goid: int) -> Place | None:
        return start_place(self._lives.name(goid))

    def _who_ran(self, proc: int, begin: int, end: int, but: int) -> Place | None:
        """Where the goroutine was that ran for most of a time on a P; None if none did."""
        runs = [run for run in self._lives.runs(proc, begin, end) if run[0] != but]
        if 2 * sum(until - since for _, since, until in runs) < end - begin:
            return None
        # Several goroutines with one start function are one hog.
        by_name: dict[str, int] = {}
        for goid, since, until in runs:
            name = self._lives.name(goid)
            by_name[name] = by_name.get(name, 0) + until - since
        name = max(by_name, key=lambda key: by_name[key])
        if is_runtime_goroutine(name) or is_recorder_goroutine(name):
            return start_place(name)
        runs = [run for run in runs if self._lives.name(run[0]) == name]
        runs.sort(key=lambda run: run[1] - run[2])
        places: dict[str, tuple[int, Place]] = {}
        for goid, since, until in runs[:_RUNS]:
            for first, last, place, _ in self._places_of_run(goid, since, until):
                if place is not None:
                    known = places.get(place.function, (0, place))[0]
                    places[place.function] = known + last - first, place
        return max(places.values(), key=lambda entry: entry[0])[1] if places else None

    def _overlaid(self, leaf: Leaf, *, own: bool = False) -> Iterator[Leaf]:
        """A leaf, cut up where a mark assist or a stopped world lies over it; backward."""
        cuts: list[tuple[int, int, StepKind, Range]] = []
        for found in _ranges(self._lives.assists.get(leaf.goid, ()), leaf.begin, leaf.end):
            cuts.append((found.begin, found.end, StepKind.GC_ASSIST, found))
        for found in _ranges(self._lives.stops, leaf.begin, leaf.end):
            if own == (found.goid == leaf.goid):
                cuts.append((found.begin, found.end, StepKind.STOP_THE_WORLD, found))
        if not cuts:
            yield leaf
            return
        cuts.sort(key=lambda cut: -cut[1])
        until = leaf.end
        for begin, end, kind, found in cuts:
            begin, end = max(begin, leaf.begin), min(end, until)
            if end <= begin:
                continue
            if end < until:
                yield leaf._replace(begin=end, end=until)
            place = place_of(found.stack)
            if kind is StepKind.GC_ASSIST:
                yield leaf._replace(
                    begin=begin,
                    end=end,
                    kind=kind,
                    reason="",
                    place=place or leaf.place,
                    instead=None,
                )
            else:
                yield leaf._replace(
                    begin=begin, end=end, kind=kind, reason=found.name, instead=place
                )
            until = begin
        if until > leaf.begin:
            yield leaf._replace(end=until)

    def _syscall(self, goid: int, begin: int, end: int, start: int, wait: Wait | None) -> Leaf:
        stack = self._lives.stack(start)
        call = next((f.function for f in stack[:3] if _CGO_WRAPPER in f.function), "")
        kind = StepKind.CGO if call else StepKind.SYSCALL
        return Leaf(begin, end, goid, kind, call or stack[0].function, self._place(start), wait)

    def _place(self, row: int | None) -> Place | None:
        if row is None:
            return None
        number = self._lives.stack_number(row)
        if number not in self._places:
            self._places[number] = place_of(self._lives.stack_numbered(number))
        return self._places[number]


class _Found(NamedTuple):
    """What was found before a time, back to ``begin``.

    ``creator`` is where to go on at ``begin``; ``inner`` the stretch that explains a wait, before
    which ``leaves`` come.
    """

    begin: int
    leaves: list[Leaf]
    inner: _Stretch | None = None
    creator: int | None = None


_LEAVES: Final = {
    Ending.SLEEP: StepKind.SLEEP,
    Ending.TIMER: StepKind.TIMER,
    Ending.GC_ASSIST: StepKind.GC_ASSIST,
    Ending.GC: StepKind.GC,
    Ending.NETWORK: StepKind.NETWORK,
    Ending.IDLE: StepKind.GC,
    Ending.NOBODY: StepKind.UNKNOWN,
}
_UNENDED: Final = {
    "sleep": StepKind.SLEEP,
    NETWORK: StepKind.NETWORK,
    IDLE: StepKind.GC,
}

# For waits that began before the part of the trace that was read, of which only a stack is told.
_BY_FRAME: Final = {
    "time.Sleep": "sleep",
    "internal/poll.runtime_pollWait": NETWORK,
    "runtime.chanrecv": "chan receive",
    "runtime.chansend": "chan send",
    "runtime.selectgo": "select",
    "sync.runtime_notifyListWait": "sync.(*Cond).Wait",
    "sync.runtime_Semacquire": "sync",
    "internal/sync.runtime_Semacquire": "sync",
}


def _ranges(ranges: Sequence[Range], begin: int, end: int) -> Iterator[Range]:
    """The ranges that reach into a stretch, of some in order."""
    # They do not overlap, so the one before the first that begins later may reach in.
    at = max(0, bisect_left(ranges, (begin,)) - 1)
    while at < len(ranges) and ranges[at].begin < end:
        if ranges[at].end > begin:
            yield ranges[at]
        at += 1


def _reason_by(stack: Stack) -> str:
    """Why a goroutine waits, by the stack of its wait."""
    for frame in stack[:6]:
        for name, reason in _BY_FRAME.items():
            if frame.function.startswith(name):
                return reason
    return ""


def _reason_by_name(name: str) -> str:
    """Why a goroutine waits, by its start function, where no more is told."""
    return IDLE if is_runtime_goroutine(name) else BEFORE
