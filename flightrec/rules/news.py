"""News from Go: tasks and requests that ended, and snapshots that Go code asks for."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flightrec import abi
from flightrec.abi import NewsKind
from flightrec.library import Library
from flightrec.newsthread import NewsThread
from flightrec.rules.moment import Event, EventKind

__all__ = ["News", "open_in_go"]

_KINDS: dict[int, EventKind] = {
    NewsKind.TASK: "task",
    NewsKind.HTTP: "http",
    NewsKind.REQUEST: "request",
}


def open_in_go(library: Library) -> list[dict[str, Any]]:
    """Return the tasks and regions of ``runtime/trace`` that are open, oldest first.

    At most 1000 of each, and only those begun since :meth:`News.wish` asked for them, in libraries
    whose ``runtime/trace`` tells of them. Enters Go.
    """
    listed: list[dict[str, Any]] = library.describe("open")
    return sorted(listed, key=lambda each: int(each["start_ns"]))


class News:
    """What one recorder's rules are told by Go. Any thread may use it.

    A bridge has one list of wishes and one queue. So the wishes of all recorders of a runtime are
    put together, one thread waits for news, and everyone is told of everything.

    :param callback: is called with each event, on that thread; must be quick.
    """

    def __init__(self, library: Library, callback: Callable[[Event], Any]) -> None:
        self.callback = callback
        self.wishes: Sequence[Mapping[str, Any]] = ()
        self.tasks = False
        self.closed = False
        with _lock:
            self._desk = _desks.setdefault(library, _Desk(library))
        self._lost_before = self._desk.thread.dropped

    @property
    def lost(self) -> int:
        """How much news was dropped since this was made: there was too much at a time."""
        return self._desk.thread.dropped - self._lost_before

    def wish(self, wishes: Sequence[Mapping[str, Any]], *, tasks: bool) -> None:
        """Say what there shall be news of, instead of what was said before. Enters Go.

        :param tasks: whether open tasks and regions are kept, to be timed and listed.
        """
        self.wishes, self.tasks = wishes, tasks
        self._desk.add(self)
        self._desk.tell_go()

    def drain(self, timeout: float) -> None:
        """Return when everybody was told of what Go has told so far, or after that time."""
        self._desk.drain(timeout)

    def close(self, timeout: float) -> None:
        """Be told nothing more once this returns, or after that time."""
        self._desk.remove(self, timeout)

    def unwish(self) -> None:
        """Have Go forget the wishes, after the close. Enters Go."""
        self._desk.tell_go()


class _Desk:
    """All who are told what a bridge has to tell."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._telling_go = threading.Lock()  # held while in Go: who takes both takes it first
        self._delivering = threading.RLock()
        self._marks: dict[int, threading.Event] = {}
        self._readers: tuple[News, ...] = ()
        kinds = NewsKind.TASK | NewsKind.HTTP | NewsKind.REQUEST | NewsKind.MARK
        self.thread = NewsThread(library, kinds, self._deliver, "flightrec-news")

    def add(self, news: News) -> None:
        with self._lock:
            if news.closed:  # meanwhile
                return
            if news not in self._readers:
                self._readers = (*self._readers, news)
            if any(each.wishes for each in self._readers):
                self.thread.ensure()

    def remove(self, news: News, timeout: float) -> None:
        with self._lock:
            news.closed = True
            self._readers = tuple(each for each in self._readers if each is not news)
        try:
            self._delivering.acquire(timeout=timeout)
        finally:  # an interrupt may come in between
            with contextlib.suppress(RuntimeError):  # it was not acquired
                self._delivering.release()

    def drain(self, timeout: float) -> None:
        number, handled = next(_numbers), threading.Event()
        self._marks[number] = handled
        if self.thread.runs_beside and self._library.cdll.flightrec_news_mark(number):
            handled.wait(timeout)
        self._marks.pop(number, None)

    def tell_go(self) -> None:
        """Tell the bridge what all of them wish for, in the order of the changes."""
        with self._telling_go:
            readers = self._readers
            wishes = [wish for each in readers for wish in each.wishes]
            text = json.dumps({"tasks": any(each.tasks for each in readers), "wishes": wishes})
            self._library.call("flightrec_news_watch", text.encode())

    def _deliver(self, news: abi.News) -> None:
        if news.kind == NewsKind.MARK:
            if mark := self._marks.get(news.number):
                mark.set()
            return
        event = Event(
            kind=_KINDS[news.kind],
            name=news.name.decode(errors="replace"),
            start_ns=news.start_ns,
            end_ns=news.end_ns,
            status=None if news.status < 0 else news.status,
        )
        with self._delivering:
            for each in self._readers:
                each.callback(event)


_lock = threading.Lock()
_numbers = itertools.count(1)
_desks: dict[Library, _Desk] = {}  # a library is never unloaded
