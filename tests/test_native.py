"""The C half of the bridge by itself, under sanitizers: native/stress.c."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT

SOURCES = ("blocks.c", "generation.c", "stream.c", "window.c", "session.c", "wait.c")


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_stress(sanitizer: str, tmp_path: Path) -> None:
    """Windows that are written, delivered, held, flushed, stopped and closed at once stay sound."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    flags = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-pthread"]
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }")
    probe = [compiler, *flags, str(tmp_path / "empty.c"), "-o", str(tmp_path / "empty")]
    if subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip(f"the C compiler has no -fsanitize={sanitizer}")
    program = tmp_path / "stress"
    subprocess.run(
        [
            *(compiler, "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *flags),
            f"-I{ROOT / 'gobridge'}",
            str(ROOT / "tests" / "native" / "stress.c"),
            *(str(ROOT / "gobridge" / source) for source in SOURCES),
            *("-o", str(program)),
        ],
        check=True,
    )
    done = subprocess.run(
        [str(program), "10"], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "left: 0 sessions, 0 generations, 0 bytes"
    assert sum(map(int, re.findall(r"(\d+) deliveries", done.stdout))) > 10
    assert sum(map(int, re.findall(r"(\d+) holds", done.stdout))) > 100
