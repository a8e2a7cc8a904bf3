"""Reading a trace into tables: chunks, reused ids, odd text, broken traces."""

from __future__ import annotations

import gc
import io
import itertools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flightrec.errors import TraceFormatError
from flightrec.export.perfetto import PERFETTO_TABLES, write_perfetto
from flightrec.export.textfiles import write_jsonl
from flightrec.report import write_report
from flightrec.tables import TABLES, Chunk, Interner, read_columns, read_tables
from flightrec.tables.text import valid_text
from flightrec.trace import Event, GoroutineTransition, Reader, read
from tests.tables.conftest import WORKLOADS
from tests.tables.rows import each, tables_of
from tests.trace.tracebuilder import batch, event, header, running, simple, strings, sync


@pytest.mark.parametrize("name", WORKLOADS)
def test_states_have_no_gaps(name: str, recorded: dict[str, Path]) -> None:
    """A goroutine's states follow one another from its first moment to its last."""
    tables = tables_of(recorded[name])
    states: dict[int, list[dict[str, object]]] = {}
    for row in each(tables, "goroutine_states"):
        states.setdefault(row["goroutine"], []).append(row)
    goroutines = each(tables, "goroutines")
    assert len(goroutines) == len(states)
    for goroutine in goroutines:
        found = states[goroutine["goroutine"]]
        assert found[0]["begin_ns"] == goroutine["begin_ns"]
        assert found[-1]["end_ns"] == goroutine["end_ns"]
        assert found[-1]["goes_on"] is goroutine["goes_on"]
        for earlier, later in itertools.pairwise(found):
            assert earlier["end_ns"] == later["begin_ns"]
            assert not earlier["goes_on"]


@pytest.mark.parametrize("name", WORKLOADS)
def test_proc_states_have_no_gaps(name: str, recorded: dict[str, Path]) -> None:
    """A P's states follow one another, and change from one to the next."""
    last: dict[int, dict[str, object]] = {}
    for row in each(tables_of(recorded[name]), "proc_states"):
        if row["proc"] in last:
            assert last[row["proc"]]["end_ns"] == row["begin_ns"]
            assert last[row["proc"]]["state"] != row["state"]
        last[row["proc"]] = row
    assert all(row["goes_on"] for row in last.values())


@pytest.mark.parametrize("name", WORKLOADS)
def test_one_goroutine_on_a_proc(name: str, recorded: dict[str, Path]) -> None:
    """No two goroutines have a P at the same time."""
    busy = sorted(
        (row["proc"], row["begin_ns"], row["end_ns"])
        for row in each(tables_of(recorded[name]), "goroutine_states")
        if row["proc"] is not None and row["state"] == "Running"
    )
    assert busy
    for (proc, _, end), (other, begin, _) in itertools.pairwise(busy):
        assert proc != other or end <= begin


@pytest.mark.parametrize("name", WORKLOADS)
def test_references(name: str, recorded: dict[str, Path]) -> None:
    """Whatever refers to a row of another table finds it."""
    tables = tables_of(recorded[name])
    for table in TABLES.values():
        for column in table.columns:
            if not column.refers:
                continue
            other, key = column.refers.split(".")
            # A trace need not have the task that a region or subtask is in.
            if other != "tasks":
                found = set(tables[table.name][column.name]) - {None}
                assert found <= set(tables[other][key]), (table.name, column.name)


@pytest.mark.parametrize("name", WORKLOADS)
def test_waits_end_in_wakeups(name: str, recorded: dict[str, Path]) -> None:
    """Each wait that ends in the trace has the wakeup that ended it, and that its length."""
    tables = tables_of(recorded[name])
    waits = sorted(
        (row["end_ns"], row["goroutine"], row["end_ns"] - row["begin_ns"])
        for row in each(tables, "goroutine_states")
        if row["state"] == "Waiting" and not row["goes_on"]
    )
    assert waits == sorted(
        (row["time_ns"], row["goroutine"], row["waited_ns"])
        for row in each(tables, "wakeups")
        if row["kind"] == "unblock"
    )


@pytest.mark.parametrize("name", WORKLOADS)
def test_all_events(name: str, recorded: dict[str, Path]) -> None:
    """The table of events has them all, in order."""
    told = [(e.time, type(e).__name__, e.goroutine, e.proc) for e in read(recorded[name])]
    rows = each(tables_of(recorded[name]), "events")
    assert [(r["time_ns"], r["type"], r["goroutine"], r["proc"]) for r in rows] == told


@pytest.mark.parametrize("name", WORKLOADS)
def test_plain_transitions(name: str, recorded: dict[str, Path]) -> None:
    """Tables are made of what everybody reads; only, goroutines' transitions have no names."""
    path = recorded[name]
    with Reader(path, plain=True) as reader:
        for plain, event in zip(reader, read(path), strict=True):
            assert (plain.__class__ is tuple) == isinstance(event, GoroutineTransition)
            assert tuple(plain) == tuple(event)


def test_only_what_is_asked_for(recorded: dict[str, Path]) -> None:
    """Chunks have the tables that were asked for and no others."""
    names = {name for chunk in read_tables(recorded["idle"], ["logs", "frames"]) for name in chunk}
    assert names == {"logs", "frames"}


def test_unknown_table() -> None:
    """A table that there is not is an error that names those that there are."""
    with pytest.raises(ValueError, match="no table log; there are snapshots, "):
        read_tables(simple(), ["log"])


