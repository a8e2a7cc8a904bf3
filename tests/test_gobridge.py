"""The bridge's own Go tests: stream, tracer, pacing, batches and workloads, without Python."""

from __future__ import annotations

import pytest

from flightrec.toolchain import Toolchain
from tests.helpers import ROOT


@pytest.mark.matrix
def test_go_tests(go: Toolchain) -> None:
    """The bridge's Go tests pass."""
    go.require_c_compiler()
    go.run(
        *("test", "-count=1", "./..."),
        cwd=ROOT / "gobridge",
        env={"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "CGO_ENABLED": "1"},
    )


def test_go_tests_for_races(go: Toolchain) -> None:
    """The bridge's Go tests pass under the race detector."""
    go.require_c_compiler()
    go.run(
        *("test", "-race", "-count=1", "."),
        cwd=ROOT / "gobridge",
        env={"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "CGO_ENABLED": "1"},
    )
