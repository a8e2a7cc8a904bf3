"""Keeping signals for the program away from flightrec's own threads.

The kernel gives a signal that is sent to a process to any thread that does not block it. On a
thread of ours it would end a program that waits for it by ``sigwait``, and Python's main thread,
which runs the handlers, would not be woken. Go's threads do the same in libraries with the overlay
``signal-masks``.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

__all__ = ["signals_blocked", "signals_of_the_program", "takes_no_signals"]

P = ParamSpec("P")
T = TypeVar("T")

#: What the kernel sends to the thread that caused it, and what profilers and Go send to a thread.
_THREADS_OWN = {
    getattr(signal, f"SIG{name}", 0)
    for name in ("SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "ABRT", "PIPE", "XFSZ", "PROF", "URG")
}


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Block on this thread, for a ``with`` statement, the signals that programs handle.

    Not around code of the user's: a process that it starts would begin with them blocked.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _THREADS_OWN)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def takes_no_signals(target: Callable[P, T]) -> Callable[P, T]:
    """Decorate the function of a thread of ours.

    What it calls of the user's, it calls in :func:`signals_of_the_program`.
    """

    @functools.wraps(target)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if sys.platform != "win32":
            _thread.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        with signals_blocked():
            return target(*args, **kwargs)

    return run


@contextlib.contextmanager
def signals_of_the_program() -> Iterator[None]:
    """Unblock, for a ``with`` statement around code of the user's, what a thread of ours blocks.

    The code may start processes, which begin with the signals of their thread blocked. Does nothing
    on other threads.
    """
    mask = getattr(_thread, "mask", None)
    if sys.platform == "win32" or mask is None:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


#: What a thread of ours had blocked before it blocked all.
_thread = threading.local()
