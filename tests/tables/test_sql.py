"""SQL over traces: the views' numbers, many files, broken ones, formats, the prompt."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flightrec.cli import main
from flightrec.errors import TraceFormatError
from flightrec.sql import Database, to_sqlite
from flightrec.sql.formats import FORMATS
from flightrec.sql.prompt import Completer
from flightrec.sql.views import VIEWS
from flightrec.trace import summarize
from flightrec.trace.summary.model import GC_MARK
from tests.helpers import DEADLINE
from tests.tables.conftest import WORKLOADS
from tests.trace.tracebuilder import batch, event, header, running, simple, strings, sync

Query = Callable[[Path, str], list[dict[str, Any]]]

#: Text that could do harm where it is shown, and what it is in the tables.
HOSTILE = b'=<script>alert("1")</script>|`\0\xff\xe2\x80\xae\x1b[31m\r\n'
HOSTILE_TEXT = '=<script>alert("1")</script>|`\0\\xff\u202e\x1b[31m\r\n'


def query(file: Path | bytes | list[Any], statement: str) -> list[dict[str, Any]]:
    """Run a statement over traces."""
    with Database(file if isinstance(file, list) else [file], strict=True) as database:
        database.need_for(statement)
        cursor = database.connection.execute(statement)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@pytest.mark.parametrize("name", WORKLOADS)
def test_functions_agree_with_info(name: str, recorded: dict[str, Path]) -> None:
    """``function_summary`` has the times of ``flightrec info``."""
    rows = query(recorded[name], "SELECT * FROM function_summary")
    found: dict[str, list[int]] = {}
    for row in rows:
        values = [row["goroutines"], row["running_ns"], row["runnable_ns"], row["blocked_ns"]]
        values += [row["syscall_ns"], row["syscall_blocked_ns"]]
        sums = found.setdefault(row["name"], [0] * len(values))
        found[row["name"]] = [a + b for a, b in zip(sums, values, strict=True)]
    assert found == {
        function.name: [
            function.goroutines,
            function.stats.execution_ns,
            function.stats.runnable_ns,
            function.stats.blocked_total_ns,
            function.stats.syscall_ns,
            function.stats.syscall_blocked_ns,
        ]
        for function in summarize(recorded[name]).functions
    }


@pytest.mark.parametrize("name", WORKLOADS)
def test_scheduling_agrees_with_info(name: str, recorded: dict[str, Path]) -> None:
    """``sched_latency`` has the count, sum, maximum and about the quantiles of ``info``."""
    (row,) = query(recorded[name], "SELECT * FROM sched_latency WHERE name = '(all)'")
    told = summarize(recorded[name]).scheduling
    assert (row["count"], row["total_ns"], row["max_ns"]) == (
        told.count,
        told.total_ns,
        told.max_ns,
    )
    assert row["p50_ns"] == pytest.approx(told.quantile(0.5), rel=0.2, abs=64)
    assert row["p99_ns"] == pytest.approx(told.quantile(0.99), rel=0.2, abs=64)


@pytest.mark.parametrize("name", WORKLOADS)
def test_blocking_agrees_with_info(name: str, recorded: dict[str, Path]) -> None:
    """``blocking_by_stack`` has the places of ``info``; what differs by address alone is one."""
    rows = query(recorded[name], "SELECT * FROM blocking_by_stack")
    told: dict[tuple[str, str], list[int]] = {}
    for place in summarize(recorded[name]).blocking:
        text = "\n".join(f"{f.function} ({f.file}:{f.line})" for f in place.stack)
        sums = told.setdefault((place.reason, text), [0, 0, 0])
        sums[0] += place.count
        sums[1] += place.total_ns
        sums[2] = max(sums[2], place.max_ns)
    found = {
        (row["reason"], row["text"] or ""): [row["count"], row["total_ns"], row["max_ns"]]
        for row in rows
    }
    assert found == told


def test_blocking_of_the_program(recorded: dict[str, Path]) -> None:
    """``kind`` tells where the program's goroutines waited from where the runtime's own did."""
    rows = query(recorded["mutex"], "SELECT * FROM blocking_by_stack ORDER BY total_ns DESC")
    theirs = {row["kind"]: row["place"] or "" for row in reversed(rows)}
    assert theirs["program"].startswith("flightrec/gobridge/workloads.mutex")
    assert {"program", "runtime", "recorder"} <= theirs.keys()


def test_collector_agrees_with_info(recorded: dict[str, Path]) -> None:
    """``gc_pauses`` and ``gc_cycles`` have the pauses and cycles of ``info``."""
    summary = summarize(recorded["gc_churn"])
    pauses = query(
        recorded["gc_churn"],
        "SELECT * FROM gc_pauses WHERE NOT began_before AND NOT goes_on ORDER BY end_ns",
    )
    assert [(row["reason"], row["duration_ns"], bool(row["gc"])) for row in pauses] == [
        (pause.reason, pause.duration_ns, pause.gc) for pause in summary.pauses
    ]
    cycles = query(recorded["gc_churn"], "SELECT * FROM gc_cycles WHERE NOT began_before")
    assert len(cycles) > 0
    assert sum(row["duration_ns"] for row in cycles if not row["goes_on"]) == (
        summary.ranges[GC_MARK].total_ns
    )
    assert [row["heap_begin_bytes"] for row in cycles] == [
        cycle.heap_begin_bytes for cycle in summary.gc_cycles if cycle.begin_ns is not None
    ]


def test_tasks_agree_with_info(recorded: dict[str, Path]) -> None:
    """``task_latency`` and ``region_latency`` have the counts and durations of ``info``."""
    summary = summarize(recorded["http_server"])
    for view, told in (
        ("task_latency", summary.task_durations),
        ("region_latency", summary.region_durations),
    ):
        rows = query(recorded["http_server"], f"SELECT * FROM {view}")
        assert {row["name"] for row in rows} == set(told)
        for row in rows:
            durations = told[row["name"]]
            assert row["count"] == durations.count
            assert row["total_ns"] == durations.total_ns
            assert row["max_ns"] == durations.max_ns
            assert row["p99_ns"] == pytest.approx(durations.quantile(0.99), rel=0.2, abs=64)


def test_percentiles() -> None:
    """A percentile is the least value that so much of all are no greater than."""
    tasks = [
        event(kind, dt, task, *rest, 0)
        for task in range(1, 11)
        for kind, dt, rest in (("UserTaskBegin", 1, (0, 1)), ("UserTaskEnd", task, ()))
    ]
    trace = header(26) + strings(1, {1: b"t"}) + batch(1, 7, 1000, *running(1, 7), *tasks)
    (row,) = query(trace + sync(26, 1, 1000), "SELECT * FROM task_latency")
    assert (row["p50_ns"], row["p90_ns"], row["p99_ns"], row["max_ns"]) == (320, 576, 640, 640)


def test_slowest_requests(recorded: dict[str, Path]) -> None:
    """The slowest tasks come first, and their goroutine's times add up to the duration."""
    rows = query(recorded["http_server"], "SELECT * FROM slowest_requests")
    durations = [row["duration_ns"] for row in rows]
    assert durations == sorted(durations, reverse=True)
    assert 1 < len(rows) <= 100
    for row in rows:
        parts = row["running_ns"] + row["runnable_ns"] + row["blocked_ns"] + row["syscall_ns"]
        assert parts == row["duration_ns"], row


