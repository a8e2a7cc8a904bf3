"""Who ended a wait: what the runtime's words for a wait and the waker's stack say."""

from __future__ import annotations

import enum
from typing import Final

from flightrec.trace.stacks import Stack

__all__ = [
    "BEFORE",
    "IDLE",
    "NETWORK",
    "NOTHING_RAN",
    "NOT_FIRED",
    "UP_TO",
    "Ending",
    "is_bystander",
    "operation",
    "way_of_ending",
]


class Ending(enum.Enum):
    """By what a wait ends."""

    GOROUTINE = enum.auto()
    NETWORK = enum.auto()
    SLEEP = enum.auto()
    TIMER = enum.auto()
    GC_ASSIST = enum.auto()
    GC = enum.auto()
    #: A goroutine of the runtime's that had nothing to do: that of finalizers, for one.
    IDLE = enum.auto()
    NOBODY = enum.auto()


#: The runtime's word for its own goroutines' having nothing to do.
IDLE: Final = "system goroutine wait"
#: The runtime's word for a wait in its poller.
NETWORK: Final = "network"
#: Reasons of our own: a wait began before the window, which does not say for what; a goroutine was
#: ready, and none ran on the P that it got next; a goroutine was yet to be started by a timer; one
#: ran somewhere, of which only the place is known that it came to in the end.
BEFORE: Final = "before the window"
NOTHING_RAN: Final = "no goroutine ran"
NOT_FIRED: Final = "its timer had not fired"
UP_TO: Final = "up to there"

# The words of Go's runtime/traceruntime.go, 1.22 to 1.27.
_BY_REASON: Final = {
    "sleep": Ending.SLEEP,
    "GC mark assist wait for work": Ending.GC_ASSIST,
    "wait until GC ends": Ending.GC,
    "GC background sweeper wait": Ending.GC,
    "GC weak to strong wait": Ending.GC,
    # The runtime stops a goroutine so, to scan its stack.
    "preempted": Ending.GC,
    IDLE: Ending.IDLE,
}
_CHANNELS: Final = ("chan receive", "chan send", "select")

# The poller and timers run wherever the scheduler is. Then the trace has the goroutine that the M
# ran last, at this place; it has nothing to do with it.
_SCHEDULER: Final = "runtime.systemstack_switch"

# What a goroutine does itself to end another's wait for the network: a deadline, or closing.
_UNBLOCKS_NETWORK: Final = ("setDeadlineImpl", "runtime_pollUnblock", "poll.(*pollDesc).evict")


def is_bystander(stack: Stack) -> bool:
    """Whether the goroutine with this stack only happened to run when the scheduler woke one."""
    return not stack or stack[0].function == _SCHEDULER


def way_of_ending(reason: str, waker: int | None, stack: Stack) -> Ending:
    """By what a wait ended, from its reason, and the goroutine that ran then with its stack."""
    found = _BY_REASON.get(reason)
    if found is not None:
        return found
    if reason == NETWORK:
        if waker is not None and any(
            name in frame.function for frame in stack for name in _UNBLOCKS_NETWORK
        ):
            return Ending.GOROUTINE
        return Ending.NETWORK
    if reason == "":
        # A coroutine's switch has no stacks.
        return Ending.NOBODY if waker is None else Ending.GOROUTINE
    if waker is None or is_bystander(stack):
        if reason == BEFORE:
            return Ending.NOBODY
        # Of what ends other waits, only timers belong to no goroutine.
        return Ending.TIMER
    return Ending.GOROUTINE


def operation(reason: str, stack: Stack) -> str:
    """What a waker did to end such a wait: the first function that is not the runtime's.

    ``sync.(*Mutex).Unlock``; for channels ``runtime.chansend`` and the like. A coroutine's switch
    has no stack.
    """
    if not stack:
        return "" if reason else "runtime.coroswitch"
    # Go leaves out closechan's own frame, and no other channel operation's.
    if reason in _CHANNELS and not stack[0].function.startswith("runtime."):
        return "runtime.closechan"
    for frame in stack:
        if not frame.function.startswith(("runtime.", "sync.runtime_", "internal/sync.")):
            standard = frame.function.startswith(("sync.", "internal/poll."))
            return frame.function if standard else stack[0].function
    return stack[0].function
