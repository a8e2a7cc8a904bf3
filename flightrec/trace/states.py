"""The states of goroutines and procs, on the wire and in events."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["GO_STATES", "PROC_STATES", "GoState", "GoStatus", "ProcState", "ProcStatus"]


class _Name(str, enum.Enum):
    """A name; equal to its text, and printed as it."""

    def __str__(self) -> str:
        return str(self.value)


class GoState(_Name):
    """A goroutine's state, named as Go's ``internal/trace`` prints it."""

    UNDETERMINED = "Undetermined"
    NOT_EXIST = "NotExist"
    RUNNABLE = "Runnable"
    RUNNING = "Running"
    WAITING = "Waiting"
    SYSCALL = "Syscall"


class ProcState(_Name):
    """A proc's state, named as Go's ``internal/trace`` prints it."""

    UNDETERMINED = "Undetermined"
    NOT_EXIST = "NotExist"
    RUNNING = "Running"
    IDLE = "Idle"


class GoStatus:
    """A goroutine's status as a ``gstatus`` argument has it."""

    RUNNABLE: Final = 1
    RUNNING: Final = 2
    SYSCALL: Final = 3
    WAITING: Final = 4


class ProcStatus:
    """A proc's status as a ``pstatus`` argument has it.

    ABANDONED is a syscall whose begin is not in the generation: the proc is about to be stolen
    and nothing says from which M.
    """

    RUNNING: Final = 1
    IDLE: Final = 2
    SYSCALL: Final = 3
    ABANDONED: Final = 4


#: The state an event shows for a goroutine's status. Go lets the invalid status 0 through.
GO_STATES: Final = (
    GoState.UNDETERMINED,
    GoState.RUNNABLE,
    GoState.RUNNING,
    GoState.SYSCALL,
    GoState.WAITING,
)

#: The state an event shows for a proc's status.
PROC_STATES: Final = (
    ProcState.UNDETERMINED,
    ProcState.RUNNING,
    ProcState.IDLE,
    ProcState.RUNNING,
    ProcState.IDLE,
)
