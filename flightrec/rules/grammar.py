"""The language of rules.

::

    rule      = all { "or" all }
    all       = one { "and" one }
    one       = ( comparison | "(" rule ")" ) [ "for" TIME ]  |  event
    comparison = measure ( ">" | ">=" | "<" | "<=" | "==" | "!=" ) NUMBER
    measure   = name [ stat ]  |  "rate" "(" name ")"
    name      = a name of runtime/metrics  |  a short name, such as goroutines or sched.p99
    stat      = "p50" … "p99.9" | "max" | "mean" | "count"
    event     = "task" [ GLOB ] "slower" "than" TIME
              | "http" [ GLOB ] ( "slower" "than" TIME | "status" comparison-of-a-number )
              | "block" [ GLOB ] "slower" "than" TIME
              | "exit" [ "status" … ] | "panic" | "signal" [ NAME ] | "exception" [ GLOB ]
              | "request" [ GLOB ]

A glob is in quotes and has ``*`` and ``?``. Which metrics there are depends on the Go version, so
names are checked later, by :func:`flightrec.rules.catalog.check`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from flightrec.errors import RuleError
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
from flightrec.rules.quantity import DIMENSIONS, UNITS, Quantity, meant
from flightrec.rules.scan import Token, scan

__all__ = ["duration_of", "nearest", "parse", "quantity_of"]

_STAT = re.compile(r"p\d{1,2}(?:\.\d+)?|p100|max|mean|count")
_DOTTED = re.compile(rf"(.+?)\.({_STAT.pattern})")
_NUMBER = re.compile(r"([\d_.]+?)([A-Za-zµ%]*)(/s)?")
_EVENTS = ("task", "http", "block", "exit", "panic", "signal", "exception", "request")
_KEYWORDS = (*_EVENTS, "for", "and", "or", "rate", "slower", "than", "status")
#: How deep parentheses may nest: an error is better than Python's own.
_DEPTH = 50


def parse(text: str) -> Condition:
    """Read a rule.

    :raises RuleError: it is not one; ``position`` says where, and ``suggestion`` what to write.
    """
    return _Parser(text).rule()


def duration_of(text: str) -> Quantity:
    """Read a time, such as ``200ms``.

    :raises RuleError: it is not one.
    """
    parser = _Parser(text)
    duration = parser.quantity("time", "a time")
    parser.expect_end()
    return duration


def quantity_of(text: str) -> Quantity:
    """Read a number with its unit, such as ``1GiB`` or ``0s``.

    :raises RuleError: it is not one.
    """
    parser = _Parser(text)
    quantity = parser.quantity(None, "a number")
    parser.expect_end()
    return quantity


def nearest(word: str, known: Sequence[str], count: int = 3, cutoff: float = 0.6) -> str:
    """Say which of the known words were probably meant; empty if none is near."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(lower), n=count, cutoff=cutoff)
    return f"did you mean {' or '.join(lower[name] for name in near)}?" if near else ""


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = scan(text)
        self._at = 0
        self._depth = 0

    # ---- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._at += 1
        return token

    def _word(self, *words: str) -> bool:
        """Take the next token if it is one of these words."""
        if self._next.kind == "word" and self._next.text in words:
            self._at += 1
            return True
        return False

    def _error(self, message: str, suggestion: str, token: Token | None = None) -> RuleError:
        position = (token or self._next).position
        return RuleError(message, rule=self._text, position=position, suggestion=suggestion)

    def _unexpected(self, wanted: str, suggestion: str) -> RuleError:
        token = self._next
        found = "nothing more" if token.kind == "end" else repr(token.text)
        near = nearest(token.text, _KEYWORDS, 1) if token.kind == "word" else ""
        return self._error(f"found {found} where {wanted} should be", near or suggestion)

    def expect_end(self) -> None:
        token = self._next
        if token.kind == "end":
            return
        before = self._tokens[self._at - 1]
        if before.kind == "number" and token.text in UNITS:
            raise self._error(
                f"a space between {before.text} and its unit", f"write {before.text}{token.text}"
            )
        raise self._error(
            f"found {token.text!r} behind the rule's end", "join conditions with 'and' or 'or'"
        )

    def _expect_word(self, word: str) -> None:
        if not self._word(word):
            raise self._unexpected(repr(word), f"write {word!r}")

    # ---- the grammar

    def rule(self) -> Condition:
        if self._next.kind == "end":
            raise self._error("an empty rule", "write a condition, such as goroutines > 10000")
        condition = self._any()
        self.expect_end()
        return condition

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._word("or"):
            conditions.append(self._all())
        return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self._word("and"):
            conditions.append(self._one())
        return conditions[0] if len(conditions) == 1 else And(tuple(conditions))

    def _one(self) -> Condition:
        token = self._next
        if token.kind == "(":
            condition = self._parenthesis()
        elif token.kind == "word" and token.text in _EVENTS:
            condition = self._event()
        else:
            self._check_event(token)
            condition = self._comparison()
        while self._next.kind == "word" and self._next.text == "for":
            if condition.awaits_event:
                raise self._error(
                    "'for' behind something that happens at one moment",
                    "'for' says how long a comparison must hold; remove it",
                )
            self._at += 1
            condition = For(condition, self.quantity("time", "a time"))
        return condition

    def _check_event(self, token: Token) -> None:
        """Refuse a word that stands where an event's kind should, judging by what follows."""
        follows = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        named = follows.kind == "string" or follows.text in ("slower", "status")
        if token.kind == "word" and token.text not in _KEYWORDS and named:
            kinds = ", ".join(sorted(_EVENTS))
            near = nearest(token.text, _EVENTS, 1)
            raise self._error(f"{token.text!r} is no event", near or f"the events are {kinds}")

    def _parenthesis(self) -> Condition:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self._error("too many parentheses inside each other", "write a simpler rule")
        self._take()
        condition = self._any()
        if self._next.kind != ")":
            raise self._unexpected("')'", "close the parenthesis")
        self._take()
        self._depth -= 1
        return condition

    def _comparison(self) -> Condition:
        measure = self._measure()
        operator = self._operator(measure)
        position = self._next.position
        return Compare(measure, operator, self.quantity(None, "a number"), position)

    def _operator(self, measure: Measure | None = None) -> str:
        if self._next.kind != "operator":
            if measure is not None and not measure.stat and self._next.kind == "word":
                raise self._unexpected(
                    "a comparison or p99, max, mean or count",
                    "write a comparison, as in p99 > 10ms",
                )
            raise self._unexpected("a comparison", "write >, >=, <, <=, == or !=")
        return self._take().text

    def _measure(self) -> Measure:
        if self._next.kind == "word" and self._next.text == "rate":
            self._take()
            if self._next.kind != "(":
                raise self._unexpected("'('", "write rate(NAME)")
            self._take()
            token, metric, stat = self._name()
            if self._next.kind != ")":
                raise self._unexpected("')'", "write rate(NAME)")
            self._take()
            return Measure(metric, stat, True, token.position)
        token, metric, stat = self._name()
        return Measure(metric, stat, False, token.position)

    def _name(self) -> tuple[Token, str, str]:
        token = self._next
        if token.kind == "metric":
            self._take()
            stat = self._next
            if stat.kind == "word" and _STAT.fullmatch(stat.text):
                return token, token.text, self._take().text
            return token, token.text, ""
        if token.kind != "word" or token.text in _KEYWORDS:
            raise self._unexpected(
                "a metric or an event",
                "write a metric (goroutines > 10000) or an event (http slower than 200ms)",
            )
        self._take()
        if match := _DOTTED.fullmatch(token.text):
            return token, match[1], match[2]
        if self._next.kind == "word" and _STAT.fullmatch(self._next.text):
            return token, token.text, self._take().text
        return token, token.text, ""

    def quantity(self, dimension: str | None, wanted: str, example: str = "") -> Quantity:
        token = self._next
        example = example or DIMENSIONS[dimension or "count"]
        match = _NUMBER.fullmatch(token.text.replace("μ", "µ")) if token.kind == "number" else None
        if match is None:
            raise self._unexpected(wanted, f"write {wanted}, such as {example}")
        number, unit, per_second = match[1].replace("_", ""), match[2], match[3]
        if unit not in UNITS:
            near = {name.lower(): name for name in UNITS}.get(unit.lower()) or next(
                iter(difflib.get_close_matches(unit, UNITS, n=1)), ""
            )
            units = ", ".join(filter(None, UNITS))
            raise self._error(
                f"{unit!r} is no unit",
                f"did you mean {number}{near}?" if near else f"the units are {units}",
            )
        quantity = Quantity(number, unit)
        if dimension is not None and quantity.dimension != dimension:
            right = example if dimension == "count" else meant(quantity, dimension)
            raise self._error(f"{quantity} where {wanted} should be", f"write it as {right}")
        if dimension == "time" and quantity.value == 0:
            raise self._error("a time of zero", f"write a longer one, such as {example}")
        if per_second and (dimension is not None or not self._is_rate()):
            raise self._error("'/s' behind what is no rate", f"write {quantity}, or rate(NAME)")
        self._take()
        return quantity

    def _is_rate(self) -> bool:
        return self._at >= 2 and self._tokens[self._at - 2].kind == ")"

    def _event(self) -> Condition:
        kind = self._take().text
        if kind == "panic":
            return Ended(kind)
        name = self._glob() if kind != "exit" else None
        if kind in ("signal", "exception"):
            return Ended(kind, name)
        if kind == "request":
            return Requested(name)
        if kind in ("exit", "http") and self._word("status"):
            operator = self._operator()
            return Status(kind, name, operator, self.quantity("count", "a status", "500"))
        if kind == "exit":
            return Ended(kind)
        if self._next.kind != "word" or self._next.text != "slower":
            wanted = "'slower than' or 'status'" if kind == "http" else "'slower than'"
            raise self._unexpected(wanted, f"write {kind} slower than 200ms")
        self._take()
        self._expect_word("than")
        return Slower(kind, name, self.quantity("time", "a time"))

    def _glob(self) -> str | None:
        token = self._next
        if token.kind == "string":
            return self._take().text
        words = ("slower", "status", "and", "or", "for")
        if token.kind == "word" and token.text not in words:
            near = nearest(token.text, words, 1, 0.75)
            raise self._error(
                f"{token.text!r} without quotes", near or f'write "{token.text}" for a name', token
            )
        return None
