"""Calls that may hang, with a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from flightrec.signals import takes_no_signals

__all__ = ["within"]

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T], what: str) -> T:
    """Return what a call returns or raises, if it does so in time.

    It runs on a daemon thread of its own. One that hangs in a Go runtime that is stuck stays there.

    :param what: for the message: what does not answer.
    :raises TimeoutError: it does not.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=takes_no_signals(run), name="flightrec-call", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"{what} did not answer within {seconds:g} s")
    return results[0]
