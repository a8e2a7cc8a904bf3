"""Slow programs with one known cause each: the explanation names it first."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from flightrec.trace.why import Certainty, Explanation, SubjectKind, explain
from tests.helpers import ROOT
from tests.helpers_go import Judge
from tests.why.cases import CASES, MODULE_CASES, PYTHON_CASES, Case
from tests.why.checking import check_cause
from tests.why.conftest import Corpus, record

PAGE = ROOT / "docs" / "why.md"


@pytest.mark.go_versions
@pytest.mark.parametrize("case", [*CASES, *PYTHON_CASES], ids=lambda case: case.name)
def test_cause(case: Case, corpus: Corpus, go_minor: int, judge: Judge) -> None:
    """The cause that the program was written to have is named first."""
    if go_minor < case.since:
        pytest.skip(f"needs Go 1.{case.since}")
    judge.check(corpus.path(case.name))
    check_cause(corpus.explained(case.name), case)


@pytest.mark.go_versions
@pytest.mark.parametrize("case", [*CASES, *PYTHON_CASES], ids=lambda case: case.name)
def test_tiles(case: Case, corpus: Corpus, go_minor: int) -> None:
    """Steps follow each other without a gap, and parts and causes add up to the whole."""
    if go_minor < case.since:
        pytest.skip(f"needs Go 1.{case.since}")
    explanation = corpus.explained(case.name)
    subject, time = explanation.subject, explanation.subject.begin_ns
    for step in explanation.steps:
        assert step.begin_ns == time
        assert step.end_ns > time
        time = step.end_ns
    assert time == subject.end_ns
    tops = [part.ns for part in explanation.parts if part.parent is None]
    assert sum(tops) == subject.duration_ns
    assert sum(cause.ns for cause in explanation.causes) == subject.duration_ns
    for i, part in enumerate(explanation.parts):
        below = [other.ns for other in explanation.parts if other.parent == i]
        assert not below or sum(below) == part.ns


@pytest.mark.go_versions
def test_nothing_stands_out(corpus: Corpus, why_library: Path, tmp_path: Path) -> None:
    """Where all requests take the same, the explanation says that nothing stands out.

    On a busy machine something may: a goroutine that waits for a CPU. Then it is tried again.
    """
    explanation = corpus.explained("uniform")
    for _ in range(8):
        if explanation.subject.kind is SubjectKind.NOTHING:
            break
        explanation = explain(record(why_library, tmp_path, ["uniform"]) / "uniform.trace")
    assert explanation.subject.kind is SubjectKind.NOTHING, str(explanation)
    assert str(explanation).startswith("Nothing stands out.")
    assert "15 tasks" in str(explanation)


def test_lock_in_words(corpus: Corpus) -> None:
    """The text names the lock's kind, the waiter's place, the holder's, and what it did."""
    text = " ".join(str(corpus.explained("mutex_across_io")).split())
    for words in (
        r"Task \d+ 'request' took 1\d\d ms \(median of 12 others [\d.]+ [mµn]s\)\.",
        r"it waited for a sync\.Mutex at main\.\(\*cache\)\.get \(locks\.go:\d+\)",
        r"until goroutine \d+ unlocked it at main\.\(\*cache\)\.refresh \(locks\.go:\d+\)",
        r"was in a system call \(syscall\.read\) in main\.slowRead \(locks\.go:\d+\), called from "
        r"main\.\(\*cache\)\.refresh",
    ):
        assert re.search(words, text), text


def test_recorded_is_not_inferred(corpus: Corpus) -> None:
    """What the trace records is not called inferred."""
    explanation = corpus.explained("nested_locks")
    assert {part.certainty for part in explanation.parts} == {Certainty.RECORDED}
    assert "inferred" not in str(explanation)


def test_inferred_is_marked(corpus: Corpus) -> None:
    """That a Python thread waited for its workload is inferred, and the text says so."""
    explanation = corpus.explained("python_task")
    assert explanation.causes[0].certainty is Certainty.INFERRED
    assert "inferred: this thread started it" in " ".join(str(explanation).split())


def table_row(case: Case, explanation: Explanation | None) -> str:
    """A row of the page's table, with what the explanation says, or is expected to say."""
    kind, function = str(case.kind), case.function
    if explanation is not None:
        first = explanation.causes[0]
        if first.function not in (case.function, case.caller):
            function = first.function or ""
        if first.kind is not case.or_kind:
            kind = str(first.kind)
    caller = f", called from `{case.caller}`" if case.caller else ""
    return f"| {case.story} | {kind} | `{function}`{caller} |"


def test_page(corpus: Corpus, go_minor: int) -> None:
    """The table on the page is what the explanations say now.

    With FLIGHTREC_UPDATE=1 it is written anew instead.
    """
    rows = ["| what is slow | kind of time | named first |", "|---|---|---|"]
    for case in (*CASES, *PYTHON_CASES):
        known = case.since <= go_minor
        rows.append(table_row(case, corpus.explained(case.name) if known else None))
    # test_modules.py checks these.
    rows += [table_row(case, None) for case in MODULE_CASES]
    table = "\n".join(rows)
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(r"<!-- corpus -->\n(.*?)\n<!-- end -->", page, re.DOTALL)
    assert found is not None
    if os.environ.get("FLIGHTREC_UPDATE"):
        page = page[: found.start(1)] + table + page[found.end(1) :]
        PAGE.write_text(page, encoding="utf-8")
        return
    assert found[1] == table
