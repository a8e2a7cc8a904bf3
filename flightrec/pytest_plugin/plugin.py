"""What pytest imports: options, markers and fixtures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from flightrec.pytest_plugin.hangs import MARKER as HANG_MARKER
from flightrec.pytest_plugin.judging import Judging
from flightrec.pytest_plugin.limits import MARKER as LIMITS_MARKER
from flightrec.pytest_plugin.options import add_options, read_options
from flightrec.pytest_plugin.session import SESSION, Session

if TYPE_CHECKING:
    from flightrec import FlightRecorder, GoRuntime

__all__ = ["flight_recorder", "go_runtime"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options, and register the hooks around tests."""
    session = Session(read_options(config))
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "flightrec-session")
    config.pluginmanager.register(Judging(session), "flightrec-limits")
    for marker in (LIMITS_MARKER, HANG_MARKER):
        config.addinivalue_line("markers", marker)


@pytest.fixture(scope="session")
def go_runtime(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> GoRuntime:
    """Load the Go library of the tests, once a session.

    It is the bundled one, or what ``flightrec_library`` or ``flightrec_package`` in the ini file
    name; to load another one, define a fixture of this name.
    """
    from flightrec.pytest_plugin.golibrary import load_runtime

    session = pytestconfig.stash[SESSION]
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    runtime = load_runtime(session.options, shared)
    session.record(runtime)
    return runtime


@pytest.fixture
def flight_recorder(pytestconfig: pytest.Config, go_runtime: GoRuntime) -> FlightRecorder:
    """Return the session's recorder, started.

    All tests share it, and it goes on until the session ends: the window of a test may begin with
    those before it. A test may stop it; the next one finds it started, with the options' window.
    """
    return pytestconfig.stash[SESSION].record(go_runtime)
