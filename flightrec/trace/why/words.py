"""The words for steps, waits and places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flightrec.trace.names import cut
from flightrec.trace.program import program_frame
from flightrec.trace.stacks import Frame
from flightrec.trace.why.model import Certainty, Part, Place, StepKind, Waker
from flightrec.trace.why.polls import polled
from flightrec.trace.why.wakers import BEFORE, IDLE, NETWORK, NOT_FIRED, NOTHING_RAN, UP_TO

__all__ = ["ended_by", "place_text", "short", "step_text", "waited_for"]

# What a wait is for, by the outermost of the frames of these packages that the stack begins with.
_FOR: Final = (
    ("sync.(*Mutex)", "a sync.Mutex"),
    ("sync.(*RWMutex).RLock", "a sync.RWMutex (to read)"),
    ("sync.(*RWMutex)", "a sync.RWMutex (to write)"),
    ("sync.(*WaitGroup)", "a sync.WaitGroup"),
    ("sync.(*Once)", "a sync.Once"),
    ("sync.(*Cond)", "a sync.Cond"),
    ("sync.(*Map)", "a sync.Map"),
    ("sync.(*Pool)", "a sync.Pool"),
    ("io.(*pipe)", "the other end of an io.Pipe"),
    ("io.(*Pipe", "the other end of an io.Pipe"),
    ("database/sql.(*DB).conn", "a connection of the database/sql pool"),
    ("net/http.(*persistConn).roundTrip", "the answer to an HTTP request"),
    ("net/http.(*Transport).getConn", "an HTTP connection"),
    ("net/http.(*http2", "an HTTP/2 peer"),
    ("os/exec.(*Cmd).Wait", "a child process"),
)
# What the runtime's own semaphores are for, by the innermost frame.
_OWN: Final = (
    ("runtime.gcStart", "for the garbage collector to begin a cycle"),
    ("runtime.gcMarkDone", "for the garbage collector to end marking"),
    ("runtime.stopTheWorld", "to stop the world, which another goroutine had stopped,"),
)
_REASONS: Final = {
    "chan receive": "for a channel (to receive)",
    "chan send": "for a channel (to send)",
    "select": "in a select",
    "sync": "for a lock",
    "sync.(*Cond).Wait": "for a sync.Cond",
    "sleep": "for a sleep to end",
    "forever": "for ever (an empty select or a nil channel)",
    "synctest": "for the other goroutines of its synctest bubble",
    "outside Go": "for the Go workload that it started",
    BEFORE: "for what the trace does not say, as it began before the window,",
    "": "for a coroutine (iter.Pull)",
}

# Waits for the collector.
_COLLECTOR: Final = {
    "wait until GC ends": "waited for the garbage collector to finish in",
    "GC weak to strong wait": "waited for the garbage collector, to use a weak pointer in",
    "preempted": "was stopped by the garbage collector, which scanned its stack, in",
}

# Goroutines of the runtime's that run what the program has given them, by their start function.
_RUNS: Final = {
    "runtime.runfinq": "finalizer",  # up to Go 1.24
    "runtime.runFinalizers": "finalizer",
    "runtime.runCleanups": "cleanup",
}
_TRACER: Final = "runtime.(*traceAdvancerState)"
_MARKER: Final = "runtime.gcBgMarkWorker"

# Why the world is stopped: stwReasonStrings of Go's runtime/proc.go, where they say little.
_STOPS: Final = {
    "read mem stats": "runtime.ReadMemStats",
    "write heap dump": "debug.WriteHeapDump",
    "all goroutines stack trace": "a stack trace of all goroutines",
    "GOMAXPROCS": "a change of GOMAXPROCS",
    "goroutine profile": "a goroutine profile",
    "goroutine profile cleanup": "the end of a goroutine profile",
    "GC mark termination": "the garbage collector: the end of marking",
    "GC sweep termination": "the garbage collector: the beginning of a cycle",
    "start trace": "the start of the recording",
    "stop trace": "the end of the recording",
}

_DID: Final = (
    ("sync.(*Mutex).Unlock", "unlocked it"),
    ("sync.(*RWMutex).", "unlocked it"),
    ("sync.(*WaitGroup).", "was the last to be done"),
    ("sync.(*Once).", "was done with it"),
    ("sync.(*Cond).", "signalled it"),
    ("runtime.chansend", "sent"),
    ("runtime.chanrecv", "received"),
    ("runtime.closechan", "closed it"),
    ("runtime.selectgo", "sent or received in a select"),
    ("runtime.selectnb", "sent or received in a select"),
    ("write", "wrote to the connection"),
    ("internal/poll.", "closed it or set its deadline"),
    ("runtime.gc", "went on with the collection"),
    ("runtime.startTheWorld", "started it again"),
    ("runtime.traceAdvance", "ended a generation of the trace"),
)


def place_text(place: Place | None) -> str:
    """A place: its function without the path of its package, and the line."""
    if place is None:
        return ""
    name = short(place.function)
    if not place.line:
        return cut(name)
    return f"{name} ({place.file.replace(chr(92), '/').rpartition('/')[2]}:{place.line})"


def short(function: str) -> str:
    """A function's name without the path of its package."""
    # Type arguments may have slashes of their own, and so may what a region is called.
    head = function.partition("[")[0].partition(" ")[0]
    return function[head.rfind("/") + 1 :]


