"""Fixtures for tests of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import flightrec
from flightrec.directory import SnapshotDirectory
from flightrec.rules.engine import RuleEngine

MakeEngine = Callable[[flightrec.FlightRecorder], RuleEngine]


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    """Return what makes engines that read often; they are closed at the end."""
    made = []

    def make(recorder: flightrec.FlightRecorder) -> RuleEngine:
        made.append(RuleEngine(recorder, interval=0.02))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def engine(recorder: flightrec.FlightRecorder, make_engine: MakeEngine) -> RuleEngine:
    """Return the engine of a recorder that is started."""
    return make_engine(recorder)


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotDirectory:
    """Return a folder for snapshots without limits in time."""
    return SnapshotDirectory(tmp_path / "snapshots", min_interval=0, per_rule=0)
