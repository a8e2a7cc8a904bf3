"""``flightrec export``: JSON lines, CSV, Parquet and SQLite have the rows of the tables."""

from __future__ import annotations

import csv
import gzip
import importlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flightrec.cli import main
from flightrec.export.files import whole_file, whole_folder
from flightrec.export.parquet import MissingPackageError, write_parquet
from flightrec.tables import TABLES, USUAL, Type, read_columns, read_tables
from tests.tables.rows import each
from tests.tables.test_sql import HOSTILE_TEXT, hostile

__all__ = ["hostile"]


@pytest.fixture(scope="module")
def trace(recorded: dict[str, Path]) -> Path:
    """A trace with some of everything."""
    return recorded["http_server"]


def test_jsonl(trace: Path, tmp_path: Path) -> None:
    """JSON lines have all rows, each with its table's name."""
    out = tmp_path / "t.jsonl"
    assert main(["export", str(trace), "--format", "jsonl", "-o", str(out)]) == 0
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in USUAL}
    for line in out.read_text("ascii").splitlines():
        row = json.loads(line)
        found[row.pop("table")].append(row)
    tables = read_columns(trace)
    for name in USUAL:
        assert found[name] == each(tables, name)


def test_csv(trace: Path, tmp_path: Path) -> None:
    """CSV files have all rows, one file a table."""
    out = tmp_path / "t"
    assert main(["export", str(trace), "--format", "csv", "-o", str(out), "--events"]) == 0
    assert {path.stem for path in out.iterdir()} == set(TABLES)
    tables = read_columns(trace, list(TABLES))
    for name in TABLES:
        with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert len(found) == len(each(tables, name))
        for row, told in zip(found, each(tables, name), strict=True):
            for key, value in told.items():
                text = "" if value is None else str(int(value) if value in (0, 1) else value)
                assert row[key] in (text, f"'{text}")


def test_sqlite(trace: Path, tmp_path: Path) -> None:
    """The SQLite database has all rows."""
    out = tmp_path / "t.db"
    assert main(["export", str(trace), "--format", "sqlite", "-o", str(out), "--events"]) == 0
    tables = read_columns(trace, list(TABLES))
    connection = sqlite3.connect(out)
    for name, table in TABLES.items():
        names = ", ".join(table.names)
        found = connection.execute(f"SELECT {names} FROM {name} ORDER BY rowid").fetchall()
        assert found == [tuple(row.values()) for row in each(tables, name)]
    connection.close()


def test_parquet(trace: Path, tmp_path: Path) -> None:
    """Parquet files have all rows, the tables' types, and what each column means."""
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "t"
    assert main(["export", str(trace), "--format", "parquet", "-o", str(out)]) == 0
    tables = read_columns(trace)
    types = {Type.INT: "int64", Type.BOOL: "bool", Type.NAME: "string", Type.TEXT: "string"}
    for name in USUAL:
        found = parquet.read_table(out / f"{name}.parquet")
        assert found.to_pylist() == each(tables, name)
        for column, field in zip(TABLES[name].columns, found.schema, strict=True):
            assert str(field.type) == types[column.type]
            assert field.metadata[b"doc"].decode() == column.doc


