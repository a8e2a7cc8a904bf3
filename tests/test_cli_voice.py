"""What flightrec says beside a program: clear of full-screen programs, and never too wide."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import select
import struct
import sys
import termios
import tty
from collections.abc import Iterator

import pytest

from flightrec.cli.voice import Voice
from tests.helpers import DEADLINE


class Screen:
    """A terminal as standard error, and what was written to it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.stream = os.fdopen(self.slave, "w")

    def resize(self, columns: int) -> None:
        """Make it so wide."""
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)

    def expect(self, text: str) -> None:
        """Check what was written since the last call; the system takes its time to pass it on."""
        got = b""
        while len(got) < len(text):
            assert select.select([self.master], [], [], DEADLINE)[0], got
            got += os.read(self.master, len(text) - len(got))
        assert got.decode() == text

    def close(self) -> None:
        """Close both ends."""
        self.stream.close()
        os.close(self.master)


@pytest.fixture
def screen() -> Iterator[Screen]:
    """Return a terminal."""
    screen = Screen()
    yield screen
    screen.close()


@contextlib.contextmanager
def on(screen: Screen) -> Iterator[Screen]:
    """Make a terminal standard error, within the test itself: pytest has its own around it."""
    with contextlib.redirect_stderr(screen.stream):
        yield screen


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_status_fits(screen: Screen, columns: int) -> None:
    """A status line never wraps, at any width of the terminal."""
    with on(screen):
        screen.resize(columns)
        Voice(status=True).show("x" * 120)
        screen.expect("\r\x1b[K" + "x" * min(120, columns - 1))


def test_sentence_takes_the_lines_place(screen: Screen) -> None:
    """A sentence wipes the status line first."""
    with on(screen):
        voice = Voice(status=True)
        voice.show("status")
        screen.expect("\r\x1b[Kstatus")
        voice.say("flightrec: something")
        screen.expect("\r\x1b[Kflightrec: something\r\n")
        voice.say("flightrec: more")
        screen.expect("flightrec: more\r\n")


def test_full_screen_program(screen: Screen) -> None:
    """While a program has the terminal in raw mode nothing is written; then all of it is."""
    with on(screen):
        voice = Voice(status=True)
        before = termios.tcgetattr(screen.slave)
        tty.setraw(screen.slave)
        voice.show("status")
        voice.say("flightrec: one")
        voice.say("flightrec: two", always=True)
        os.write(screen.slave, b"the program's screen")
        termios.tcsetattr(screen.slave, termios.TCSANOW, before)
        voice.release()
        screen.expect("the program's screenflightrec: one\r\nflightrec: two\r\n")


def test_program_that_leaves_the_terminal_raw(screen: Screen) -> None:
    """At the end all is said, in lines that begin at the left in raw mode too."""
    with on(screen):
        voice = Voice()
        tty.setraw(screen.slave)
        voice.say("panic: x\n\ngoroutine 1")
        voice.release()
        screen.expect("panic: x\r\n\r\ngoroutine 1\r\n")


def test_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there is no status line, and sentences are plain lines."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    voice = Voice(status=True)
    voice.show("status")
    voice.say("flightrec: one")
    assert out.getvalue() == "flightrec: one\n"


def test_quiet(screen: Screen) -> None:
    """Quiet says only what must be said."""
    with on(screen):
        voice = Voice(quiet=True, status=True)
        voice.show("status")
        voice.say("flightrec: one")
        voice.say("flightrec: an error", always=True)
        screen.expect("flightrec: an error\r\n")
