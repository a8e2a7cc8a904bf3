"""Leaks that only a Go program of one's own can make."""

from __future__ import annotations

import pytest

from flightrec.testing import Window, WindowAssertionError
from tests.trace.toolchains import Toolchain, toolchains
from tests.trace.tracemaker import Scenario, TraceMaker


@pytest.mark.parametrize("toolchain", [one for one in toolchains() if one.minor >= 23], ids=str)
def test_leaked_coroutines(toolchain: Toolchain, maker: TraceMaker) -> None:
    """Coroutines that are left behind fail, with the place that created them."""
    file = maker.folder / f"leaked-{toolchain.version}.trace"
    maker.record(toolchain, Scenario("leakcoroutines", 50), file)
    with pytest.raises(WindowAssertionError, match="left behind") as error:
        Window(file).assert_no_goroutine_leak()
    text = str(error.value)
    assert "5 goroutines (runtime.corostart" in text
    assert "main.leakCoroutines" in text
    assert "coroutines.go:" in text
