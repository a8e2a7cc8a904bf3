"""The language of rules: what parses prints back to itself, what does not says where and why."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import flightrec
from flightrec.rules.conditions import (
    And,
    Compare,
    Condition,
    Ended,
    For,
    Measure,
    Or,
    Requested,
    Slower,
    Status,
)
from flightrec.rules.grammar import duration_of, parse
from flightrec.rules.quantity import UNITS, Quantity

OPERATORS = [">", ">=", "<", "<=", "==", "!="]
NUMBERS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.decimals("0.001", "99999", places=3).map(str),
)
QUANTITIES = st.builds(Quantity, NUMBERS, st.sampled_from(sorted(UNITS)))
TIMES = st.builds(
    Quantity,
    st.integers(1, 10**6).map(str),
    st.sampled_from([unit for unit, (dimension, _) in UNITS.items() if dimension == "time"]),
)
STATS = st.sampled_from(["", "p50", "p99", "p99.9", "max", "mean", "count"])
NAMES = st.sampled_from(
    ["goroutines", "gc.pause", "recorder.window_bytes", "/sched/latencies:seconds", "/a-b/c:d-e"]
)
MEASURES = st.builds(Measure, NAMES, STATS, st.booleans())
GLOBS = st.one_of(st.none(), st.text(max_size=20))
COMPARISONS = st.builds(Compare, MEASURES, st.sampled_from(OPERATORS), QUANTITIES)
STATUSES = st.builds(Quantity, st.integers(0, 999).map(str))
EVENTS = st.one_of(
    st.builds(Slower, st.sampled_from(["task", "http", "block"]), GLOBS, TIMES),
    st.builds(Status, st.just("http"), GLOBS, st.sampled_from(OPERATORS), STATUSES),
    st.builds(Status, st.just("exit"), st.none(), st.sampled_from(OPERATORS), STATUSES),
    st.builds(Ended, st.sampled_from(["exit", "panic"]), st.none()),
    st.builds(Ended, st.sampled_from(["signal", "exception"]), GLOBS),
    st.builds(Requested, GLOBS),
)


def _several(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    parts = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(st.builds(And, parts), st.builds(Or, parts))


STATES = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(_several(inner), st.builds(For, inner, TIMES)),
    max_leaves=10,
)
CONDITIONS = st.recursive(st.one_of(STATES, EVENTS), _several, max_leaves=10)


@settings(max_examples=200)
@given(CONDITIONS)
def test_prints_back(condition: Condition) -> None:
    """Every condition prints as a text that parses to the same condition."""
    assert parse(str(condition)) == condition


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                [
                    *("goroutines", "sched.p99", "/sched/latencies:seconds", "rate", "(", ")"),
                    *(">", "<=", "=", "10", "10ms", "3GiB", "5x", "and", "or", "for", "5s", '"a*"'),
                    *(
                        "task",
                        "http",
                        "slower",
                        "than",
                        "status",
                        "panic",
                        "exit",
                        "p99",
                        "'",
                        "/s",
                    ),
                ]
            )
        ).map(" ".join),
    )
)
@example("(" * 2000)
@example("rate(a) > 5/s")
def test_parses_or_says_where(text: str) -> None:
    """What parses prints back to itself; what does not gives a position and a suggestion."""
    error: flightrec.RuleError | None = None
    try:
        condition = parse(text)
    except flightrec.RuleError as exc:
        error = exc
    if error is not None:
        assert error.position is not None
        assert 0 <= error.position <= len(text)
        assert error.suggestion
        assert error.rule == text
    else:
        again = parse(str(condition))
        assert again == condition
        assert str(again) == str(condition)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("/sched/latencies:seconds p99 > 10ms for 5s", None),
        ("/sched/goroutines:goroutines>10_000", "/sched/goroutines:goroutines > 10000"),
        ("/memory/classes/heap/objects:bytes > 1GiB", None),
        ("rate(/gc/cycles/total:gc-cycles) > 20", None),
        ("rate( allocs ) > 10MiB/s", "rate(allocs) > 10MiB"),
        ("sched p99 > 1ms", "sched.p99 > 1ms"),
        ("(goroutines > 5 or heap > 1MB) and stall > 1s", None),
        ("((goroutines > 5)) for 1s", "goroutines > 5 for 1s"),
        ("task 'a \"b\"' slower than 200ms", 'task "a \\"b\\"" slower than 200ms'),
        ("http slower than .2s", None),
        ("http status >= 500 or http slower than 1s", None),
        ("exit status != 0 or panic", None),
        ("sched.max > 5μs", "sched.max > 5µs"),
    ],
)
def test_texts(text: str, printed: str | None) -> None:
    """Rules as people write them, and how they are shown."""
    assert str(parse(text)) == (text if printed is None else printed)


@pytest.mark.parametrize(
    ("text", "position", "suggestion"),
    [
        ("", 0, "goroutines > 10000"),
        ("goroutines >", 12, "a number"),
        ("goroutines = 5", 11, "=="),
        ("goroutines > 5 and", 18, "a metric"),
        ("goroutines > 5 fro 5s", 15, "'and' or 'or'"),
        ("goroutines > 5 for 5", 19, "5ms or 5s"),
        ("http slower than 200", 17, "200ms or 200s"),
        ("heap > 1 GiB", 9, "write 1GiB"),
        ("goroutines => 5", 11, ">="),
        ("goroutines > 10,000", 15, "leave it out"),
        ("goroutines > 5 for 0s", 19, "longer"),
        ("heap > 3gib", 7, "3GiB"),
        ("heap > 3parsecs", 7, "GiB"),
        ("heap > 3MiB/s", 7, "rate"),
        ("/sched/latencies > 5ms", 0, "colon"),
        ("http slwer than 200ms", 5, "slower"),
        ("task checkout slower than 1s", 5, '"checkout"'),
        ("task 'checkout slower than 1s", 5, "'"),
        ("http slower than 1s for 5s", 20, "remove"),
        ("(goroutines > 5", 15, "close"),
        ("goroutines > 5 && heap > 1B", 15, "and"),
        ("http slower 1s", 12, "than"),
        ("htp slower than 3ms", 0, "did you mean http?"),
        ('jobs "x" slower than 3ms', 0, "the events are block, exception, exit, http"),
        ("http status > 5s", 14, "500"),
        ("exit status", 11, "!="),
    ],
)
def test_mistakes(text: str, position: int, suggestion: str) -> None:
    """A mistake is found where it stands, with what to write instead."""
    with pytest.raises(flightrec.RuleError) as caught:
        parse(text)
    assert caught.value.position == position
    assert suggestion in caught.value.suggestion
    assert isinstance(caught.value, ValueError)


def test_combining() -> None:
    """Conditions combine in Python as they do in text."""
    many, slow = parse("goroutines > 5"), parse("http slower than 1s")
    assert many & slow == parse("goroutines > 5 and http slower than 1s")
    assert many | slow == parse("goroutines > 5 or http slower than 1s")
    assert many.holding("5s") == parse("goroutines > 5 for 5s")
    assert (many & slow).awaits_event
    assert not many.awaits_event
    assert [str(m) for m in (many | parse("sched.p99 > 1s")).measures] == [
        "goroutines",
        "sched.p99",
    ]


@settings(max_examples=200)
@given(st.integers(1, 10**6), st.sampled_from(["ns", "µs", "ms", "s", "m", "h"]))
def test_durations(number: int, unit: str) -> None:
    """A time's value is exact: 200ms is 0.2 s, and not a rounding of it."""
    factor = {"ns": 10**9, "µs": 10**6, "ms": 1000, "s": 1, "m": 1 / 60, "h": 1 / 3600}[unit]
    value = duration_of(f"{number}{unit}").value
    assert value == (number / factor if factor >= 1 else number * round(1 / factor))


@pytest.mark.parametrize("text", ["5", "5GiB", "x", "", "5s 5s", *string.punctuation])
def test_not_a_duration(text: str) -> None:
    """What is no time is refused."""
    with pytest.raises(flightrec.RuleError):
        duration_of(text)
