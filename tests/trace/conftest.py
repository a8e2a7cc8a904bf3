"""Fixtures of the trace reader's tests: real traces, made on demand and once a session."""

from __future__ import annotations

import pytest

from tests.trace.tracemaker import TraceMaker


@pytest.fixture(scope="session")
def maker(tmp_path_factory: pytest.TempPathFactory) -> TraceMaker:
    """Makes real traces with any toolchain, each of them once."""
    return TraceMaker(tmp_path_factory.mktemp("traces"))
