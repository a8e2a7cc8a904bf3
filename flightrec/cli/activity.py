"""Saying what a long silent step is doing, and for how long it has."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import time
from types import TracebackType
from typing import Final

__all__ = ["Activity"]

#: After so many seconds it is first told; then on a terminal each second, elsewhere more and more
#: rarely.
_PATIENCE: Final = 2.0
_TERMINAL_INTERVAL: Final = 1.0
_REPORTS: Final = (5.0, 15.0, 30.0, 60.0)
_LATER_INTERVAL: Final = 60.0


class Activity:
    """Tells on standard error what goes on, if it takes long: a line that changes, on a terminal.

    A context manager; :meth:`begin` names the steps within. Any thread may call it.

    :param quiet: say nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._quiet = quiet
        self._step = ""
        self._began = time.monotonic()
        self._shown = False
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._tell, name="flightrec-activity", daemon=True)

    def begin(self, step: str) -> None:
        """Say what goes on from now on, as in ``building caddy``."""
        with self._changed:
            self._step, self._began = step, time.monotonic()
            self._changed.notify()

    def __enter__(self) -> Activity:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        if not self._quiet:
            self._thread.join()
        self._clear()

    def _tell(self) -> None:
        while not self._over:
            with self._changed:
                step, began = self._step, self._began
                if not step:
                    self._changed.wait()
                    continue
            for after in self._times():
                if not self._wait(began, after):
                    break
                self._show(f"{step}, {time.monotonic() - began:.0f} s so far")

    def _times(self) -> itertools.chain[float]:
        if self._terminal:
            return itertools.chain(itertools.count(_PATIENCE, _TERMINAL_INTERVAL))
        last = _REPORTS[-1]
        return itertools.chain(_REPORTS, itertools.count(last + _LATER_INTERVAL, _LATER_INTERVAL))

    def _wait(self, began: float, after: float) -> bool:
        """Wait until a step has gone on for so long; return False if it has ended before."""
        with self._changed:
            while not self._over and self._began == began:
                left = began + after - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
        return False

    def _show(self, text: str) -> None:
        self._shown = True
        self._print(f"\r\033[Kflightrec: {text}" if self._terminal else f"flightrec: {text}\n")

    def _clear(self) -> None:
        if self._shown and self._terminal:
            self._print("\r\033[K")

    @staticmethod
    def _print(text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(text, end="", file=sys.stderr, flush=True)
