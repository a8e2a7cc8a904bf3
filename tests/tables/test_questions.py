"""Each question of ``docs/questions.md`` is answered, and the answer is that of the summarizer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import flightrec
from flightrec.trace import GoState, Summary, read, summarize
from flightrec.trace.summary.model import GC_ASSIST
from tests.helpers import ROOT
from tests.tables.conftest import WORKLOADS
from tests.tables.test_sql import query

PAGE = ROOT / "docs" / "questions.md"

Rows = list[dict[str, Any]]


class Question(NamedTuple):
    """One question of the page."""

    number: int
    text: str
    workload: str
    statement: str
    columns: list[str]


def questions() -> list[Question]:
    """All of them."""
    found = re.findall(
        r"^## (\d+)\. (.+?)\n\n.*?Workload: `(\w+)`\.\n\n```sql\n(.*?)\n```\n\n```\n(.*?)\n",
        PAGE.read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    return [Question(int(n), q, w, sql, re.split(r" {2,}", head)) for n, q, w, sql, head in found]


def _time_spent(rows: Rows, summary: Summary, file: Path) -> None:
    told = [(f.name, f.goroutines, f.stats.execution_ns) for f in summary.functions[:5]]
    assert [(r["name"], r["goroutines"], r["running_ns"]) for r in rows] == told


def _blocked_longest(rows: Rows, summary: Summary, file: Path) -> None:
    places = [p for p in summary.blocking if p.reason == "sync"]
    told = sum(p.total_ns for p in places if "workloads.mutex" in p.stack[-1].function)
    assert sum(r["total_ns"] for r in rows if "workloads.mutex.func" in r["place"]) >= told > 0


def _ready(rows: Rows, summary: Summary, file: Path) -> None:
    (row,) = rows
    assert (row["count"], row["max_ns"]) == (summary.scheduling.count, summary.scheduling.max_ns)


def _delays(rows: Rows, summary: Summary, file: Path) -> None:
    told = [(delay.goroutine, delay.duration_ns) for delay in summary.delays]
    # One that still waits is no delay yet.
    assert [(r["goid"], r["delay_ns"]) for r in rows if (r["goid"], r["delay_ns"]) in told]
    assert rows[0]["delay_ns"] >= told[0][1]


def _wakers(rows: Rows, summary: Summary, file: Path) -> None:
    assert all("pingpong" in r["waker"] and "pingpong" in r["woken"] for r in rows)


def _stops(rows: Rows, summary: Summary, file: Path) -> None:
    told: Counter[str] = Counter()
    for pause in summary.pauses:
        told[pause.reason] += pause.duration_ns
    found = {r["reason"]: r["total_ns"] for r in rows}
    assert all(found[reason] >= ns for reason, ns in told.items())
    assert sum(r["count"] for r in rows) >= len(summary.pauses) > 0


def _longest_stop(rows: Rows, summary: Summary, file: Path) -> None:
    (row,) = rows
    assert summary.longest_pause is not None
    assert row["duration_ns"] == summary.longest_pause.duration_ns
    assert row["reason"] == summary.longest_pause.reason


def _cycles(rows: Rows, summary: Summary, file: Path) -> None:
    told = [c for c in summary.gc_cycles if c.begin_ns is not None][: len(rows)]
    assert told
    assert {r["duration_ns"] for r in rows} >= {c.duration_ns for c in told[:3] if c.end_ns}


def _heap(rows: Rows, summary: Summary, file: Path) -> None:
    assert {r["name"]: (r["low"], r["high"]) for r in rows} == {
        name: (series.low, series.high)
        for name, series in summary.metrics.items()
        if name.endswith(":bytes")
    }


def _assists(rows: Rows, summary: Summary, file: Path) -> None:
    told = sum(function.stats.gc_assist_ns for function in summary.functions)
    # What one does when the trace begins is counted from there, by both.
    assert sum(r["total_ns"] for r in rows) >= told > 0
    assert sum(r["count"] for r in rows) >= summary.ranges[GC_ASSIST].count


def _requests(rows: Rows, summary: Summary, file: Path) -> None:
    told = {name: (d.count, d.max_ns) for name, d in summary.task_durations.items()}
    assert {r["name"]: (r["count"], r["max_ns"]) for r in rows} == told


def _slowest(rows: Rows, summary: Summary, file: Path) -> None:
    durations = [
        task.duration_ns
        for task in summary.tasks.values()
        if task.name == "request" and task.duration_ns is not None
    ]
    assert [r["duration_ns"] for r in rows] == sorted(durations, reverse=True)[:3]


def _path(rows: Rows, summary: Summary, file: Path) -> None:
    assert [r["step"] for r in rows] == list(range(1, len(rows) + 1))
    assert sum(r["ns"] for r in rows) == summary.task_durations["request"].max_ns


def _logs(rows: Rows, summary: Summary, file: Path) -> None:
    told = [(log.category, log.message) for task in summary.tasks.values() for log in task.logs]
    assert [(r["category"], r["message"]) for r in rows] == told == [("stage", "begins")]


def _creators(rows: Rows, summary: Summary, file: Path) -> None:
    told = Counter(g.name for g in summary.goroutines.values() if g.created_in_trace)
    assert rows
    assert all(r["goroutines"] <= told[r["name"]] for r in rows)


def _left(rows: Rows, summary: Summary, file: Path) -> None:
    there = Counter(g.name for g in summary.goroutines.values() if g.state is not GoState.NOT_EXIST)
    found: Counter[str] = Counter()
    for r in rows:
        found[r["name"]] += r["goroutines"]
    assert all(there[name] == count for name, count in found.items())


def _busy(rows: Rows, summary: Summary, file: Path) -> None:
    assert len(rows) >= 1
    assert all(0 <= (r["busy_percent"] or 0) <= 100 for r in rows)
    assert max(r["busy_percent"] or 0 for r in rows) > 0


def _parallel(rows: Rows, summary: Summary, file: Path) -> None:
    (row,) = rows
    total = sum(function.stats.execution_ns for function in summary.functions)
    assert row["running"] == pytest.approx(total / summary.duration_ns, abs=0.01)


def _syscalls(rows: Rows, summary: Summary, file: Path) -> None:
    assert rows
    assert rows[0]["max_ns"] == max(r["max_ns"] for r in rows)
    stats = [function.stats for function in summary.functions]
    total = sum(s.syscall_ns + s.syscall_blocked_ns for s in stats)
    assert 0 < sum(r["total_ns"] for r in rows) <= total


def _event(rows: Rows, summary: Summary, file: Path) -> None:
    (log,) = [e for e in read(file) if getattr(e, "message", "") == "begins"]
    assert [(r["time_ns"], r["type"], r["goid"]) for r in rows] == [
        (log.time, "Log", log.goroutine)
    ]


#: How each answer is checked, in the order of the page.
CHECKS: Final[tuple[Callable[[Rows, Summary, Path], None], ...]] = (
    _time_spent,
    _blocked_longest,
    _ready,
    _delays,
    _wakers,
    _stops,
    _longest_stop,
    _cycles,
    _heap,
    _assists,
    _requests,
    _slowest,
    _path,
    _logs,
    _creators,
    _left,
    _busy,
    _parallel,
    _syscalls,
    _event,
)


def test_there_are_twenty() -> None:
    """The page has twenty questions, numbered, each on a bundled workload."""
    found = questions()
    assert [question.number for question in found] == list(range(1, 21))
    assert {question.workload for question in found} == set(WORKLOADS)


def test_results_are_of_todays_code(runtime: flightrec.GoRuntime) -> None:
    """What the page's results name of flightrec's own code is there (``tools/questions.py``)."""
    text = PAGE.read_text("utf-8")
    library = runtime.path.read_bytes()
    names = set(re.findall(r"(flightrec/gobridge[\w./()*]*\w)(?![\w…])", text))
    assert len(names) > 5
    # In the library every function's whole name is there, and ends in NUL.
    assert [one for one in names if f"{one}\0".encode() not in library] == []
    places = set(re.findall(r"(flightrec/gobridge\S+) \(flightrec/gobridge(/\S+):(\d+)\)", text))
    assert len(places) > 2
    for function, file, line in places:
        source = (ROOT / "gobridge" / file[1:]).read_text("utf-8").splitlines()[: int(line)]
        around = [found for found in map(re.compile(r"func (\w+)\(").match, source) if found]
        assert around[-1][1] == function.rpartition("/")[2].split(".")[1], (function, file, line)


@pytest.mark.parametrize("question", questions(), ids=lambda q: str(q.number))
def test_answer(question: Question, recorded: dict[str, Path]) -> None:
    """The answer is what the summarizer says, in the columns that the page shows."""
    file = recorded[question.workload]
    rows = query(file, question.statement)
    assert rows
    assert list(rows[0]) == question.columns
    CHECKS[question.number - 1](rows, summarize(file), file)
