"""What an output path names, and finding out beforehand that it cannot be written to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from flightrec.destination import check_output, find_destination, open_output

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX paths")


@pytest.mark.parametrize(
    ("path", "descriptor"),
    [
        ("/dev/stdout", 1),
        ("/dev/stderr", 2),
        ("/dev/fd/63", 63),
        ("/proc/self/fd/5", 5),
        ("/dev/fd/x", None),
        ("stdout", None),
    ],
)
def test_descriptors(path: str, descriptor: int | None) -> None:
    """The names of open files mean these files."""
    assert find_destination(path).descriptor == descriptor


def test_link_to_a_descriptor(tmp_path: Path) -> None:
    """A symbolic link of one's own may name an open file."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    assert find_destination(tmp_path / "link").descriptor == 1


def test_open_file_is_written_on(tmp_path: Path) -> None:
    """An open file that a shell has redirected gets the bytes where it stands."""
    with (tmp_path / "x").open("wb", buffering=0) as file:
        file.write(b"before ")
        with open_output(f"/dev/fd/{file.fileno()}") as descriptor:
            os.write(descriptor, b"trace")
        file.write(b" after")
    assert (tmp_path / "x").read_bytes() == b"before trace after"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_link_in_a_shared_folder(tmp_path: Path, mode: int) -> None:
    """A symbolic link in a folder that others can write to is refused, and not followed."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (tmp_path / "precious").write_bytes(b"old")
    (shared / "x").symlink_to(tmp_path / "precious")
    if os.geteuid() == 0:
        os.chown(shared, -1, 12345)
    elif mode == 0o775:
        pytest.skip("needs root, for another group")
    shared.chmod(mode)
    with pytest.raises(OSError, match="symbolic link in a folder that others can write to"):
        find_destination(shared / "x")
    assert (tmp_path / "precious").read_bytes() == b"old"


def test_link_through_a_shared_folder(tmp_path: Path) -> None:
    """One's own link does not lead through another one in a folder that others can write to."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "x").symlink_to(tmp_path / "precious")
    shared.chmod(0o777)
    (tmp_path / "link").symlink_to(shared / "x")
    with pytest.raises(OSError, match="others can write to"):
        find_destination(tmp_path / "link")


def test_file_in_a_shared_folder(tmp_path: Path) -> None:
    """Where no link is in the way, a folder that others can write to is as good as any."""
    tmp_path.chmod(0o1777)
    with open_output(tmp_path / "x") as descriptor:
        os.write(descriptor, b"trace")
    assert (tmp_path / "x").read_bytes() == b"trace"


def test_links_in_a_circle(tmp_path: Path) -> None:
    """Links that lead to each other end in the system's own error."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        find_destination(tmp_path / "a")


def test_check_changes_nothing(tmp_path: Path) -> None:
    """What can be written to passes; neither file nor folder is made."""
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new", "no/such/folder/new"):
        check_output(tmp_path / name)
    check_output("/dev/null")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "Is a directory"),
        ("file/x", "Not a directory"),
        ("file/no/x", "Not a directory"),
        ("y" * 256, "File name too long"),
        ("/dev/fd/987", "Bad file descriptor"),
    ],
)
def test_check_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    """What cannot be written to gives the system's reason."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=message):
        check_output(path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_check_of_a_folder_without_permission(tmp_path: Path) -> None:
    """A folder in which no file can be made is found out, even where its mode would let us."""
    with pytest.raises(OSError, match="/proc"):
        check_output("/proc/x.trace")
