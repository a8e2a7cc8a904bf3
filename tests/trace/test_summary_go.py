"""Our summaries have the numbers of Go's own summarizer, on fresh real traces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flightrec.trace import GoState
from flightrec.trace.summary import ExecutionStats, RegionSummary, Summary, summarize
from tests.trace.gosummaries import go_summary, summarizing_toolchain
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import SCENARIOS, TraceMaker

GO = summarizing_toolchain()

pytestmark = pytest.mark.skipif(GO is None, reason="no Go 1.26 or later was found")

# Every scenario on the newest toolchain, and the one with everything in it on the others.
CASES = [
    pytest.param(toolchain, scenario, id=f"{toolchain.version}-{scenario}")
    for toolchain in toolchains()
    for scenario in SCENARIOS
    if scenario != "allocfree" and (toolchain is toolchains()[-1] or scenario == "generations")
]


@pytest.mark.parametrize(("toolchain", "scenario"), CASES)
def test_numbers(toolchain: Any, scenario: str, maker: TraceMaker) -> None:
    """Goroutines, tasks and regions have the times that Go's summarizer gives them."""
    check(maker.trace(toolchain, scenario), maker.folder)


def check(trace: Path, folder: Path) -> None:
    """Compare all that both summaries have."""
    assert GO is not None
    theirs = go_summary(GO, trace, folder)
    ours = summarize(trace)
    assert {str(goid) for goid in ours.goroutines} == set(theirs["Goroutines"])
    for goid, goroutine in ours.goroutines.items():
        go = theirs["Goroutines"][str(goid)]
        assert goroutine.name == go["Name"], goid
        assert goroutine.created_ns == go["Created"], goid
        assert (goroutine.started_ns or 0) == go["Start"], goid
        assert (goroutine.ended_ns or 0) == go["End"], goid
        told = _stats(goroutine.stats)
        in_syscall = goroutine.state is GoState.SYSCALL and goroutine.ended_ns is None
        assert told == (_mended(go["Stats"]) if in_syscall else _go_stats(go["Stats"])), goid
        assert _regions(goroutine.regions) == _go_regions(go["Regions"]), goid
    _check_tasks(ours, theirs["Tasks"])


def _check_tasks(ours: Summary, theirs: Mapping[str, Any]) -> None:
    assert {str(number) for number in ours.tasks} == set(theirs)
    for number, task in ours.tasks.items():
        go = theirs[str(number)]
        assert _printable(task.name) == go["Name"], number
        assert (task.parent or 0) == go["Parent"], number
        assert list(task.children) == (go["Children"] or []), number
        assert (task.begin_ns or 0) == go["Start"], number
        assert (task.end_ns or 0) == go["End"], number
        assert list(task.goroutines) == sorted(go["Goroutines"]), number
        assert [_printable(log.message) for log in task.logs] == (go["Logs"] or []), number
        assert _regions(task.regions) == _go_regions(go["Regions"]), number


def _stats(stats: ExecutionStats) -> dict[str, Any]:
    return {
        "Exec": stats.execution_ns,
        "Sched": stats.runnable_ns,
        "Syscall": stats.syscall_ns,
        "SyscallBlock": stats.syscall_blocked_ns,
        "Total": stats.total_ns,
        "Block": {reason: ns for reason, ns in stats.blocked_ns.items() if ns},
        "Range": {name: ns for name, ns in stats.range_ns.items() if ns},
    }


def _go_stats(stats: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(stats)
    for key in ("Block", "Range"):
        out[key] = {name: ns for name, ns in (stats[key] or {}).items() if ns}
    return out


def _mended(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Go's stats of a goroutine that is in a syscall at the trace's end.

    If it has lost its proc by then, Go counts the rest twice: it is in the syscall time and in the
    scheduling wait. That much is more than the total.
    """
    out = _go_stats(stats)
    known = sum(out[key] for key in ("Exec", "Sched", "Syscall", "SyscallBlock"))
    excess = known + sum(out["Block"].values()) - out["Total"]
    if excess > 0:
        out["Sched"] -= excess
        out["Syscall"] -= excess
        out["SyscallBlock"] += excess
    return out


def _regions(regions: tuple[RegionSummary, ...]) -> list[tuple[object, ...]]:
    return sorted(
        (
            region.begin_ns or 0,
            _printable(region.name),
            region.task,
            sorted(_stats(region.stats).items(), key=str),
        )
        for region in regions
    )


def _go_regions(regions: list[Mapping[str, Any]] | None) -> list[tuple[object, ...]]:
    return sorted(
        (
            region["Start"],
            region["Name"],
            region["Task"],
            sorted(_go_stats(region["Stats"]).items(), key=str),
        )
        for region in regions or ()
    )


def _printable(text: str) -> str:
    """The text as it comes out of Go's JSON, which has no bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
