"""What notebooks show: data frames of pandas and polars, and a card for a snapshot."""

from __future__ import annotations

import importlib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Literal

import pytest

from flightrec import trace
from flightrec.tables import TABLES, read_columns
from flightrec.tables.card import snapshot_card
from flightrec.tables.dataframe import NoDataFrameError, to_dataframe
from tests.tables.conftest import WORKLOADS
from tests.tables.test_sql import hostile
from tests.trace.tracebuilder import simple

__all__ = ["hostile"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("table", ["goroutine_states", "goroutines", "metrics", "samples"])
def test_data_frame(
    library: Literal["pandas", "polars"], table: str, recorded: dict[str, Path]
) -> None:
    """A data frame has the table's rows, missing values as such."""
    pytest.importorskip(library)
    frame: Any = trace.to_dataframe(table, recorded["gc_churn"], library=library)
    told = read_columns(recorded["gc_churn"], [table])[table]
    assert list(frame.columns) == list(TABLES[table].names)
    for name, values in told.items():
        column = frame[name]
        if library == "polars":
            found = column.to_list()
        else:
            found = [
                None if missing else v for v, missing in zip(column, column.isna(), strict=True)
            ]
        assert found == values


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas and polars the error says what to install."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(NoDataFrameError, match="needs pandas or polars: pip install pandas"):
        to_dataframe("logs", simple())


def test_wrong_names() -> None:
    """A table or library that there is not is an error that names those that there are."""
    with pytest.raises(ValueError, match="no table log; there are snapshots"):
        to_dataframe("log", simple())
    with pytest.raises(ValueError, match="library is 'pandas' or 'polars'"):
        to_dataframe("logs", simple(), library="arrow")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", WORKLOADS)
def test_card(name: str, recorded: dict[str, Path]) -> None:
    """A card is well-formed, small, and has a picture within its frame."""
    card = snapshot_card(recorded[name], recorded[name].stat().st_size)
    assert len(card) < 60_000
    root = ET.fromstring(card.replace("<br>", "<br/>"))
    polygons = root.findall(".//polygon")
    assert len(polygons) == 2
    for polygon in polygons:
        for point in polygon.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 480
            assert -0.1 <= y <= 60
    assert "events" in card


def test_card_counts(recorded: dict[str, Path]) -> None:
    """The picture's mean is what goroutines ran in all, over the window."""
    tables = read_columns(recorded["pingpong"], ["goroutine_states", "snapshots"])
    from flightrec.tables.card import _BUCKETS, _mean

    rows = list(zip(*tables["goroutine_states"].values(), strict=True))
    begin, end = tables["snapshots"]["begin_ns"][0], tables["snapshots"]["end_ns"][0]
    values = _mean(rows, "Running", begin, end - begin)
    ran = sum(row[8] - row[1] for row in rows if row[2] == "Running")
    assert sum(values) / _BUCKETS == pytest.approx(ran / (end - begin), rel=0.01)


def test_card_shows_the_collector(recorded: dict[str, Path]) -> None:
    """A card marks every GC cycle, and counts what there is one of as one."""
    path = recorded["gc_churn"]
    card = snapshot_card(path, 1000)
    names = read_columns(path, ["ranges"])["ranges"]["name"]
    cycles = names.count("GC concurrent mark phase")
    assert 0 < cycles == len(ET.fromstring(card.replace("<br>", "<br/>")).findall(".//rect"))
    assert " goroutines, 1 task, 1 log" in card
    assert "gobridge.(*tracer)" not in card


def test_hostile_card(hostile: Path) -> None:
    """Text of the trace is no part of the page's markup."""
    card = snapshot_card(hostile, 1000)
    assert "<script" not in card


def test_card_of_nothing() -> None:
    """What is too large is not read, and what is no trace says so."""
    assert "2.0 MiB" not in snapshot_card(b"no trace", 100)
    assert "not a valid trace" in snapshot_card(b"no <b>trace", 100)
    assert "large" in snapshot_card(b"no trace", 50 << 20)
    assert "events" in snapshot_card(simple(), 100)
