"""The tables add up to what the summarizer, and Go's own, make of the same trace."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from flightrec.tables.text import valid_text
from flightrec.trace import GoState, Summary, summarize
from tests.tables.conftest import WORKLOADS
from tests.tables.rows import each, tables_of
from tests.trace.gosummaries import go_summary, summarizing_toolchain
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import TraceMaker

#: Between them these have everything: in the newest format, and in the oldest that is there.
CASES = [
    pytest.param(toolchain, scenario, id=f"{toolchain.version}-{scenario}")
    for found, scenarios in (
        (toolchains()[-1:], ("coroutines", "generations", "profile")),
        (toolchains()[:-1][:1], ("generations",)),
    )
    for toolchain in found
    for scenario in scenarios
]


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads(name: str, recorded: dict[str, Path]) -> None:
    """Of each bundled workload's snapshot the tables and the summary tell the same."""
    compare(recorded[name])


@pytest.mark.parametrize(("toolchain", "scenario"), CASES)
def test_scenarios(toolchain: Any, scenario: str, maker: TraceMaker) -> None:
    """Of traces with everything in them, in the newest format and the oldest, too."""
    compare(maker.trace(toolchain, scenario))


@pytest.mark.parametrize("name", WORKLOADS)
def test_go(name: str, recorded: dict[str, Path], maker: TraceMaker) -> None:
    """Times running, runnable and blocked of each goroutine are those of Go's summarizer."""
    toolchain = summarizing_toolchain()
    if toolchain is None:
        pytest.skip("no Go 1.26 or later was found")
    theirs = go_summary(toolchain, recorded[name], maker.folder)
    tables = tables_of(recorded[name])
    sums = _state_sums(tables)
    goroutines = each(tables, "goroutines")
    assert {str(row["goid"]) for row in goroutines} == set(theirs["Goroutines"])
    for row in goroutines:
        found, go = sums[row["goroutine"]], theirs["Goroutines"][str(row["goid"])]["Stats"]
        if row["state"] != "Syscall":  # Go counts what is left of one twice.
            assert found["Runnable", ""] == go["Sched"], row
        assert found["Running", ""] == go["Exec"], row
        assert _blocked(found) == {r: ns for r, ns in (go["Block"] or {}).items() if ns}, row


def compare(file: Path) -> None:
    """Compare all that both have."""
    summary, tables = summarize(file), tables_of(file)
    _compare_goroutines(summary, tables)
    _compare_runtime(summary, tables)
    _compare_tasks(summary, tables)


def _state_sums(tables: dict[str, dict[str, list[Any]]]) -> dict[int, Counter[tuple[str, str]]]:
    """For each goroutine the time in each state, by reason where that matters."""
    sums: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in each(tables, "goroutine_states"):
        reason = row["reason"] if row["state"] in ("Waiting", "Syscall") else ""
        sums[row["goroutine"]][row["state"], reason] += row["end_ns"] - row["begin_ns"]
    return sums


def _blocked(sums: Counter[tuple[str, str]]) -> dict[str, int]:
    # One that waits for ever has ended, as Go's summarizer reckons.
    return {
        reason: ns
        for (state, reason), ns in sums.items()
        if state == "Waiting" and ns and reason != "forever"
    }


def _compare_goroutines(summary: Summary, tables: dict[str, dict[str, list[Any]]]) -> None:
    sums = _state_sums(tables)
    goroutines = each(tables, "goroutines")
    assert {row["goid"] for row in goroutines} == set(summary.goroutines)
    for row in goroutines:
        found, stats = sums[row["goroutine"]], summary.goroutines[row["goid"]].stats
        assert found["Running", ""] == stats.execution_ns, row
        assert found["Runnable", ""] == stats.runnable_ns, row
        assert found["Syscall", ""] == stats.syscall_ns, row
        assert found["Syscall", "proc lost"] == stats.syscall_blocked_ns, row
        assert _blocked(found) == {r: ns for r, ns in stats.blocked_ns.items() if ns}, row
        other = summary.goroutines[row["goid"]]
        assert row["name"] == valid_text(other.name)
        assert row["parent"] == other.parent
        assert row["started_ns"] == other.started_ns
        assert row["state"] == str(other.state)
        assert row["began_before"] is not other.created_in_trace
        assert row["goes_on"] is (other.state is not GoState.NOT_EXIST)


def _compare_runtime(summary: Summary, tables: dict[str, dict[str, list[Any]]]) -> None:
    ranges: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for row in each(tables, "ranges"):
        if not row["began_before"] and not row["goes_on"]:
            ranges[row["name"]] += 1
            totals[row["name"]] += row["end_ns"] - row["begin_ns"]
    assert ranges == {name: found.count for name, found in summary.ranges.items()}
    assert totals == {name: found.total_ns for name, found in summary.ranges.items()}
    metrics = Counter(row["name"] for row in each(tables, "metrics"))
    assert sum(metrics.values()) == summary.events.get("Metric", 0)
    assert len(each(tables, "samples")) == sum(place.count for place in summary.samples)
    (snapshot,) = each(tables, "snapshots")
    assert snapshot["begin_ns"] == summary.begin_ns
    assert snapshot["end_ns"] == summary.end_ns
    assert snapshot["events"] == summary.event_count
    told = [(part.number, part.begin_ns, part.end_ns) for part in summary.generations]
    generations = each(tables, "generations")
    assert [(row["generation"], row["begin_ns"], row["end_ns"]) for row in generations] == told


def _compare_tasks(summary: Summary, tables: dict[str, dict[str, list[Any]]]) -> None:
    tasks = {row["task"]: row for row in each(tables, "tasks")}
    told = {
        number: task
        for number, task in summary.tasks.items()
        if task.begin_ns is not None or task.end_ns is not None
    }
    assert set(tasks) == set(told)
    for number, task in told.items():
        row = tasks[number]
        assert row["name"] == valid_text(task.name)
        assert row["parent"] == task.parent
        assert row["began_before"] is (task.begin_ns is None)
        assert row["goes_on"] is (task.end_ns is None)
        assert task.begin_ns in (None, row["begin_ns"])
        assert task.end_ns in (None, row["end_ns"])
    regions = Counter(
        (row["goroutine"], row["task"], row["name"], row["begin_ns"], row["end_ns"])
        for row in each(tables, "regions")
        if not row["began_before"] and not row["goes_on"]
    )
    assert regions == Counter(
        (region.goroutine, region.task, valid_text(region.name), region.begin_ns, region.end_ns)
        for task in summary.tasks.values()
        for region in task.regions
        if region.duration_ns is not None and not region.inherited
    )
    logs = Counter((row["task"], row["category"], row["time_ns"]) for row in each(tables, "logs"))
    assert logs == Counter(
        (number, valid_text(log.category), log.time_ns)
        for number, task in summary.tasks.items()
        for log in task.logs
    )
