"""``flightrec report``: the file."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from flightrec.report import REPORT_TABLES, write_report
from flightrec.tables import TABLES, read_columns
from flightrec.tables.text import valid_text
from flightrec.trace import explain
from flightrec.trace.why.text import headline
from tests.gomodules import run_command
from tests.helpers_go import Judge
from tests.report.blocks import about, tables
from tests.report.conftest import HOSTILE
from tests.trace.tracebuilder import FREQUENCY, batch, event, header, running, sync


def test_has_every_row_of_the_tables(
    hostile_trace: Path, hostile_report: Path, judge: Judge
) -> None:
    """A report's blocks have the rows that the tables have, value by value."""
    judge.check(hostile_trace)
    origin = int(about(hostile_report)["origin_ns"])
    found = tables(hostile_report)
    names = [name for name in REPORT_TABLES if name != "snapshots"]
    expected = read_columns(hostile_trace, names)
    assert found.keys() == {name for name in names if next(iter(expected[name].values()))}
    for name, columns in found.items():
        for column, values in columns.items():
            moment = column.endswith("_ns") and column != "waited_ns"
            wanted = [
                value - origin if moment and value is not None else value
                for value in expected[name][column]
            ]
            assert values == wanted, (name, column)
        assert tuple(columns) == TABLES[name].names


def test_tables_in_parts(
    hostile_trace: Path, hostile_report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that is written in several blocks has the same rows."""
    monkeypatch.setattr("flightrec.report.write._ROWS", 50)
    parts = tmp_path / "parts.html"
    with parts.open("wb") as file:
        write_report(hostile_trace, file)
    assert parts.read_text().count('class="block"') > hostile_report.read_text().count('"block"')
    assert tables(parts) == tables(hostile_report)


def test_nothing_of_a_trace_is_markup(hostile_report: Path) -> None:
    """Hostile names and messages are in the data, and nowhere as HTML."""
    text = hostile_report.read_text("utf-8")
    assert "alert(1)" not in text.replace("\\u003cscript>alert(1)", "")
    # Go is never given a NUL: what annotates the trace writes it as an escape.
    message = f"message {HOSTILE}".replace("\x00", "\\x00")
    assert message in tables(hostile_report)["logs"]["message"]
    # The page's own script, its blocks and its JSON; nothing else begins an element of that name.
    kinds = re.findall(r"<script([^>]*)>", text.split("<!--flightrec-data-->")[0])
    blocks = [kind for kind in kinds if kind.endswith('class="block"')]
    assert len(kinds) == len(blocks) + 2


def test_loads_nothing(hostile_report: Path) -> None:
    """The policy allows the page's one script and style by their hashes, and no other source."""
    text = hostile_report.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    for element in ("script", "style"):
        inline = re.search(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert inline is not None
        digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy[1]
    assert not re.search(r"(src|href)=.?(https?:)?//", text)


def test_command(hostile_trace: Path, tmp_path: Path) -> None:
    """The command writes the report where it is told to, and says so."""
    target = tmp_path / "r.html"
    done = run_command("report", hostile_trace, "-o", target)
    assert (done.returncode, done.stderr) == (0, f"{target}: written\n")
    assert about(target)["snapshot"]["path"] == str(hostile_trace)


def test_broken_trace(hostile_trace: Path, tmp_path: Path) -> None:
    """Of a broken trace there is a report of what comes before, which says so; the code is 1."""
    broken = tmp_path / "broken.trace"
    broken.write_bytes(hostile_trace.read_bytes() + b"\xffgarbage")
    done = run_command("report", broken)
    assert done.returncode == 1
    assert "not a valid trace" in done.stderr
    report = broken.with_suffix(".html")
    assert about(report)["snapshot"]["error"]
    assert tables(report)["goroutines"]


def test_no_trace(tmp_path: Path) -> None:
    """Of what is no trace there is no report: the error names the file, and the code is 1."""
    text = tmp_path / "text.trace"
    text.write_text("no trace")
    done = run_command("report", text)
    assert done.returncode == 1
    assert done.stderr.startswith(f"flightrec: {text}: not a valid trace")
    assert list(tmp_path.iterdir()) == [text]


def test_refuses_to_replace_the_trace(hostile_trace: Path) -> None:
    """The trace itself is not taken for the report's place."""
    before = hostile_trace.read_bytes()
    done = run_command("report", hostile_trace, "-o", hostile_trace)
    assert done.returncode == 2
    assert "is the trace itself" in done.stderr
    assert hostile_trace.read_bytes() == before


def test_explains_as_explain_does(hostile_trace: Path, hostile_report: Path) -> None:
    """The first screen has what ``trace.explain`` says, with times from the trace's begin."""
    expected = explain(hostile_trace)
    found = about(hostile_report)
    told = found["explanation"]
    assert told["headline"] == valid_text(headline(expected))
    assert (told["kind"], told["id"]) == (str(expected.subject.kind), expected.subject.id)
    assert told["begin_ns"] == expected.subject.begin_ns - int(found["origin_ns"])
    assert [line["ns"] for line in told["lines"]] == [part.ns for part in expected.parts]


def test_a_year_of_uptime(tmp_path: Path) -> None:
    """The first event's time is exact where it is beyond what JavaScript's numbers hold."""
    ticks = 366 * 86_400 * FREQUENCY + 1
    trace = tmp_path / "old.trace"
    events = [*running(1, 7), event("HeapAlloc", 10, 4096)]
    trace.write_bytes(header(26) + batch(1, 7, ticks, *events) + sync(26, 1, ticks))
    report = tmp_path / "old.html"
    with report.open("wb") as file:
        write_report(trace, file)
    assert about(report)["origin_ns"] == str(ticks * 64)
    (measured,) = read_columns(trace, ["metrics"])["metrics"]["time_ns"]
    assert measured > 1 << 53
    assert tables(report)["metrics"]["time_ns"] == [measured - ticks * 64]


def test_the_same_trace_makes_the_same_report(hostile_trace: Path, tmp_path: Path) -> None:
    """Two processes, whose hashes differ, write the same bytes."""
    for name in ("a.html", "b.html"):
        assert run_command("report", hostile_trace, "-o", tmp_path / name).returncode == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
