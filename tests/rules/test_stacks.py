"""The stacks of Python's threads, as a rule that fires takes them."""

from __future__ import annotations

import threading

from flightrec.rules.stacks import python_stacks
from tests.helpers import DEADLINE, Thread


def test_stacks_need_no_lock() -> None:
    """Stacks are taken, with names, also while the lock of Python's list of threads is taken."""
    taken, listed = threading.Event(), threading.Event()

    def list_them() -> list[dict[str, object]]:
        taken.wait(DEADLINE)
        stacks = python_stacks()
        listed.set()
        return stacks

    thread = Thread(list_them)  # its begin and its end take the lock
    with threading._active_limbo_lock:  # type: ignore[attr-defined]
        taken.set()
        assert listed.wait(DEADLINE)
    (fired,) = [each for each in thread.result() if each["fired"]]
    assert "list_them (" in str(fired["stack"])
    assert "MainThread" in [each["thread"] for each in thread.result()]