def waited_for(reason: str, stack: Sequence[Frame]) -> str:
    """What a wait is for, after "waited": "for …" or "in …"."""
    found = ""
    for frame in stack[:10]:
        name = next((words for start, words in _FOR if frame.function.startswith(start)), None)
        if name is not None:
            found = name
        elif not frame.function.startswith(("runtime.", "sync.", "internal/", "io.", "net/http.")):
            break
    if found:
        return f"for {found}"
    if reason == NETWORK:
        return polled(stack)
    if reason == "sync" and stack and stack[0].function.startswith("runtime."):
        inner = stack[0].function
        own = (words for start, words in _OWN if inner.startswith(start))
        return next(own, f"for a lock of the runtime's ({inner})")
    return _REASONS.get(reason, f"for {reason!r}")


def ended_by(waker: Waker) -> str:
    """Who ended a wait, and how."""
    did = next((words for start, words in _DID if waker.operation.startswith(start)), "woke it")
    if waker.certainty is Certainty.INFERRED and not waker.operation:
        did = "ended"
    where = place_text(waker.place)
    if waker.operation == "runtime.coroswitch":
        if where:
            return f"until goroutine {waker.goid}, the coroutine made at {where}, switched back"
        did = "switched to it"
    name = short(waker.function)
    who = f"goroutine {waker.goid}"
    if name and (waker.place is None or waker.place.function != waker.function):
        who += f" ({name})"
    text = f"until {who} {did}" + (f" at {where}" if where else "")
    if waker.certainty is Certainty.INFERRED:
        text += f" (inferred: {waker.support})"
    return text


def step_text(part: Part, who: str) -> str:
    """What a part's time went to, without the amount; ``who`` is the goroutine in words."""
    at = place_text(part.place)
    kind = part.kind
    if kind is StepKind.WAITED or kind is StepKind.BLOCKED:
        stack = part.place.stack if part.place is not None else ()
        text = f"{who} waited {waited_for(part.reason, stack)}" + (f" at {at}" if at else "")
        if part.waker is not None:
            return f"{text}, {ended_by(part.waker)}{_turns(part)}"
        return f"{text}; nothing in the window ended it"
    if kind is StepKind.RUNNABLE:
        text = f"{who} was ready to run"
        if part.instead is None:
            if part.reason == NOTHING_RAN:
                return f"{text}, and no goroutine ran on the P that it got"
            return f"{text}; the trace does not show what ran instead"
        if part.instead.function == _MARKER:
            return f"{text}, while the garbage collector marked ({short(_MARKER)}) on its P"
        return f"{text}, while {place_text(part.instead)}{_from(part.instead)} ran on its P"
    if kind is StepKind.STOP_THE_WORLD:
        reason = part.reason.partition("(")[2].removesuffix(")") or part.reason
        by = place_text(part.instead) + _from(part.instead)
        why = f"the world was stopped for {_STOPS.get(reason, reason)}"
        return why + (f", by {by}" if by else "")
    where = at + _from(part.place)
    if kind is StepKind.GC and part.reason == IDLE:
        runs = _RUNS.get(part.place.function if part.place is not None else "")
        if runs is None:
            return f"{who}, one of the runtime's own, had nothing to do"
        return (
            f"{who}, which runs the {runs}s, had none to run until the garbage collector found an "
            f"unused object that has a {runs}"
        )
    if kind is StepKind.TIMER and part.reason == NOT_FIRED:
        return f"the timer that started {who} had not fired yet"
    if kind is StepKind.SYSCALL:
        text = f"was in a system call ({short(part.reason)}) in"
    elif kind is StepKind.CGO:
        name = part.reason.partition("_Cfunc_")[2]
        text = f"was in C ({name}) in"
    elif kind is StepKind.NETWORK:
        text = f"waited {polled(part.place.stack if part.place is not None else ())} in"
    elif kind is StepKind.GC:
        text = _COLLECTOR.get(part.reason, _LEAVES[kind])
    elif kind is StepKind.RUNNING and at.startswith(_TRACER):
        return f"{who} ended a generation of the trace, for the recorder"
    elif kind is StepKind.RUNNING and part.reason == UP_TO:
        text = "ran up to"
    elif part.reason == BEFORE:
        return f"{who} waited {_REASONS[BEFORE].removesuffix(',')}" + (f", at {at}" if at else "")
    else:
        text = _LEAVES.get(kind, str(kind))
    return f"{who} {text} {where}" if where else f"{who} {text.removesuffix(' in')}"


def _turns(part: Part) -> str:
    """That a wait is one for others that waited there themselves."""
    if part.turns == 1 or (part.turns == 2 and part.count > 2):
        return ""
    return (
        f", which had waited there itself: {part.turns} waits of {part.goroutines} goroutines, one "
        "after another"
    )


def _from(place: Place | None) -> str:
    """The program's function that called the one at a place, if there is one."""
    if place is None:
        return ""
    frames = iter(place.stack)
    if place.line:  # else it is no place in the code, but a region, and all of the stack called it
        for frame in frames:
            if frame.function == place.function and frame.line == place.line:
                break
    caller = program_frame(frame for frame in frames if frame.function != place.function)
    if caller is None:
        return ""
    return f", called from {place_text(Place(caller.function, caller.file, caller.line))},"


_LEAVES: Final = {
    StepKind.RUNNING: "ran in",
    StepKind.SLEEP: "slept in",
    StepKind.TIMER: "waited for a timer in",
    StepKind.GC_ASSIST: "allocated and had to help the garbage collector (mark assist) in",
    StepKind.GC: "waited for the garbage collector in",
    StepKind.OUTSIDE: "was outside Go (Python or C) in",
    StepKind.UNKNOWN: "is not in the window",
    StepKind.SHORT: "did many short steps",
}
