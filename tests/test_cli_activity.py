"""Saying what a long step does, and for how long it has."""

from __future__ import annotations

import io
import itertools
import sys
import time

import pytest

from flightrec.cli import activity
from flightrec.cli.activity import Activity
from tests.helpers import until


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything told after some milliseconds, and then each some milliseconds."""
    monkeypatch.setattr(activity, "_PATIENCE", 0.01)
    monkeypatch.setattr(activity, "_TERMINAL_INTERVAL", 0.01)
    monkeypatch.setattr(activity, "_REPORTS", (0.01, 0.02))
    monkeypatch.setattr(activity, "_LATER_INTERVAL", 0.01)


def stderr(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> io.StringIO:
    """Make a stream standard error."""
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.mark.usefixtures("impatient")
def test_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal, each report is a line."""
    out = stderr(monkeypatch, io.StringIO())
    with Activity() as told:
        told.begin("building x")
        until(lambda: out.getvalue().count("\n") >= 3, "three reports")
    assert set(out.getvalue().splitlines()) == {"flightrec: building x, 0 s so far"}


@pytest.mark.usefixtures("impatient")
def test_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal one line changes, and is gone at the end."""
    out = stderr(monkeypatch, Terminal())
    with Activity() as told:
        told.begin("building x")
        until(lambda: out.getvalue().count("so far") >= 2, "two reports")
    assert out.getvalue().startswith("\r\x1b[Kflightrec: building x, 0 s so far\r\x1b[K")
    assert out.getvalue().endswith("\r\x1b[K")
    assert "\n" not in out.getvalue()


@pytest.mark.usefixtures("impatient")
def test_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that begins takes the place of the one before."""
    out = stderr(monkeypatch, io.StringIO())
    with Activity() as told:
        told.begin("downloading x")
        until(lambda: "downloading" in out.getvalue(), "the first step")
        told.begin("building x")
        until(lambda: "building" in out.getvalue(), "the second step")
    lines = [line.split()[1] for line in out.getvalue().splitlines()]
    assert [name for name, _ in itertools.groupby(lines)] == ["downloading", "building"]


@pytest.mark.parametrize("quiet", [False, True])
def test_short_step(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    """A step that takes no time is not worth a word, and does not wait for one."""
    out = stderr(monkeypatch, io.StringIO())
    began = time.monotonic()
    with Activity(quiet=quiet) as told:
        told.begin("building x")
    assert out.getvalue() == ""
    assert time.monotonic() - began < 2.0


def test_error_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the step ends the telling, and is the caller's."""
    stderr(monkeypatch, io.StringIO())
    with pytest.raises(KeyError), Activity():
        raise KeyError
