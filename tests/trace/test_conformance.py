"""Our reader accepts and refuses what Go's reader does, by Go's own test data."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flightrec.errors import TraceFormatError
from flightrec.trace import read
from tests.trace.rawtext import read_fuzz_seed, read_golden
from tests.trace.toolchains import Toolchain, toolchains

pytestmark = pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")


# Seeds of which Go's readers themselves disagree, and the Go versions whose verdict is not
# ours. Before 1.25 they take a frequency batch with more in it, and refuse a generation without
# events. We side with the newest.
_OTHER_VERDICTS = {
    "2b9be9aebe08d511": {22, 23, 24},
    "344331b314da0b08": {24},
    "large-id": {22, 23, 24},
}


def _testdata(toolchain: Toolchain) -> Path:
    # Go 1.22 keeps the reader of its then new format in a folder of its own.
    source = toolchain.goroot / "src" / "internal" / "trace"
    v2 = source / "v2"
    return (v2 if v2.is_dir() else source) / "testdata"


def _cases(pattern: str) -> list[object]:
    return [
        pytest.param(toolchain, path, id=f"{toolchain.version}-{path.stem}")
        for toolchain in toolchains()
        for path in sorted(_testdata(toolchain).glob(pattern))
    ]


def _refusal(trace: bytes) -> str | None:
    try:
        for _ in read(trace):
            pass
    except TraceFormatError as error:
        return str(error)
    return None


def test_each_toolchain_has_test_data() -> None:
    """The tests below find Go's test data in every toolchain."""
    for toolchain in toolchains():
        assert len(list(_testdata(toolchain).glob("tests/*.test"))) >= 15, toolchain
        assert len(list(_testdata(toolchain).glob("fuzz/FuzzReader/*"))) >= 5, toolchain


@pytest.mark.parametrize(("toolchain", "path"), _cases("tests/*.test"))
def test_golden(toolchain: Toolchain, path: Path) -> None:
    """A golden trace is accepted or refused as its file says."""
    golden = read_golden(path)
    refusal = _refusal(golden.trace)
    assert (refusal is None) == golden.accept, refusal


@pytest.mark.parametrize(("toolchain", "path"), _cases("fuzz/FuzzReader/*"))
def test_fuzz_seed(toolchain: Toolchain, path: Path, tmp_path: Path) -> None:
    """A fuzzing seed gets the verdict that the toolchain's own reader gives it."""
    seed = read_fuzz_seed(path)
    refusal = _refusal(seed)
    if seed.startswith((b"go 1.11", b"go 1.19", b"go 1.21")):
        assert refusal is not None
        assert "Go 1.21 or earlier" in refusal
        return
    file = tmp_path / "seed.trace"
    file.write_bytes(seed)
    process = subprocess.run(
        [
            toolchain.go,
            "tool",
            "trace",
            "-d=1" if toolchain.minor < 24 else "-d=parsed",
            os.fspath(file),
        ],
        capture_output=True,
        text=True,
        env=toolchain.environment,
        check=False,
    )
    # Exit code 2 is a panic: the reader accepted an event that cannot be printed.
    assert process.returncode in (0, 1), process.stderr
    agree = (refusal is None) == (process.returncode == 0)
    other = toolchain.minor in _OTHER_VERDICTS.get(path.name, ())
    assert agree != other, (refusal, process.stderr)
