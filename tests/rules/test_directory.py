"""The folder of snapshots: its budget holds, its names are safe, nothing half-written stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightrec.directory import SavedSnapshot, SnapshotDirectory, Suppressed, Ticket
from tests.helpers import DEADLINE, ROOT, Thread, together


class Bytes:
    """Stands for a snapshot of a size; may fail in the middle of being written."""

    def __init__(self, nbytes: int, fail: bool = False) -> None:
        self.nbytes = nbytes
        self.fail = fail

    def write_to(self, file: Any) -> int:
        """Write it, or half of it."""
        if self.fail:
            file.write(b"x" * (self.nbytes // 2))
            raise OSError(28, "No space left on device")
        return int(file.write(b"x" * self.nbytes))


def save(
    directory: SnapshotDirectory, nbytes: int = 10, rule: str = "r", **facts: Any
) -> SavedSnapshot:
    """Save something that must not be suppressed."""
    ticket = directory.admit(rule)
    assert isinstance(ticket, Ticket), ticket
    saved = ticket.save(Bytes(nbytes), facts)
    assert isinstance(saved, SavedSnapshot), saved
    return saved


def unlimited(path: Path, **limits: Any) -> SnapshotDirectory:
    """A folder without limits in time."""
    return SnapshotDirectory(path, **{"min_interval": 0, "per_rule": 0, **limits})


def visible(path: Path) -> set[str]:
    """The names in a folder that a user sees."""
    return {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}


@settings(max_examples=60)
@given(st.lists(st.integers(1, 60_000), max_size=20))
def test_budget(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    """Whatever is saved, the folder stays within its budget, and the newest are there."""
    path = tmp_path_factory.mktemp("budget")
    directory = unlimited(path, max_files=4, max_bytes=100_000)
    saved = []
    for nbytes in sizes:
        saved.append(save(directory, nbytes).path)
        everything = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
        assert sum(entry.stat().st_size for entry in everything) <= 100_000
        kept = directory.snapshots()
        assert 1 <= len(kept) <= 4
        assert list(kept) == saved[len(saved) - len(kept) :]
        # Each has its metadata, and no metadata is alone.
        assert {p.stem for p in everything if p.suffix == ".json"} == {p.stem for p in kept}


def test_larger_than_the_budget(tmp_path: Path) -> None:
    """What cannot fit is suppressed and counted, and costs no other snapshot its place."""
    directory = SnapshotDirectory(tmp_path, max_bytes=50_000, min_interval=0, per_rule=60)
    kept = save(directory, rule="kept").path
    ticket = directory.admit("large")
    assert isinstance(ticket, Ticket)
    refused = ticket.save(Bytes(50_001), {})
    assert isinstance(refused, Suppressed)
    assert refused.limit == "max_bytes"
    assert directory.snapshots() == (kept,)
    assert directory.suppressed() == {"large": {"max_bytes": 1}}
    save(directory, rule="large")  # its time does not count


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_names(tmp_path_factory: pytest.TempPathFactory, rule: str) -> None:
    """Any text makes a file name that is safe everywhere, and names sort by time."""
    path = tmp_path_factory.mktemp("names")
    directory = unlimited(path)
    saved = [save(directory, rule=name).path for name in (rule, "../../etc/passwd", rule)]
    for each in saved:
        assert each.parent == path
        assert re.fullmatch(r"[0-9]{8}T[0-9.]+Z-[A-Za-z0-9._-]+\.trace", each.name)
        assert len(each.name) < 150
    assert sorted(saved) == saved


def test_limits_in_time(tmp_path: Path) -> None:
    """min_interval is between any two, per_rule between two of one rule; both are counted."""
    directory = SnapshotDirectory(tmp_path, min_interval=0, per_rule=3600)
    save(directory, rule="a")
    save(directory, rule="b")
    refused = directory.admit("a")
    assert isinstance(refused, Suppressed)
    assert refused.limit == "per_rule"
    assert "per_rule is 3600 s" in refused.reason
    strict = SnapshotDirectory(tmp_path, min_interval=3600, per_rule=0)
    other = strict.admit("c")
    assert isinstance(other, Suppressed)
    assert other.limit == "min_interval"
    # The counts are the folder's: any object for it tells both.
    assert directory.suppressed() == {"a": {"per_rule": 1}, "c": {"min_interval": 1}}


def test_limits_across_restarts(tmp_path: Path) -> None:
    """The limits hold in another process that uses the folder later."""
    save(SnapshotDirectory(tmp_path, min_interval=3600), rule="a")
    code = (
        "import sys; from flightrec.directory import SnapshotDirectory\n"
        "print(SnapshotDirectory(sys.argv[1], min_interval=3600).admit('b').limit)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "min_interval\n"


def test_clock_set_back(tmp_path: Path) -> None:
    """A time in the future, of a clock that was set back since, stops nothing."""
    directory = SnapshotDirectory(tmp_path, min_interval=3600)
    save(directory)
    state = json.loads((tmp_path / ".flightrec.json").read_text())
    state["last"] = state["rules"]["r"] = time.time() + 10_000
    (tmp_path / ".flightrec.json").write_text(json.dumps(state))
    save(directory)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"last": "x", "rules": 5, "suppressed": {"a": 1}}']
)
def test_broken_state(tmp_path: Path, text: str) -> None:
    """A state file that is not one is no obstacle."""
    directory = SnapshotDirectory(tmp_path)
    (tmp_path / ".flightrec.json").write_text(text)
    save(directory)
    assert directory.suppressed().get("a", {}) == {}


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    """A snapshot that cannot be written leaves no file behind, and its time does not count."""
    directory = SnapshotDirectory(tmp_path, min_interval=3600, per_rule=3600)
    ticket = directory.admit("r")
    assert isinstance(ticket, Ticket)
    with pytest.raises(OSError, match="No space left"):
        ticket.save(Bytes(1000, fail=True), {})
    assert visible(tmp_path) == set()
    assert not list(tmp_path.glob(".*.tmp"))
    save(directory)


def test_others_files_stay(tmp_path: Path) -> None:
    """Files that others put there are neither counted nor removed."""
    (tmp_path / "mine.trace").write_bytes(b"x" * 100_000)
    directory = unlimited(tmp_path, max_files=1, max_bytes=50_000)
    save(directory)
    last = save(directory)
    assert visible(tmp_path) == {"mine.trace", last.path.name, last.metadata.name}


def test_several_threads(tmp_path: Path) -> None:
    """Threads that save at the same time keep to the budget together."""
    directory = unlimited(tmp_path, max_files=3, max_bytes=200_000)

    def many(_: int) -> int:
        count = 0
        for _ in range(10):
            ticket = directory.admit("r")
            assert isinstance(ticket, Ticket)
            count += isinstance(ticket.save(Bytes(20_000), {}), SavedSnapshot)
            with directory._locked():  # else it changes while it is listed
                assert len(directory.snapshots()) <= 3
        return count

    results = together(4, many)
    assert all(isinstance(n, int) and n > 0 for n in results), results
    assert len(directory.snapshots()) == 3


def test_killed_writer(tmp_path: Path) -> None:
    """What a killed process has half written is removed by the next one that saves."""
    code = """
