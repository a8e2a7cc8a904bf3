"""Trying conditions: pure, at the moments that the caller says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightrec.rules.grammar import parse
from flightrec.rules.moment import Event, Moment
from flightrec.rules.trial import Trial


def moment(now: float = 0.0, event: Event | None = None, **values: float) -> Moment:
    """A moment at which short names have these values."""
    measures = {parse(f"{name} > 1").measures[0]: value for name, value in values.items()}
    return Moment(now=now, values=measures, event=event)


def took(kind: Any, name: str, seconds: float, status: int | None = None) -> Event:
    """Something that took so long."""
    return Event(kind=kind, name=name, start_ns=0, end_ns=round(seconds * 1e9), status=status)


@pytest.mark.parametrize(
    ("operator", "true"),
    [(">", "c"), (">=", "bc"), ("<", "a"), ("<=", "ab"), ("==", "b"), ("!=", "ac")],
)
def test_comparisons(operator: str, true: str) -> None:
    """Each comparison is the arithmetic one."""
    trial = Trial(parse(f"goroutines {operator} 5"))
    results = {name: trial.at(moment(goroutines=n)) for name, n in (("a", 4), ("b", 5), ("c", 6))}
    assert "".join(name for name, result in results.items() if result) == true


def test_no_value_is_not_true() -> None:
    """A comparison with a measure that has no value just now is false, whatever the comparison."""
    for operator in (">", "<", "!="):
        assert not Trial(parse(f"goroutines {operator} 5")).at(moment())


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=30))
def test_for(steps: list[tuple[int, bool]]) -> None:
    """'for 5s' is true when the condition was true at each moment of the last 5 s, and before."""
    trial = Trial(parse("goroutines > 5 for 5s"))
    now, since = 0, None
    for step, true in steps:
        now += step
        since = (now if since is None else since) if true else None
        expected = since is not None and now - since >= 5
        assert trial.at(moment(now, goroutines=6 if true else 4)) == expected


def test_unknown() -> None:
    """What is unknown decides nothing: it makes nothing true, and interrupts no 'for'."""
    measure = parse("goroutines > 5").measures[0]

    def unknown(now: float, heap: float = 0) -> Moment:
        known = moment(now, heap=heap)
        return Moment(now=now, values=known.values, unknown=frozenset({measure}))

    trial = Trial(parse("goroutines > 5 for 2s"))
    assert trial.at(moment(0, goroutines=6)) is False
    assert trial.at(unknown(5)) is None
    assert trial.at(moment(6, goroutines=6)) is True
    assert Trial(parse("goroutines > 5 or heap > 5B")).at(unknown(0, heap=6)) is True
    assert Trial(parse("goroutines > 5 or heap > 5B")).at(unknown(0, heap=5)) is None
    assert Trial(parse("goroutines > 5 and heap > 5B")).at(unknown(0, heap=5)) is False
    assert Trial(parse("goroutines > 5 and heap > 5B")).at(unknown(0, heap=6)) is None


def test_for_inside_or() -> None:
    """Each 'for' counts by itself, also where another part already decides."""
    trial = Trial(parse("heap > 5B or goroutines > 5 for 2s"))
    assert trial.at(moment(0, heap=6, goroutines=6))
    assert not trial.at(moment(1, heap=1, goroutines=6))
    assert trial.at(moment(2, heap=1, goroutines=6))


@pytest.mark.parametrize(
    ("rule", "event", "true"),
    [
        ("task slower than 200ms", took("task", "x", 0.3), True),
        ("task slower than 200ms", took("task", "x", 0.2), False),
        ("task slower than 200ms", took("http", "x", 0.3), False),
        ('task "check*" slower than 1ms', took("task", "checkout", 1), True),
        ('task "check*" slower than 1ms', took("task", "recheck", 1), False),
        ('http "GET /[id]/?" slower than 1ms', took("http", "GET /[id]/7", 1), True),
        ('http "GET /[id]/?" slower than 1ms', took("http", "GET /i/7", 1), False),
        ("http status >= 500", took("http", "GET /", 0, 503), True),
        ("http status >= 500", took("http", "GET /", 0, 404), False),
        ("http status >= 500", took("http", "GET /", 0), False),
        ("exit status != 0", Event(kind="exit", status=3), True),
        ("exit status != 0", Event(kind="exit", status=0), False),
        ("exit", Event(kind="exit", status=0), True),
        ("panic", Event(kind="panic", status=2), True),
        ("panic", Event(kind="exit", status=2), False),
        ('signal "SIGT*"', Event(kind="signal", name="SIGTERM"), True),
        ('signal "SIGT*"', Event(kind="signal", name="SIGINT"), False),
        ('request "disk*"', Event(kind="request", name="disk slow"), True),
        ("block slower than 1s", took("block", "b", 2), True),
    ],
)
def test_events(rule: str, event: Event, true: bool) -> None:
    """An event makes the conditions true that are about it, and no other."""
    trial = Trial(parse(rule))
    assert trial.at(moment(event=event)) == true
    assert not trial.at(moment())


def test_event_and_metric() -> None:
    """An event joined with a comparison is true when it happens while the comparison holds."""
    trial = Trial(parse("http slower than 1s and goroutines > 5"))
    slow = took("http", "GET /", 2)
    assert trial.at(moment(event=slow, goroutines=6))
    assert not trial.at(moment(event=slow, goroutines=5))
    assert not trial.at(moment(goroutines=6))
