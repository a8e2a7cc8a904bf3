"""What signals mean to a command that runs a program: an end, or a dump."""

from __future__ import annotations

import argparse
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["SignalHandlers", "Stopped", "dump_signal"]

_ENDS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")

#: Those that cannot be handled, those that mean a fault, and those that the Go runtime uses.
_UNFIT = (
    *("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP"),
    *("SIGSYS", "SIGPROF", "SIGURG", "SIGCHLD", "SIGPIPE"),
)


def dump_signal(text: str) -> int:
    """Read the name or number of a signal that may ask for a dump; ``none`` is 0.

    :raises argparse.ArgumentTypeError: there is none of that name, or it cannot be used.
    """
    if text.lower() == "none":
        return 0
    names = {number.name: int(number) for number in signal.Signals}
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    number = int(text) if text.isdecimal() else names.get(name, -1)
    if number not in {int(n) for n in signal.valid_signals()}:
        raise argparse.ArgumentTypeError(
            f"there is no signal {text!r}; write it as SIGUSR2, USR2 or 12, or none"
        )
    if number in {names.get(unfit) for unfit in _UNFIT}:
        raise argparse.ArgumentTypeError(
            f"{text} cannot ask for a dump: the system, Python or Go has another use for it"
        )
    return number


class Stopped(BaseException):
    """A signal that is to end the run."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SignalHandlers:
    """Handles signals on the main thread.

    A signal that ends raises :class:`Stopped` there, once. One that asks for a dump sets
    :attr:`dump_wanted`. What is ignored from the start (nohup, a shell's background job) stays so,
    as in Go.

    :param dump: the number of the signal that asks for a dump; 0 for none.
    """

    def __init__(self, *, dump: int) -> None:
        self.stopping = False  #: a signal that ends is not heard any more
        self.dump_wanted = False
        self._dump = dump

    def install(self) -> None:
        """Take the signals. What Go code asks for afterwards (signal.Notify) goes to it instead."""
        handlers: dict[int, Callable[[int, FrameType | None], None]]
        handlers = {int(getattr(signal, name, 0)): self._stop for name in _ENDS}
        handlers[self._dump] = self._want_dump
        handlers.pop(0, None)
        for number, handler in handlers.items():
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping = True
            raise Stopped(number)

    def _want_dump(self, _number: int, _frame: FrameType | None) -> None:
        self.dump_wanted = True