def test_shared_interner(recorded: dict[str, Path]) -> None:
    """Traces that share an interner have each frame once between them."""
    interner = Interner()
    rows = [
        row
        for name in ("idle", "mutex")
        for chunk in read_tables(recorded[name], ["frames"], interner=interner)
        for row in chunk.rows("frames")
    ]
    assert len({row[1:4] for row in rows}) == len(rows)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))


def test_reused_id() -> None:
    """A C thread's goroutine that gets the id of one that left is another goroutine."""
    lives = [
        event("GoCreateSyscall", 10, 5),
        event("GoDestroySyscall", 10),
        event("GoCreateSyscall", 10, 5),
        event("GoDestroySyscall", 10),
    ]
    trace = header(26) + batch(1, 7, 1000, *running(1, 7))
    trace += batch(1, 8, 1000, *lives) + sync(26, 1, 1000)
    tables = read_columns(trace, list(TABLES))
    found = [row for row in each(tables, "goroutines") if row["goid"] == 5]
    assert [row["goroutine"] for row in found] == [5, -1]
    assert {row["kind"] for row in found} == {"thread"}
    states = [row["goroutine"] for row in each(tables, "goroutine_states")]
    assert sorted(states) == [-1, 1, 5]
    events = [row["goroutine"] for row in each(tables, "events") if row["subject"] == 5]
    assert events == [None, 5, None, -1]


def test_odd_text() -> None:
    r"""Bytes that are not UTF-8 become ``\xNN``; anything else stays as it is."""
    text = b'<script>\0"\xff\xe2\x80\xae=1+1\x1b[31m'
    log = event("UserLog", 10, 0, 1, 1, 0)
    trace = header(26) + strings(1, {1: text}) + batch(1, 7, 1000, *running(1, 7), log)
    (row,) = each(read_columns(trace + sync(26, 1, 1000)), "logs")
    assert row["message"] == '<script>\0"\\xff\u202e=1+1\x1b[31m'
    assert row["message"].encode()


def test_valid_text() -> None:
    """Lone surrogates, which no encoding has, are written out too."""
    assert valid_text("a\ud800\udcffé") == "a\\ud800\\xffé"


def test_large_numbers() -> None:
    """A value of 64 bits is stored with the same bits and a sign."""
    value = event("HeapAlloc", 10, (1 << 64) - 2)
    trace = header(26) + batch(1, 7, 1000, *running(1, 7), value) + sync(26, 1, 1000)
    (row,) = each(read_columns(trace), "metrics")
    assert row["value"] == -2


def test_broken(recorded: dict[str, Path]) -> None:
    """Of a broken trace what comes before is read, and then its error is raised."""
    whole = recorded["mutex"].read_bytes()
    reader = read_tables(whole[:-3])
    chunks: list[Chunk] = []
    with pytest.raises(TraceFormatError):
        chunks += reader  # the error leaves what came before in the list
    broken = read_columns(whole[:-3], strict=False)
    (snapshot,) = each(broken, "snapshots")
    assert "cut off" in snapshot["error"] or "ends before" in snapshot["error"]
    events: list[Event] = []
    with pytest.raises(TraceFormatError):
        events += read(whole[:-3])
    assert snapshot["events"] == len(events) > 0


def test_sidecar(tmp_path: Path) -> None:
    """A snapshot's row has what the JSON file beside it says."""
    file = tmp_path / "s.trace"
    file.write_bytes(simple())
    facts = {"reasons": [{"rule": "pause", "reason": "pause > 10ms"}], "format": 1}
    (tmp_path / "s.json").write_text(json.dumps(facts))
    (row,) = each(read_columns(file), "snapshots")
    assert (row["reason"], row["rule"]) == ("pause > 10ms", "pause")
    assert json.loads(row["sidecar"]) == facts


@pytest.mark.parametrize("text", ["", "[1]", "\ud800".encode("utf-8", "surrogatepass"), "{" * 9999])
def test_bad_sidecar(text: str | bytes, tmp_path: Path) -> None:
    """A file beside it that makes no sense is as none."""
    file = tmp_path / "s.trace"
    file.write_bytes(simple())
    raw = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "s.json").write_bytes(raw)
    (row,) = each(read_columns(file), "snapshots")
    assert row["sidecar"] is None


def test_memory_is_bounded(recorded: dict[str, Path]) -> None:
    """No chunk has many more rows than a part of a generation makes."""
    sizes = [len(chunk.rows("goroutine_states")) for chunk in read_tables(recorded["pingpong"])]
    assert len(sizes) > 2
    assert max(sizes) < 100_000


class _Sink(io.BytesIO):
    """Keeps nothing."""

    def write(self, data: Any, /) -> int:
        return len(data)


_MADE: dict[str, Callable[[bytes], object]] = {
    "tables": lambda trace: sum(1 for _ in read_tables(trace)),
    "perfetto": lambda trace: write_perfetto(read_tables(trace, PERFETTO_TABLES), _Sink()),
    "jsonl": lambda trace: write_jsonl(read_tables(trace), _Sink()),
    "report": lambda trace: write_report(trace, _Sink()),
}


@pytest.mark.parametrize("made", _MADE)
def test_memory_does_not_grow_with_the_trace(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace of four times as many generations takes no more memory, but what caches may hold."""
    monkeypatch.setattr("flightrec.report.write._ROWS", 1000)
    peaks = []
    for generations in (10, 40):
        trace = simple(26, range(1, generations + 1), metrics=400)
        _MADE[made](trace)  # what is loaded, and cached, is there
        gc.collect()
        tracemalloc.start()
        try:
            _MADE[made](trace)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    # The rows that are more would take twice as much.
    assert peaks[1] < peaks[0] + 800_000, peaks
