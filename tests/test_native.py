"""The C half of the bridge by itself, under sanitizers: native/stress.c and native/news.c."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT

pytestmark = pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])


def _run(
    program: str, sources: tuple[str, ...], sanitizer: str, folder: Path, *arguments: str
) -> str:
    """Compile one of the programs with a sanitizer, run it, and return what it printed."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    flags = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-pthread"]
    (folder / "empty.c").write_text("int main(void) { return 0; }")
    probe = [compiler, *flags, str(folder / "empty.c"), "-o", str(folder / "empty")]
    if subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip(f"the C compiler has no -fsanitize={sanitizer}")
    built = folder / "program"
    subprocess.run(
        [
            *(compiler, "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *flags),
            f"-I{ROOT / 'gobridge'}",
            str(ROOT / "tests" / "native" / program),
            *(str(ROOT / "gobridge" / source) for source in sources),
            *("-o", str(built)),
        ],
        check=True,
    )
    done = subprocess.run(
        [str(built), *arguments], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_stress(sanitizer: str, tmp_path: Path) -> None:
    """Windows that are written, delivered, held, flushed, stopped and closed at once stay sound."""
    sources = ("blocks.c", "generation.c", "stream.c", "window.c", "session.c", "wait.c")
    told = _run("stress.c", sources, sanitizer, tmp_path, "10")
    assert told.splitlines()[-1] == "left: 0 sessions, 0 generations, 0 bytes"
    assert sum(map(int, re.findall(r"(\d+) deliveries", told))) > 10
    assert sum(map(int, re.findall(r"(\d+) holds", told))) > 100


def test_news(sanitizer: str, tmp_path: Path) -> None:
    """News that many threads put and take at once comes once, to who asks for its kind."""
    assert _run("news.c", ("news.c",), sanitizer, tmp_path) == ""