def test_critical_path(recorded: dict[str, Path]) -> None:
    """A task's steps tile it, and lead to the goroutines that it waited for."""
    file = recorded["http_server"]
    steps = query(file, "SELECT * FROM critical_path ORDER BY task, step")
    tasks = {row["task"]: row for row in query(file, "SELECT * FROM tasks")}
    paths: dict[int, list[dict[str, Any]]] = {}
    for step in steps:
        paths.setdefault(step["task"], []).append(step)
    assert 1 < len(paths) <= 100
    for task, path in paths.items():
        assert path[0]["begin_ns"] == tasks[task]["begin_ns"]
        assert path[-1]["end_ns"] == tasks[task]["end_ns"]
        for earlier, later in itertools.pairwise(path):
            assert earlier["end_ns"] == later["begin_ns"]


def test_critical_path_follows_wakeups() -> None:
    """Where a task waits, the path has what the goroutine that ended the wait did."""
    first = [
        *running(1, 7),
        event("UserTaskBegin", 1, 1, 0, 1, 0),
        event("GoBlock", 9, 1, 0),
        event("GoStart", 30, 1, 2),
        event("UserTaskEnd", 10, 1, 0),
    ]
    second = [
        event("ProcStatus", 1, 1, 1),
        event("GoStatus", 1, 2, 8, 2),
        event("GoUnblock", 33, 1, 1, 0),
    ]
    trace = header(26) + strings(1, {1: b"wait"})
    trace += batch(1, 7, 1000, *first) + batch(1, 8, 1000, *second) + sync(26, 1, 1000)
    rows = query(trace, "SELECT * FROM critical_path ORDER BY step")
    found = [(r["goroutine"], r["depth"], r["state"], r["end_ns"] - r["begin_ns"]) for r in rows]
    assert found == [
        (1, 0, "Running", 9 * 64),
        (2, 1, "Running", 23 * 64),
        (1, 0, "Runnable", 7 * 64),
        (1, 0, "Running", 10 * 64),
    ]