import os, signal, sys
from flightrec.directory import SnapshotDirectory
class Slow:
    nbytes = 30000
    def write_to(self, file):
        file.write(b"x" * 100)
        os.kill(os.getpid(), signal.SIGKILL)
SnapshotDirectory(sys.argv[1]).admit("r").save(Slow(), {})
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".*.tmp"))
    save(unlimited(tmp_path, max_bytes=40_000), 10_000)
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_write_in_progress_counts(tmp_path: Path) -> None:
    """What is being written has its place in the budget, and nobody removes it."""
    directory = unlimited(tmp_path, max_bytes=100_000)
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Bytes):
        def write_to(self, file: Any) -> int:
            begun.set()
            assert go_on.wait(DEADLINE)
            return super().write_to(file)

    ticket = directory.admit("slow")
    assert isinstance(ticket, Ticket)
    writer = Thread(ticket.save, Slow(50_000), {})
    assert begun.wait(DEADLINE)
    other = directory.admit("other")
    assert isinstance(other, Ticket)
    refused = other.save(Bytes(50_000), {})
    assert isinstance(refused, Suppressed)
    assert refused.limit == "max_bytes"
    go_on.set()
    assert writer.result().path.stat().st_size == 50_000


def test_stopped_process_with_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped with the folder's lock is named, and not waited for for ever."""
    monkeypatch.setattr("flightrec.directory._LOCK_SECONDS", 0.05)
    directory = unlimited(tmp_path)
    with directory._locked():
        with pytest.raises(TimeoutError, match="locked by another process"):
            directory.admit("r")
    save(directory)


def test_unusable_folder(tmp_path: Path) -> None:
    """A folder that cannot be one is refused when it is named, and so are senseless limits."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        SnapshotDirectory(tmp_path / "file")
    for wrong in ({"max_files": 0}, {"max_bytes": 0}, {"min_interval": -1}, {"per_rule": -1}):
        with pytest.raises(ValueError, match="m"):
            SnapshotDirectory(tmp_path / "d", **wrong)  # type: ignore[arg-type]
