"""What the coverage-guided fuzzer runs works, with or without the fuzzer."""

from __future__ import annotations

import pytest

from tests.trace import fuzz
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import TraceMaker

pytestmark = pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")


def test_check_accepts_a_trace(maker: TraceMaker) -> None:
    """The fuzzer's check passes for a real trace, and for one that is cut anywhere."""
    trace = maker.trace(toolchains()[-1], "annotations").read_bytes()
    fuzz.check(trace)
    for size in range(0, len(trace), max(1, len(trace) // 20)):
        fuzz.check(trace[:size])


def test_check_sees_another_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any error but TraceFormatError is a finding."""

    def read(*arguments: object, **options: object) -> None:
        raise IndexError("of the reader's own making")

    monkeypatch.setattr("flightrec.trace.read", read)
    with pytest.raises(IndexError):
        fuzz.check(b"go 1.26 trace\0\0\0")


def test_skips_without_the_fuzzer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where atheris cannot be had, the run says so and is no failure."""
    monkeypatch.setattr(fuzz, "_why_not", lambda: "there is none")
    monkeypatch.setattr("sys.argv", ["fuzz"])
    assert fuzz.main() == 0
    assert "skipped: there is none" in capsys.readouterr().out
