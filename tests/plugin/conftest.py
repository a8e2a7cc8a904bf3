"""Fixtures for the tests of the pytest plugin."""

from __future__ import annotations

import pytest

import flightrec
from tests.plugin.project import Project


@pytest.fixture
def project(pytester: pytest.Pytester, runtime: flightrec.GoRuntime) -> Project:
    """Return an empty project whose Go library is the one of these tests."""
    return Project(pytester, runtime.path)
