"""Python's threads, as the trace knows them: their names, and their numbers for regions."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flightrec.knownthreads import known_threads
from flightrec.library import is_forked
from flightrec.threadnames import THREAD_CATEGORY

if TYPE_CHECKING:
    from flightrec.annotate.bridge import Annotations

__all__ = ["Announcements", "own_number", "this_number"]


class _This(threading.local):
    """What there is for each thread."""

    number = 0
    ended: _Ended
    announced: object = None


class _Ended:
    """Goes with a thread's locals when it ends, and tells Go of it."""

    __slots__ = ("_annotations", "_number")

    def __init__(self, annotations: Annotations, number: int) -> None:
        self._annotations = annotations
        self._number = number

    def __del__(self) -> None:
        if not sys.is_finalizing() and not is_forked():
            self._annotations.end_thread(self._number)


_this = _This()


def own_number(annotations: Annotations, choose: Callable[[], int]) -> int:
    """Return this thread's number; ``choose`` gives it one if it has none yet."""
    if not _this.number:
        _this.number = choose()
        _this.ended = _Ended(annotations, _this.number)
    return _this.number


def this_number() -> int:
    """Return this thread's number, 0 if it has none."""
    return _this.number


class Announcements:
    """Says in the trace what Python's threads are called: each once a recording, and when asked.

    :param log: logs a message of a category.
    :param tell: has the bridge log messages of that category, one a line, now and then: it does so
        with each flush, by itself. Does not enter Go.
    """

    def __init__(self, log: Callable[[str, str], None], tell: Callable[[list[str]], None]) -> None:
        self._log = log
        self._tell = tell
        self._recording = object()

    def renew(self) -> None:
        """Another recording has started: nothing was said in it yet."""
        self._recording = object()

    def this_thread(self) -> None:
        """Name the calling thread, if it was not named in this recording."""
        if _this.announced is not self._recording:
            _this.announced = self._recording
            for name in _names((threading.current_thread(),)):
                self._log(THREAD_CATEGORY, name)

    def all_threads(self) -> None:
        """Name all threads that Python's ``threading`` knows."""
        self._tell(_names(known_threads()))


def _names(threads: Iterable[threading.Thread]) -> list[str]:
    return [f"{t.native_id} {t.name}" for t in threads if t.native_id is not None]