def test_who_woke_whom(recorded: dict[str, Path]) -> None:
    """The counts add up to all wakeups, and in ping-pong its own goroutines wake each other."""
    rows = query(recorded["pingpong"], "SELECT * FROM who_woke_whom WHERE kind = 'unblock'")
    (total,) = query(
        recorded["pingpong"], "SELECT count(*) AS n FROM wakeups WHERE kind = 'unblock'"
    )
    assert sum(row["count"] for row in rows) == total["n"]
    most = max(rows, key=lambda row: int(row["count"]))
    assert "pingpong" in most["waker"]
    assert "pingpong" in most["woken"]
    assert "pingpong" in most["place"]


def test_wall_time(recorded: dict[str, Path], go_minor: int) -> None:
    """The views with wall time have that of the events."""
    (row,) = query(recorded["idle"], "SELECT * FROM logs_wall")
    (log,) = [e for e in _events(recorded["idle"]) if getattr(e, "message", "") == "begins"]
    wall = log.wall_time_ns
    if go_minor < 25:
        assert row["at"] is None
    else:
        assert row["at"].replace(" ", "T")[:26] == log.wall_time.isoformat()[:26]
        assert row["at"].endswith(f".{wall % 10**9:09d}")


def _events(file: Path) -> Any:
    from flightrec.trace import read

    return read(file)


def test_every_view_works(recorded: dict[str, Path], tmp_path: Path) -> None:
    """Every view gives rows in a database on disk, with plain SQLite."""
    to_sqlite([recorded["http_server"], recorded["gc_churn"]], tmp_path / "t.db", events=True)
    connection = sqlite3.connect(tmp_path / "t.db")
    try:
        for name in VIEWS:
            count = connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            assert count or name == "samples_wall", name
        files = connection.execute("SELECT DISTINCT file FROM goroutine_states").fetchall()
        assert sorted(files) == [(1,), (2,)]
    finally:
        connection.close()


def test_connection_of_ones_own(recorded: dict[str, Path]) -> None:
    """Tables can be added to a database that is open already."""
    connection = sqlite3.connect(":memory:")
    to_sqlite(recorded["idle"], connection)
    count = connection.execute("SELECT count(*) FROM goroutines").fetchone()[0]
    assert count > 0
    connection.close()


def test_only_what_is_needed(recorded: dict[str, Path]) -> None:
    """A statement has only the tables loaded that it reads, through views too."""
    with Database([recorded["idle"]]) as database:
        database.need_for("SELECT * FROM task_latency")

        def count(table: str) -> int:
            found: int = database.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            return found

        assert count("tasks") > 0
        assert count("goroutine_states") == 0
        database.need_for("SELECT * FROM blocking_by_stack")
        assert count("goroutine_states") > 0
        assert count("tasks") == 1


