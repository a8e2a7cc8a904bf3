"""What a command that runs a program says on standard error, clear of what the program shows."""

from __future__ import annotations

import contextlib
import os
import sys

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

__all__ = ["Voice"]

_CLEAR = "\r\033[K"


class Voice:
    """Says sentences, and shows a status line where there is a terminal for it.

    While a full-screen program has the terminal (it is in raw mode), sentences wait: they would
    stand in the middle of its screen. :meth:`release` says them.

    :param quiet: only say what :meth:`say` is to say always.
    :param status: show the line that :meth:`show` is given, if standard error is a terminal.
    """

    def __init__(self, *, quiet: bool = False, status: bool = False) -> None:
        self.quiet = quiet
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._status = status and self._terminal and not quiet
        self._shown = False
        self._holds = self._terminal
        self._held: list[str] = []

    def say(self, text: str, *, always: bool = False) -> None:
        """Say something in lines of its own; not if it is to be quiet, unless always."""
        if self.quiet and not always:
            return
        if self._holds and _is_raw():
            self._held.append(text)
        else:
            self._write(text)

    def release(self) -> None:
        """Say what had to wait, and let nothing wait any more. The program is at its end."""
        self._holds = False
        held, self._held = self._held, []
        for text in held:
            self._write(text)

    def show(self, line: str) -> None:
        """Show a status line in place of the last, as much of it as fits."""
        if self._status and not _is_raw():
            self._shown = True
            self._print(f"{_CLEAR}{line[: _columns() - 1]}", end="")

    def _write(self, text: str) -> None:
        clear = _CLEAR if self._shown else ""
        self._shown = False
        end = "\n"
        if self._terminal and _is_raw():  # a program that died without giving the terminal back
            text, end = text.replace("\n", "\r\n"), "\r\n"
        self._print(clear + text, end=end)

    @staticmethod
    def _print(text: str, *, end: str) -> None:
        # A terminal that is gone, a pipe that nobody reads, a stream that the program has closed:
        # none of that may cost the program its status.
        with contextlib.suppress(OSError, ValueError):
            print(text, end=end, file=sys.stderr, flush=True)


def _is_raw() -> bool:
    if termios is None:
        return False
    try:
        return not termios.tcgetattr(sys.stderr.fileno())[3] & termios.ICANON
    except (termios.error, OSError, ValueError):
        return False


def _columns() -> int:
    with contextlib.suppress(OSError, ValueError):
        if columns := os.get_terminal_size(sys.stderr.fileno()).columns:
            return columns
    return 80
