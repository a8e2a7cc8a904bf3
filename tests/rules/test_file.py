"""Rules in a file: TOML or JSON, read strictly."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import flightrec
from flightrec.rules.file import read_rules
from flightrec.rules.grammar import parse

TOML = """
[snapshots]
dir = "snaps"
max_files = 5
max_bytes = "1GiB"
min_interval = "0s"
per_rule = 0
arguments = false

[[rule]]
when = "http slower than 200ms"
name = "slow"
tail = "200ms"

[[rule]]
when = "panic"
"""

toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is in Python 3.11 and later")


@toml
def test_toml(tmp_path: Path) -> None:
    """A TOML file gives the folder, its limits, and the rules with their options."""
    path = tmp_path / "rules.toml"
    path.write_text(TOML)
    read = read_rules(path)
    assert read.folder == "snaps"
    assert read.limits == {
        "max_files": 5,
        "max_bytes": 1 << 30,
        "min_interval": 0.0,
        "per_rule": 0.0,
        "arguments": False,
    }
    first, second = read.rules
    assert first.condition == parse("http slower than 200ms")
    assert first.options == {"name": "slow", "tail": 0.2}
    assert second.options == {}


def test_json(tmp_path: Path) -> None:
    """JSON of the same form is read with every Python."""
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"rule": [{"when": "panic", "last": "5s"}]}))
    (rule,) = read_rules(path).rules
    assert (rule.when, rule.options) == ("panic", {"last": 5.0})


def test_no_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python has no tomllib, the error names the alternatives."""
    monkeypatch.setitem(sys.modules, "tomllib", None)
    path = tmp_path / "rules.toml"
    path.write_text(TOML)
    with pytest.raises(flightrec.RuleError, match=r"3\.11.*JSON.*--when"):
        read_rules(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no [[rule]]"),
        ([], "a table"),
        ({"rule": {}}, "two brackets"),
        ({"rule": [{}]}, "without its condition"),
        ({"rule": [{"when": "panik"}]}, "position"),
        ({"rule": [{"when": 5}]}, "a rule in quotes"),
        ({"rule": [{"when": "panic", "tial": "1s"}]}, "did you mean tail?"),
        ({"rule": [{"when": "panic", "tail": 1}]}, '"10s"'),
        ({"rule": [{"when": "panic", "tail": "1GiB"}]}, '"10s"'),
        ({"rule": [{"when": "panic"}], "snapshot": {}}, "did you mean snapshots?"),
        ({"rule": [{"when": "panic"}], "snapshots": {"max_files": True}}, "a whole number"),
        ({"rule": [{"when": "panic"}], "snapshots": {"max_bytes": "5s"}}, '"1GiB"'),
    ],
)
def test_mistakes(tmp_path: Path, content: object, message: str) -> None:
    """A mistake in the file is refused, with where it is and what could stand there."""
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(content))
    with pytest.raises(flightrec.RuleError) as caught:
        read_rules(path)
    assert message in str(caught.value)


def test_not_a_file_of_that_kind(tmp_path: Path) -> None:
    """A file that cannot be decoded is told so, with the decoder's own words."""
    path = tmp_path / "rules.json"
    path.write_text("{")
    with pytest.raises(flightrec.RuleError, match="line 1"):
        read_rules(path)
    with pytest.raises(FileNotFoundError):
        read_rules(tmp_path / "none.json")