def test_no_pyarrow(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Without pyarrow the error says what to install, and nothing is left behind."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingPackageError, match=r"pip install 'go-flightrec\[parquet\]'"):
        write_parquet(read_tables(trace), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_hostile_csv(hostile: Path, tmp_path: Path) -> None:
    """No cell is a formula, and all text is as it is but for the quote."""
    out = tmp_path / "t"
    main(["export", str(hostile), "--format", "csv", "-o", str(out)])
    with (out / "logs.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["message"] == f"'{HOSTILE_TEXT}"


def test_hostile_jsonl(hostile: Path, tmp_path: Path) -> None:
    """JSON lines are ASCII without control characters, and have text unchanged."""
    out = tmp_path / "h.jsonl"
    assert main(["export", str(hostile), "--format", "jsonl", "-o", str(out)]) == 0
    lines = out.read_text("ascii").splitlines()
    assert all(line.isprintable() for line in lines)
    logs = [row for row in map(json.loads, lines) if row["table"] == "logs"]
    assert [row["message"] for row in logs] == [HOSTILE_TEXT]


def test_broken(trace: Path, tmp_path: Path, capsys: Any) -> None:
    """Of a broken trace the beginning is written, and the exit code is 1."""
    cut = tmp_path / "cut.trace"
    cut.write_bytes(trace.read_bytes()[:-3])
    for name in ("jsonl", "sqlite", "perfetto"):
        assert main(["export", str(cut), "--format", name]) == 1
        assert "not a valid trace" in capsys.readouterr().err
    assert (tmp_path / "cut.jsonl").stat().st_size > 0


@pytest.mark.parametrize("name", ["jsonl", "sqlite", "csv"])
def test_no_trace(name: str, tmp_path: Path, capsys: Any) -> None:
    """Of what is no trace nothing is written: the error names the file, and the exit code is 1."""
    file = tmp_path / "text"
    file.write_text("no trace")
    assert main(["export", str(file), "--format", name]) == 1
    assert f"flightrec: {file}: not a valid trace" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "none"), "--format", name]) == 2
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["-", "/dev/fd/1"])
def test_standard_output(name: str, trace: Path, tmp_path: Path) -> None:
    """``-o -`` and /dev/fd/1 are standard output, here a file, and nothing takes their place."""
    expected = tmp_path / "t.jsonl"
    main(["export", str(trace), "--format", "jsonl", "-o", str(expected)])
    command = [sys.executable, "-m", "flightrec", "export", str(trace), "--format", "jsonl", "-o"]
    with (tmp_path / "redirected").open("wb") as out:
        done = subprocess.run(
            [*command, name], cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "redirected").read_bytes() == expected.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["redirected", "t.jsonl"]


def test_database_needs_a_file(trace: Path, tmp_path: Path, capsys: Any) -> None:
    """An SQLite database is not written to a stream, and does not take its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert main(["export", str(trace), "--format", "sqlite", "-o", str(pipe)]) == 2
    assert f"{pipe}: an SQLite database needs a file" in capsys.readouterr().err
    assert pipe.is_fifo()
    assert main(["export", str(trace), "--format", "sqlite", "-o", "-"]) == 2
    assert "sqlite cannot go to standard output" in capsys.readouterr().err


def test_missing_folder_is_named(trace: Path, tmp_path: Path, capsys: Any) -> None:
    """An output that cannot be made is named as it was given."""
    path = tmp_path / "none" / "t.jsonl"
    assert main(["export", str(trace), "--format", "jsonl", "-o", str(path)]) == 2
    assert capsys.readouterr().err == f"flightrec: {path}: No such file or directory\n"


def test_not_over_itself(trace: Path, capsys: Any) -> None:
    """The trace is not overwritten by what is made of it."""
    before = trace.read_bytes()
    assert main(["export", str(trace), "--format", "jsonl", "-o", str(trace)]) == 2
    assert trace.read_bytes() == before


def test_compressed(trace: Path, tmp_path: Path) -> None:
    """A file whose name ends in .gz is compressed."""
    for name in ("t.jsonl.gz", "t.jsonl"):
        main(["export", str(trace), "--format", "jsonl", "-o", str(tmp_path / name)])
    packed = gzip.decompress((tmp_path / "t.jsonl.gz").read_bytes())
    assert packed == (tmp_path / "t.jsonl").read_bytes()


def test_whole_file(tmp_path: Path) -> None:
    """A file that is not written to its end is not there, and what was there stays."""
    path = tmp_path / "f"
    path.write_bytes(b"before")
    with pytest.raises(TypeError), whole_file(path) as file:
        file.write(b"half" + None)  # type: ignore[operator]
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_whole_folder(tmp_path: Path) -> None:
    """A folder with something in it is not written into, and half of one is not left."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "full"):
        pass
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "new") as folder:
        folder.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
