"""When something is odd: it took far longer than others of its kind.

Two questions, and so two strengths. ``flightrec info`` lists all that may be odd, so that nothing
is missed. ``flightrec why`` picks one thing to explain, which must be worth it: a wait of 3 ms
where others take 0.3 ms is listed, but not picked. Of tasks both judge alike, and of a lock that
was waited for only now and then.
"""

from __future__ import annotations

from typing import Final

from flightrec.trace.stacks import Stack
from flightrec.trace.summary.distribution import Distribution

__all__ = ["ENOUGH", "is_listed", "is_lock", "is_odd_task", "is_picked"]

#: So many others tell what is usual.
ENOUGH: Final = 7

# How many times longer than is usual, and at least how long (ns), something must be.
_FACTOR: Final = 10
_LISTED_NS: Final = 1_000_000
_PICKED_NS: Final = 10_000_000

# If more than this share took at least half as long as the longest, the kind has two usual
# durations and the longest is one of them.
_SHARE: Final = 0.05

# A task is what somebody waited for, so less is odd: this many times the median, and so much more
# than that (ns), if nine of ten others took far less, and there are so many.
_TASK_OTHERS: Final = 4
_TASK_FACTOR: Final = 3
_TASK_NS: Final = 1_000_000
_TASK_TENTH: Final = 1.5


# Who waits for these is said to wait for "sync"; but so is who waits for a WaitGroup, which may be
# meant to take long.
_LOCKS: Final = ("sync.(*Mutex).", "sync.(*RWMutex).", "internal/sync.(*Mutex).")


def is_lock(stack: Stack) -> bool:
    """Whether a wait is for a lock. Those are meant to be short, so a single long one is odd."""
    return any(frame.function.startswith(_LOCKS) for frame in stack[:4])


def is_listed(count: int, median: int, long: int, longest: int) -> bool:
    """Whether the longest (ns) of ``count`` is odd enough to be listed.

    ``median`` is theirs, ``long`` how many took at least half as long, itself included.
    """
    return (
        count > ENOUGH
        and longest >= max(_LISTED_NS, _FACTOR * median)
        and long <= max(1, _SHARE * count)
    )


def is_picked(others: Distribution, longest: int, *, alone: bool = False) -> bool:
    """Whether the longest (ns) is odd enough to be explained without being asked for.

    ``alone`` says that it may be if there are too few others to tell what is usual.
    """
    if longest < _PICKED_NS:
        return False
    if others.count < ENOUGH:
        return alone
    return longest >= _FACTOR * max(others.quantile(0.9), 1)


def is_odd_task(others: Distribution, took: int) -> bool:
    """Whether a task that took so long (ns) is odd, by what the others of its name took."""
    median = others.quantile(0.5)
    return (
        others.count >= _TASK_OTHERS
        and took >= _TASK_FACTOR * median
        and took - median >= _TASK_NS
        and took >= _TASK_TENTH * others.quantile(0.9)
    )
