"""A file that takes a path's place: whole or not at all, private, and nothing left behind."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flightrec.newfile import new_file
from tests.helpers import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and locks")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _write(path: Path, *, durable: bool = False) -> None:
    with new_file(path, durable=durable) as descriptor:
        os.write(descriptor, b"new")


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_new_file_is_private(tmp_path: Path, umask: int) -> None:
    """A new file can be read by its owner only, from its first byte on, whatever the umask."""
    before = os.umask(umask)
    try:
        with new_file(tmp_path / "x") as descriptor:
            assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o600
    finally:
        os.umask(before)
    assert _mode(tmp_path / "x") == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o400])
def test_existing_mode_is_kept(tmp_path: Path, mode: int) -> None:
    """A file that is replaced passes its mode on."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    target.chmod(mode)
    _write(target)
    assert _mode(target) == mode
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_existing_owner_is_kept(tmp_path: Path) -> None:
    """A file that is replaced passes its owner and group on, where the system lets us."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    os.chown(target, 12345, 23456)
    target.chmod(0o660)
    _write(target)
    assert (target.stat().st_uid, target.stat().st_gid, _mode(target)) == (12345, 23456, 0o660)


def test_group_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the old group cannot be kept, the new file's group gets nothing."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    target.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(target, 12345, 23456)
    elif len(os.getgroups()) > 1:
        os.chown(target, -1, next(g for g in os.getgroups() if g != os.getegid()))
    else:
        pytest.skip("needs root, or a second group")

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    _write(target)
    assert _mode(target) == 0o604


def test_long_name(tmp_path: Path) -> None:
    """A name as long as the file system lets it be works."""
    for length in (230, 254, 255):
        _write(tmp_path / ("x" * length))
    assert len(list(tmp_path.iterdir())) == 3


def test_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A durable file is synced before it takes the place, and its folder afterwards."""
    target = tmp_path / "x"
    synced = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), target.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    _write(target, durable=True)
    assert synced == [(False, False), (True, True)]
    _write(target)
    assert len(synced) == 2


def test_only_tried(tmp_path: Path) -> None:
    """What is only tried leaves the file that was there, and nothing else."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with new_file(target, keep=False) as descriptor:
        os.write(descriptor, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_error_names_the_target(tmp_path: Path) -> None:
    """An error names the file that was asked for, not the temporary one."""
    target = tmp_path / "none" / "x"
    with pytest.raises(FileNotFoundError) as caught, new_file(target):
        pass
    assert caught.value.filename == str(target)


_KILLED = """
import os, signal, sys
from pathlib import Path
from flightrec.newfile import new_file
with new_file(Path(sys.argv[1])) as descriptor:
    os.write(descriptor, b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_writers_file_is_removed(tmp_path: Path) -> None:
    """What a killed process has left is deleted by the next save beside it."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, tmp_path / "x"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
    _write(tmp_path / "y")
    assert [path.name for path in tmp_path.iterdir()] == ["y"]


def test_living_writers_file_stays(tmp_path: Path) -> None:
    """The temporary file of a save in progress is not deleted by another save beside it."""
    with new_file(tmp_path / "x") as descriptor:
        os.write(descriptor, b"slow")
        _write(tmp_path / "y")
    assert (tmp_path / "x").read_bytes() == b"slow"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "y"]


def test_other_files_stay(tmp_path: Path) -> None:
    """Only files with our own kind of name are deleted; a link of that name leads nowhere."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"old")
    (tmp_path / ".flightrec-notes.tmp").write_bytes(b"old")
    (tmp_path / ".flightrec-0123456789abcdef.tmp").symlink_to(precious)
    _write(tmp_path / "x")
    assert len(list(tmp_path.iterdir())) == 4
    assert precious.read_bytes() == b"old"


def test_cleaner_that_is_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another save deletes before it is locked is made once more."""
    flock = fcntl.flock
    made: list[Path] = []

    def late(file: io.FileIO, operation: int) -> None:
        if not made:
            made.extend(tmp_path.iterdir())
            made[0].unlink()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    _write(tmp_path / "x")
    assert made
    assert (tmp_path / "x").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1
