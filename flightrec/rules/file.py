"""Rules in a file: TOML, or JSON of the same form.

::

    [snapshots]                       # where they go: SnapshotDirectory's options
    dir = "snapshots"
    max_files = 50
    max_bytes = "1GiB"
    min_interval = "1s"
    per_rule = "1m"
    arguments = true

    [[rule]]
    when = "http slower than 200ms"
    name = "slow requests"            # the rest may be left out
    tail = "200ms"
    last = "5s"
    arm_after = "0s"

``tomllib`` is in Python 3.11 and later; with 3.10, use JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flightrec.errors import RuleError
from flightrec.rules.conditions import Condition
from flightrec.rules.grammar import nearest, parse, quantity_of
from flightrec.rules.quantity import Quantity

__all__ = ["RuleFile", "RuleText", "read_rules"]


@dataclass(frozen=True, kw_only=True)
class RuleText:
    """A rule of a file, with the options that it gives; times in seconds."""

    when: str
    condition: Condition
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """What is in a file of rules.

    :ivar folder: for the snapshots; None if the file names none.
    :ivar limits: further options of :class:`flightrec.SnapshotDirectory`.
    """

    folder: str | None
    limits: Mapping[str, Any]
    rules: tuple[RuleText, ...]


def read_rules(path: str | os.PathLike[str]) -> RuleFile:
    """Read a file of rules; whether its metrics exist is found out when they are set.

    :raises RuleError: it is not such a file; the message says where.
    :raises OSError: it cannot be read.
    """
    where = os.fspath(path)
    text = Path(path).read_text(encoding="utf-8")
    content = _json(text, where) if where.endswith(".json") else _toml(text, where)
    table = _Table(content, where)
    snapshots = table.table("snapshots")
    limits = {
        "max_files": snapshots.whole("max_files"),
        "max_bytes": snapshots.size("max_bytes"),
        "min_interval": snapshots.seconds("min_interval"),
        "per_rule": snapshots.seconds("per_rule"),
        "arguments": snapshots.take("arguments", bool, "true or false"),
    }
    folder = snapshots.take("dir", str, "a folder in quotes")
    snapshots.finish()
    rules = [_rule(each) for each in table.tables("rule")]
    table.finish()
    if not rules:
        raise RuleError(f"{where} has no [[rule]]", rule="", suggestion="write one, with its when")
    given = {name: value for name, value in limits.items() if value is not None}
    return RuleFile(folder=folder, limits=given, rules=tuple(rules))


def _rule(table: _Table) -> RuleText:
    when = table.take("when", str, "a rule in quotes")
    if when is None:
        raise table.error("a rule without its condition", 'write when = "goroutines > 10000"')
    options = {
        "name": table.take("name", str, "a text in quotes"),
        "tail": table.seconds("tail"),
        "last": table.seconds("last"),
        "arm_after": table.seconds("arm_after"),
    }
    table.finish()
    given = {name: value for name, value in options.items() if value is not None}
    return RuleText(when=when, condition=parse(when), options=given)


class _Table:
    """A table of the file. What is not taken from it is a mistake."""

    def __init__(self, content: Any, where: str) -> None:
        self._where = where
        if not isinstance(content, dict):
            raise self.error("a table is expected here", "write KEY = VALUE")
        self._left = dict(content)
        self._known: list[str] = []

    def error(self, message: str, suggestion: str) -> RuleError:
        return RuleError(f"{self._where}: {message}", rule="", suggestion=suggestion)

    def take(self, name: str, kind: type, wanted: str) -> Any:
        self._known.append(name)
        value = self._left.pop(name, None)
        if value is not None and (type(value) is not kind):
            raise self.error(f"{name} cannot be {value!r}", f"write {wanted}")
        return value

    def whole(self, name: str) -> int | None:
        value: int | None = self.take(name, int, "a whole number")
        return value

    def seconds(self, name: str) -> float | None:
        return self._quantity(name, "time", "10s")

    def size(self, name: str) -> int | None:
        value = self._quantity(name, "bytes", "1GiB")
        return None if value is None else int(value)

    def _quantity(self, name: str, dimension: str, example: str) -> float | None:
        self._known.append(name)
        value = self._left.pop(name, None)
        if value is None:
            return None
        if value == 0 and type(value) is int:
            return 0.0
        quantity = _read_quantity(value) if isinstance(value, str) else None
        if quantity is None or quantity.dimension != dimension:
            raise self.error(f"{name} cannot be {value!r}", f'write it as "{example}"')
        return quantity.value

    def table(self, name: str) -> _Table:
        self._known.append(name)
        return _Table(self._left.pop(name, {}), f"{self._where}: [{name}]")

    def tables(self, name: str) -> list[_Table]:
        self._known.append(name)
        content = self._left.pop(name, [])
        if not isinstance(content, list):
            raise self.error(f"{name} is a list of tables", f"write [[{name}]] with two brackets")
        return [_Table(each, f"{self._where}: rule {i + 1}") for i, each in enumerate(content)]

    def finish(self) -> None:
        for name in self._left:
            known = ", ".join(self._known)
            near = nearest(name, self._known, 1)
            raise self.error(f"{name} is not known here", near or f"there is {known}")


def _read_quantity(text: str) -> Quantity | None:
    """Read a number with its unit, also zero; None if it is not one."""
    try:
        return quantity_of(text)
    except RuleError:
        return None


def _json(text: str, where: str) -> Any:
    return _decoded(json.loads, text, where)


def _toml(text: str, where: str) -> Any:
    try:
        import tomllib  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise RuleError(
            f"{where} is TOML, which Python reads from 3.11 on",
            rule="",
            suggestion="write the same as JSON, in a file whose name ends in .json; or use --when",
        ) from None
    return _decoded(tomllib.loads, text, where)


def _decoded(loads: Callable[[str], Any], text: str, where: str) -> Any:
    try:
        return loads(text)
    except ValueError as exc:
        raise RuleError(f"{where}: {exc}", rule="", suggestion="") from exc
