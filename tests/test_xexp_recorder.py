"""golang.org/x/exp/trace.FlightRecorder in a program while that is recorded."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from tests.gomodules import write_tree
from tests.helpers import ROOT, Child
from tests.helpers_go import Judge

#: The newest versions that each Go version builds, and whose recorder reads what that writes.
VERSIONS = {
    22: "v0.0.0-20240506185415-9bf2ced13842",
    23: "v0.0.0-20250408133849-7e4ce0ab07d0",
    26: "v0.0.0-20260908205506-85c1c2202aba",
}

PROGRAM = """\
// Package recorded keeps a window of its own trace.
package recorded

import (
	"context"
	"encoding/json"
	"os"
	"runtime/trace"

	exp "golang.org/x/exp/trace"

	"flightrec/gobridge"
)

type args struct{ Text string }

var recorder = exp.NewFlightRecorder()

func init() {
	gobridge.Register("start", func(context.Context, json.RawMessage) (any, error) {
		return nil, recorder.Start()
	})
	gobridge.Register("stop", func(context.Context, json.RawMessage) (any, error) {
		return nil, recorder.Stop()
	})
	gobridge.RegisterWith("mark", "trace.Log", func(ctx context.Context, a args) (any, error) {
		trace.Log(ctx, "mark", a.Text)
		return nil, nil
	})
	gobridge.RegisterWith("write", "WriteTo", func(_ context.Context, a args) (int, error) {
		made, err := os.Create(a.Text)
		if err != nil {
			return 0, err
		}
		defer made.Close()
		return recorder.WriteTo(made)
	})
}
"""


@pytest.fixture
def library(go: Toolchain, go_minor: int, tmp_path: Path) -> Path:
    """Build the program, or skip the test where its module cannot be had."""
    if go_minor == 25:
        pytest.skip("its WriteTo hangs with Go 1.25 in a plain program, too (1.25.5)")
    version = VERSIONS[max(minor for minor in VERSIONS if minor <= go_minor)]
    folder = write_tree(
        tmp_path / "program",
        {
            "recorded.go": PROGRAM,
            "go.mod": "module example.com/recorded\n\ngo 1.22\n\n"
            f"require (\n\tflightrec/gobridge v0.0.0\n\tgolang.org/x/exp {version}\n)\n\n"
            f"replace flightrec/gobridge => {ROOT / 'gobridge'}\n",
        },
    )
    tidied = subprocess.run(
        [str(go.go), "mod", "tidy"],
        cwd=folder,
        env=go.env() | {"GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    if tidied.returncode:
        pytest.skip(f"golang.org/x/exp cannot be downloaded: {tidied.stderr.strip()[-200:]}")
    path = tmp_path / "librecorded.so"
    build(folder, path, go=go.go)
    return path


@pytest.mark.go_versions
def test_xexp_flight_recorder(library: Path, judge: Judge, tmp_path: Path) -> None:
    """It records, writes its window and stops while the program is recorded; so do we."""
    child = Child(library)
    child.run(
        """
        folder = sys.argv[1]
        runtime = flightrec.load()
        with flightrec.FlightRecorder(runtime) as recorder:
            runtime.run("start")
            for number in range(5):
                runtime.run("mark", Text=str(number))
                runtime.run("write", Text=f"{folder}/{number}.trace")
            runtime.run("stop")
            runtime.run("mark", Text="after")
            recorder.write_to(f"{folder}/ours.trace")
        """,
        tmp_path,
    )
    for number in range(5):
        found = judge.messages(tmp_path / f"{number}.trace", "mark")
        assert found == [str(n) for n in range(number + 1)]
    assert judge.messages(tmp_path / "ours.trace", "mark")[-1] == "after"
