"""News from Go: tasks and requests that ended, and snapshots that Go code asks for."""

from __future__ import annotations

import ctypes
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flightrec import abi
from flightrec.abi import NewsKind, Status
from flightrec.library import Library
from flightrec.rules.moment import Event, EventKind
from flightrec.signals import takes_no_signals

__all__ = ["News", "open_in_go", "watch_for"]

_KINDS: dict[int, EventKind] = {
    NewsKind.TASK: "task",
    NewsKind.HTTP: "http",
    NewsKind.REQUEST: "request",
}


def watch_for(library: Library, wishes: Sequence[Mapping[str, Any]], *, tasks: bool) -> None:
    """Tell the bridge what there shall be news of, instead of what it was told before.

    :param tasks: whether open tasks and regions are kept, to be timed and listed.
    """
    text = json.dumps({"tasks": tasks, "wishes": list(wishes)})
    library.call("flightrec_news_watch", text.encode())


def open_in_go(library: Library) -> list[dict[str, Any]]:
    """Return the tasks and regions of ``runtime/trace`` that are open, oldest first.

    At most 1000 of each, and only those begun since :func:`watch_for` asked for them, in libraries
    whose ``runtime/trace`` tells of them. Enters Go.
    """
    listed: list[dict[str, Any]] = json.loads(library.text("flightrec_tasks_open"))
    return sorted(listed, key=lambda each: int(each["start_ns"]))


class News:
    """A thread that waits for news from Go, in C, and calls a function with each.

    :ivar lost: how much news was dropped because the function was too slow.
    """

    def __init__(self, library: Library, callback: Callable[[Event], Any]) -> None:
        self._library = library
        self._callback = callback
        self._closed = False
        self.lost = 0
        target = takes_no_signals(self._run)
        self._thread = threading.Thread(target=target, name="flightrec-news", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        news, lost = abi.News(), ctypes.c_uint64()
        wait = self._library.cdll.flightrec_news_next
        while not self._closed:
            # A limit, in case it was closed just before the call.
            status = wait(int(0.5e9), news, lost)
            self.lost = lost.value
            if status == Status.OK and news.kind in _KINDS:
                self._callback(
                    Event(
                        kind=_KINDS[news.kind],
                        name=news.name.decode(errors="replace"),
                        start_ns=news.start_ns,
                        end_ns=news.end_ns,
                        status=None if news.status < 0 else news.status,
                    )
                )

    def close(self, timeout: float) -> None:
        """End the thread."""
        self._closed = True
        self._library.cdll.flightrec_news_wake()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)
