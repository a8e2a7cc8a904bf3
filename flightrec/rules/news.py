"""News from Go: tasks and requests that ended, and snapshots that Go code asks for."""

from __future__ import annotations

import contextlib
import ctypes
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flightrec import abi
from flightrec.abi import NewsKind, Status
from flightrec.library import Library
from flightrec.rules.moment import Event, EventKind
from flightrec.signals import takes_no_signals

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
    listed: list[dict[str, Any]] = json.loads(library.text("flightrec_tasks_open"))
    return sorted(listed, key=lambda each: int(each["start_ns"]))


class News:
    """What one recorder's rules are told by Go. Any thread may use it.

    A bridge has one list of wishes and one queue. So the wishes of all recorders of a runtime are
    put together, one thread waits for news, in C, and everyone is told of everything.

    :param callback: is called with each event, on that thread; must be quick.
    """

    def __init__(self, library: Library, callback: Callable[[Event], Any]) -> None:
        self.callback = callback
        self.wishes: Sequence[Mapping[str, Any]] = ()
        self.tasks = False
        self.closed = False
        with _lock:
            self._desk = _desks.setdefault(library, _Desk(library))
        self._lost_before = self._desk.lost

    @property
    def lost(self) -> int:
        """How much news was dropped since this was made: there was too much at a time."""
        return self._desk.lost - self._lost_before

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
        # Held from a wait in C to the end of the callbacks, so that nothing is between the two.
        self._delivering = threading.RLock()
        self._others = 0  # who waits for that lock beside the thread
        self._readers: tuple[News, ...] = ()
        self._thread: threading.Thread | None = None
        self.lost = 0

    def add(self, news: News) -> None:
        with self._lock:
            if news.closed:  # meanwhile
                return
            if news not in self._readers:
                self._readers = (*self._readers, news)
            if self._thread is None and any(each.wishes for each in self._readers):
                target = takes_no_signals(self._run)
                self._thread = threading.Thread(target=target, name="flightrec-news", daemon=True)
                self._thread.start()

    def remove(self, news: News, timeout: float) -> None:
        with self._lock:
            news.closed = True
            self._readers = tuple(each for each in self._readers if each is not news)
            thread = self._thread
            if not self._readers:
                self._thread = None
        if self._thread is None and thread is not None:
            self._library.cdll.flightrec_news_wake()
            if thread is not threading.current_thread():
                thread.join(timeout)
        else:
            with self._instead_of_the_thread(timeout):
                pass

    def drain(self, timeout: float) -> None:
        with self._instead_of_the_thread(timeout) as alone:
            while alone and self._deliver(0.0):
                pass

    @contextlib.contextmanager
    def _instead_of_the_thread(self, timeout: float) -> Iterator[bool]:
        """Keep the thread from taking news; give whether it could be kept in time."""
        until = time.monotonic() + timeout
        with self._lock:
            self._others += 1
        try:
            while not (alone := self._delivering.acquire(timeout=0.01)):
                self._library.cdll.flightrec_news_wake()
                if time.monotonic() > until:
                    break
            try:
                yield alone
            finally:
                if alone:
                    self._delivering.release()
        finally:
            with self._lock:
                self._others -= 1

    def tell_go(self) -> None:
        """Tell the bridge what all of them wish for, in the order of the changes."""
        with self._telling_go:
            readers = self._readers
            wishes = [wish for each in readers for wish in each.wishes]
            text = json.dumps({"tasks": any(each.tasks for each in readers), "wishes": wishes})
            self._library.call("flightrec_news_watch", text.encode())

    def _run(self) -> None:
        while self._thread is threading.current_thread():
            if self._others:
                time.sleep(0.001)
                continue
            with self._delivering:
                # A limit, in case it was to end just before the call.
                self._deliver(0.5)

    def _deliver(self, timeout: float) -> bool:
        """Wait for a piece of news, and tell everybody; return whether there was one."""
        news, lost = abi.News(), ctypes.c_uint64()
        status = self._library.cdll.flightrec_news_next(int(timeout * 1e9), news, lost)
        self.lost = lost.value
        if status != Status.OK:
            return False
        if news.kind in _KINDS:
            event = Event(
                kind=_KINDS[news.kind],
                name=news.name.decode(errors="replace"),
                start_ns=news.start_ns,
                end_ns=news.end_ns,
                status=None if news.status < 0 else news.status,
            )
            for each in self._readers:
                each.callback(event)
        return True


_lock = threading.Lock()
_desks: dict[Library, _Desk] = {}  # a library is never unloaded