def test_many_files(recorded: dict[str, Path], capsys: Any) -> None:
    """One statement over several files has the rows of each, told apart by the file column."""
    names = ("http_server", "idle", "mutex")
    statement = (
        "SELECT file, s.path, g.name, count(*) AS n FROM goroutines AS g JOIN snapshots AS s "
        "USING (file) GROUP BY file, g.name ORDER BY file, g.name"
    )
    files = [str(recorded[name]) for name in names]
    assert main(["sql", *files, statement, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    alone = [query(recorded[name], statement) for name in names]
    assert found == [{**row, "file": i} for i, rows in enumerate(alone, 1) for row in rows]
    assert {(row["file"], row["path"]) for row in found} == set(enumerate(files, 1))
    # A view keeps them apart as well.
    tasks = query([recorded[name] for name in names], "SELECT file, name, count FROM task_latency")
    assert [row for row in tasks if row["name"] == "whole"] == [
        {"file": i, "name": "whole", "count": 1} for i in (1, 2, 3)
    ]


def test_skipped(recorded: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    """Files that cannot be read are told and skipped; of a broken one the beginning is there."""
    cut = tmp_path / "cut.trace"
    cut.write_bytes(recorded["mutex"].read_bytes()[:-3])
    files = [str(tmp_path / "none"), __file__, str(cut), str(recorded["idle"])]
    statement = "SELECT file, count(*) AS n FROM goroutines GROUP BY file"
    assert main(["sql", *files, statement, "--format", "json"]) == 1
    captured = capsys.readouterr()
    assert {row["file"] for row in json.loads(captured.out)} >= {4}
    assert "none: skipped: No such file" in captured.err
    assert "skipped: not a Go execution trace" in captured.err
    assert "cut.trace: only its beginning was read" in captured.err


def test_strict(recorded: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    """With ``--strict`` a file that cannot be read ends the command, and makes no database."""
    files = [str(recorded["idle"]), __file__]
    assert main(["sql", "--strict", *files, "SELECT * FROM goroutines"]) == 2
    assert f"flightrec: {__file__}: not a Go execution trace" in capsys.readouterr().err
    database = tmp_path / "t.db"
    database.write_bytes(b"before")
    with pytest.raises(TraceFormatError):
        to_sqlite(files, database)
    assert database.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [database]


def test_wrong_statement(recorded: dict[str, Path], capsys: Any) -> None:
    """A statement that is wrong is an error in one sentence."""
    assert main(["sql", str(recorded["idle"]), "SELECT nowhere FROM goroutines"]) == 2
    assert capsys.readouterr().err == ("flightrec: the statement failed: no such column: nowhere\n")
    assert main(["sql", str(recorded["idle"]), "SELEC 1"]) == 2
    assert "'SELEC 1' is neither a file nor a statement" in capsys.readouterr().err


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace with a log and a task whose text could do harm."""
    events = [event("UserTaskBegin", 1, 1, 0, 1, 0), event("UserLog", 1, 1, 1, 1, 0)]
    trace = header(26) + strings(1, {1: HOSTILE}) + batch(1, 7, 1000, *running(1, 7), *events)
    file = tmp_path_factory.mktemp("hostile") / "hostile.trace"
    file.write_bytes(trace + sync(26, 1, 1000))
    return file


@pytest.mark.parametrize("output_format", FORMATS)
def test_hostile_text(output_format: str, hostile: Path, capsys: Any) -> None:
    """Names and logs control no terminal, spreadsheet or page, and JSON has them unchanged."""
    statement = "SELECT category, message, name FROM logs JOIN tasks USING (task)"
    assert main(["sql", str(hostile), statement, "--format", output_format]) == 0
    out = capsys.readouterr().out
    if output_format == "json":
        assert json.loads(out) == [dict.fromkeys(("category", "message", "name"), HOSTILE_TEXT)]
        assert out.isascii()
    elif output_format == "csv":
        _, row, *rest = csv.reader(io.StringIO(out, newline=""))
        assert rest == []
        assert row == ["'" + HOSTILE_TEXT] * 3
    else:
        assert all(line.isprintable() for line in out.split("\n"))
        assert len(out.splitlines()) == 3
        assert output_format != "markdown" or "<script>" not in out
        assert output_format != "markdown" or out.count("|") - out.count("\\|") == 12


def test_formats_of_nothing() -> None:
    """No rows are no rows in every format."""
    for name, write in FORMATS.items():
        out = io.StringIO()
        assert write(["a", "b"], [], out) == 0
        assert json.loads(out.getvalue()) == [] if name == "json" else "a" in out.getvalue()


@pytest.mark.parametrize("output_format", ["table", "markdown"])
def test_stack_in_a_row(output_format: str) -> None:
    """A stack's frames are in one line, and can be told apart."""
    out = io.StringIO()
    FORMATS[output_format](["text"], [("main.f (a.go:1)\nmain.main (a.go:9)",)], out)
    assert "main.f (a.go:1) ⏎ main.main (a.go:9)" in out.getvalue().splitlines()[2]


def test_table_is_aligned() -> None:
    """Columns of a table begin below one another, with wide characters too."""
    out = io.StringIO()
    FORMATS["table"](["n", "text", "m"], [(1, "日本", 22), (333, None, 4.5)], out)
    assert out.getvalue().splitlines() == [
        "n    text  m",
        "---  ----  ---",
        "  1  日本   22",
        "333        4.5",
    ]


def test_completion(recorded: dict[str, Path]) -> None:
    """Tables, views, columns, words and commands are completed."""
    with Database([recorded["idle"]]) as database:
        complete = Completer(database.connection)

        def all_of(text: str) -> list[str | None]:
            found: list[str | None] = []
            while (candidate := complete(text, len(found))) is not None:
                found.append(candidate)
            return found

        assert "goroutine_states" in all_of("gorou")
        assert all_of("slowest") == ["slowest_requests"]
        assert all_of("waited") == ["waited_ns"]
        assert all_of("sel") == ["SELECT"]
        assert all_of(".f") == [".format"]
        assert all_of("nothing_like_it") == []


def test_statements_from_a_pipe(recorded: dict[str, Path]) -> None:
    """Without a statement, statements are read from standard input; a wrong one makes status 2."""
    text = "SELECT count(*) AS n\nFROM tasks;\n.format json\nSELECT bad;\nSELECT 1 AS one"
    done = subprocess.run(
        [sys.executable, "-m", "flightrec", "sql", str(recorded["idle"])],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == 2
    assert done.stdout == 'n\n-\n1\n[\n  {"one": 1}\n]\n'
    assert done.stderr == "flightrec: no such column: bad\n"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals")
def test_prompt_on_a_terminal(recorded: dict[str, Path], tmp_path: Path) -> None:
    """At a terminal names are completed by Tab, and what was typed is kept for the next time."""
    pytest.importorskip("readline")
    done, shown = _at_terminal(
        [sys.executable, "-m", "flightrec", "sql", str(recorded["idle"])],
        b"SELECT count(*) AS n FROM slowest_re\t;\n\x04",
        {"XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"},
    )
    assert done == 0, shown
    assert "trace> " in shown
    assert "slowest_requests" in shown
    history = (tmp_path / "flightrec" / "sql_history").read_text()
    assert "SELECT count(*) AS n FROM slowest_requests" in history


def _at_terminal(command: list[str], typed: bytes, env: dict[str, str]) -> tuple[int, str]:
    """Run a command at a terminal of its own; its status, and what it showed."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **env},
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux: the other end is closed
                break
            if not piece:
                break
            shown += piece
            if typed and b"trace> " in shown:
                os.write(ours, typed)
                typed = b""
        return process.wait(DEADLINE), shown.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_nothing_in_it() -> None:
    """A trace of next to nothing has its one goroutine, and empty views."""
    assert len(query(simple(), "SELECT * FROM goroutine_summary")) == 1
    assert query(simple(), "SELECT * FROM slowest_requests") == []
