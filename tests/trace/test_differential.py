"""Our reader sees in fresh real traces what Go's reader sees, event for event."""

from __future__ import annotations

import pytest

from tests.trace.gocompare import DifferenceError, compare, compare_wire
from tests.trace.toolchains import Toolchain, toolchains
from tests.trace.tracemaker import SCENARIOS, TraceMaker

pytestmark = pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")

CASES = [
    pytest.param(toolchain, scenario, id=f"{toolchain.version}-{scenario}")
    for toolchain in toolchains()
    for scenario in SCENARIOS
    if not (scenario == "allocfree" and toolchain.minor < 23)
]

# What those versions' own readers print does not lend itself to a comparison in full.
OLD_CASES = [
    pytest.param(toolchain, scenario, id=f"{toolchain.version}-{scenario}")
    for toolchain in toolchains()
    for scenario in SCENARIOS
    if toolchain.minor < 25 <= toolchains()[-1].minor
    and not (scenario == "allocfree" and toolchain.minor < 23)
]


@pytest.mark.parametrize(("toolchain", "scenario"), CASES)
def test_events(toolchain: Toolchain, scenario: str, maker: TraceMaker) -> None:
    """A trace's events are those of the reader of the Go version that wrote it."""
    assert compare(maker.trace(toolchain, scenario), toolchain) > 50


@pytest.mark.parametrize(("toolchain", "scenario"), OLD_CASES)
def test_events_newest(toolchain: Toolchain, scenario: str, maker: TraceMaker) -> None:
    """A trace of an old Go has the events that the newest Go's reader sees in it."""
    assert compare(maker.trace(toolchain, scenario), toolchains()[-1]) > 50


@pytest.mark.parametrize(("toolchain", "scenario"), CASES)
def test_wire_events(toolchain: Toolchain, scenario: str, maker: TraceMaker) -> None:
    """The raw events are those of the reader of the Go version that wrote the trace."""
    assert compare_wire(maker.trace(toolchain, scenario), toolchain) > 50


def test_comparison_sees_a_difference(maker: TraceMaker) -> None:
    """The comparison fails for a trace that is not the one Go was shown."""
    toolchain = toolchains()[-1]
    one = maker.trace(toolchain, "annotations")
    other = maker.trace(toolchain, "syscalls")
    with pytest.raises(DifferenceError):
        compare(one, toolchain, shown_to_go=other)
