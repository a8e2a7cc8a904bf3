"""The words for steps, waits and places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flightrec.trace.program import program_frame
from flightrec.trace.stacks import Frame
from flightrec.trace.why.model import Certainty, Part, Place, StepKind, Waker

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
_REASONS: Final = {
    "chan receive": "a channel (to receive)",
    "chan send": "a channel (to send)",
    "select": "a select",
    "sync": "a lock",
    "sync.(*Cond).Wait": "a sync.Cond",
    "network": "the network",
    "sleep": "a sleep",
    "forever": "ever (an empty select or a nil channel)",
    "outside Go": "the Go workload that it started",
    "": "a coroutine (iter.Pull)",
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
    ("runtime.selectgo", "took part in a select"),
    ("runtime.selectnb", "took part in a select"),
    ("write", "wrote to the connection"),
    ("internal/poll.", "closed it or set its deadline"),
)


def place_text(place: Place | None) -> str:
    """A place: its function without the path of its package, and the line."""
    if place is None:
        return ""
    name = short(place.function)
    if not place.line:
        return name
    return f"{name} ({place.file.replace(chr(92), '/').rpartition('/')[2]}:{place.line})"


def short(function: str) -> str:
    """A function's name without the path of its package."""
    # Type arguments may have slashes of their own.
    head, bracket, rest = function.partition("[")
    return head.rpartition("/")[2] + bracket + rest


def waited_for(reason: str, stack: Sequence[Frame]) -> str:
    """What a wait is for, after "waited for"."""
    found = ""
    for frame in stack[:10]:
        name = next((words for start, words in _FOR if frame.function.startswith(start)), None)
        if name is not None:
            found = name
        elif not frame.function.startswith(("runtime.", "sync.", "internal/", "io.", "net/http.")):
            break
    return found or _REASONS.get(reason, f"{reason!r}")


def ended_by(waker: Waker) -> str:
    """Who ended a wait, and how."""
    did = next((words for start, words in _DID if waker.operation.startswith(start)), "woke it")
    if waker.certainty is Certainty.INFERRED and not waker.operation:
        did = "ended"
    where = place_text(waker.place)
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
        text = f"{who} waited for {waited_for(part.reason, stack)}" + (f" at {at}" if at else "")
        if part.waker is not None:
            return f"{text}, {ended_by(part.waker)}"
        return f"{text}; nothing in the window ended it"
    if kind is StepKind.RUNNABLE:
        text = f"{who} was ready to run"
        if part.instead is None:
            return f"{text}; the trace does not show what ran instead"
        return f"{text}, while {place_text(part.instead)}{_from(part.instead)} ran on its P"
    if kind is StepKind.STOP_THE_WORLD:
        reason = part.reason.partition("(")[2].rstrip(")") or part.reason
        by = place_text(part.instead)
        return f"the world was stopped ({reason})" + (f" by {by}" if by else "")
    where = at + _from(part.place)
    if kind is StepKind.SYSCALL:
        text = f"was in a system call ({short(part.reason)}) in"
    elif kind is StepKind.CGO:
        name = part.reason.partition("_Cfunc_")[2]
        text = f"was in C ({name}) in"
    else:
        text = _LEAVES.get(kind, str(kind))
    return f"{who} {text} {where}" if where else f"{who} {text.removesuffix(' in')}"


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
    StepKind.NETWORK: "waited for the network in",
    StepKind.GC_ASSIST: "allocated and had to help the garbage collector (mark assist) in",
    StepKind.GC: "waited for the garbage collector in",
    StepKind.OUTSIDE: "was outside Go (Python or C) in",
    StepKind.UNKNOWN: "is not in the window",
    StepKind.SHORT: "did many short steps",
}
