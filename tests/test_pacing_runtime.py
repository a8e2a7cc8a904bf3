"""With pacing="runtime" the window is that of Go's own flight recorders on the same program."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flightrec import ToolchainError, wire
from flightrec.gobuild import build
from flightrec.gobuild.bundled import LIBRARY_SUFFIX, build_bridge
from flightrec.toolchain import Toolchain, find_toolchain
from tests.conftest import MakeRecorder
from tests.gomodules import write_tree
from tests.helpers import ROOT, Child, running, until
from tests.helpers_go import Judge

#: A version of x/exp/trace that reads what a minor version of Go writes, and builds with it.
XEXP = {
    22: "v0.0.0-20240506185415-9bf2ced13842",
    23: "v0.0.0-20250408133849-7e4ce0ab07d0",
    24: "v0.0.0-20250408133849-7e4ce0ab07d0",
    26: "v0.0.0-20260908205506-85c1c2202aba",
    27: "v0.0.0-20260908205506-85c1c2202aba",
}

XEXP_PROGRAM = """\
package xexp

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"flightrec/gobridge"
	_ "flightrec/gobridge/workloads"
	"golang.org/x/exp/trace"
)

type startArgs struct {
	MinAgeNs int64 `json:"min_age_ns"`
	MaxBytes int   `json:"max_bytes"`
}

type writeArgs struct {
	Path string `json:"path"`
}

var recorder = trace.NewFlightRecorder()

func start(_ context.Context, args startArgs) (any, error) {
	recorder.SetPeriod(time.Duration(args.MinAgeNs))
	recorder.SetSize(args.MaxBytes)
	return nil, recorder.Start()
}

func writeTo(_ context.Context, args writeArgs) (int, error) {
	file, err := os.Create(args.Path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return recorder.WriteTo(file)
}

func stop(context.Context, json.RawMessage) (any, error) {
	return nil, recorder.Stop()
}

func init() {
	gobridge.RegisterWith("reference_start", "Start", start)
	gobridge.RegisterWith("reference_write_to", "WriteTo", writeTo)
	gobridge.Register("reference_stop", stop)
}
"""


def contents(trace: bytes) -> dict[int, Counter[Any]]:
    """Return the batches of each generation, whatever their order."""
    generations: dict[int, Counter[Any]] = {}
    for batch in wire.split_batches(trace[wire.HEADER_BYTES :]):
        if batch[0] != wire.END_OF_GENERATION:
            header = wire.parse_batch(batch)
            what = (header.event_type, header.m, header.time, batch[header.payload :])
            generations.setdefault(header.generation, Counter())[what] += 1
    return generations


def build_with_gos_own(library: Path, toolchain: Toolchain) -> None:
    """Build a library that has runtime/trace.FlightRecorder under the names reference_*."""
    if toolchain.version < (1, 25):
        pytest.skip("runtime/trace has a flight recorder from Go 1.25 on")
    build_bridge(library, toolchain, "./cmd/benchlib", "-tags=flightrec_reference")


def build_with_xexp(library: Path, toolchain: Toolchain) -> None:
    """Build a program that has x/exp/trace.FlightRecorder under the names reference_*."""
    version = XEXP.get(toolchain.version[1])
    if version is None:
        pytest.skip(f"no version of x/exp/trace is known that works with {toolchain.version_text}")
    gobridge = json.dumps(str(ROOT / "gobridge"))
    module = (
        "module example.com/xexp\n\ngo 1.22\n\nrequire flightrec/gobridge v0.0.0\n\n"
        f"replace flightrec/gobridge => {gobridge}\n"
    )
    folder = write_tree(library.parent / "xexp", {"go.mod": module, "xexp.go": XEXP_PROGRAM})
    try:
        toolchain.run("get", f"golang.org/x/exp/trace@{version}", cwd=folder)
    except ToolchainError as exc:
        pytest.skip(f"x/exp/trace cannot be downloaded: {exc.output.splitlines()[-1]}")
    build(folder, library, go=toolchain.go)


@pytest.fixture(scope="module", params=[build_with_gos_own, build_with_xexp])
def reference_child(
    request: pytest.FixtureRequest, go_minor: int, tmp_path_factory: pytest.TempPathFactory
) -> Child:
    """Return what runs Python with a library that has another flight recorder beside ours."""
    toolchain = find_toolchain()
    if toolchain.version[1] != go_minor:
        pytest.skip(f"the library is of Go 1.{go_minor}, the toolchain {toolchain.version_text}")
    library = tmp_path_factory.mktemp("reference") / f"libreference{LIBRARY_SUFFIX}"
    request.param(library, toolchain)
    return Child(library)


@pytest.mark.matrix
def test_same_generations_as_the_reference(
    reference_child: Child, judge: Judge, tmp_path: Path
) -> None:
    """On one program at one time both have the same generations, of the same batches."""
    done = reference_child.run(
        """
        import json
        from flightrec.ring import retain
        runtime = flightrec.load()
        rings = {}

        def policy(ring, finished, **limits):
            kept = retain(ring, finished, **limits)
            rings[finished.number] = [generation.number for generation in kept]
            return kept

        recorder = flightrec.FlightRecorder(
            runtime, pacing="runtime", max_bytes=2 << 20, min_age=1000, policy=policy
        )
        recorder.start()
        runtime.run("reference_start", min_age_ns=10**12, max_bytes=2 << 20)
        began = time.monotonic()
        # Generations of one second, each less than 1 MiB, until the first has been evicted: the
        # reference, started after ours, does not have it.
        while time.monotonic() - began < 4 or rings[list(rings)[-1]][0] == list(rings)[0]:
            assert time.monotonic() - began < 40, rings
            runtime.run("pingpong", duration=0.001)
            time.sleep(0.1)
        runtime.run("reference_write_to", path=sys.argv[1])
        recorder.write_to(sys.argv[2])
        stats = recorder.stats()
        recorder.stop()
        runtime.run("reference_stop")
        print(json.dumps([rings, stats.early_advances, stats.ceiling_bytes]))
        """,
        tmp_path / "theirs",
        tmp_path / "ours",
    )
    rings, early, ceiling = json.loads(done.stdout)
    assert early == ceiling == 0
    theirs = contents((tmp_path / "theirs").read_bytes())
    ours = contents((tmp_path / "ours").read_bytes())
    newest = max(theirs)
    assert len(theirs) >= 2, rings
    assert rings[str(newest)] == sorted(theirs)
    common = ours.keys() & theirs.keys()
    assert newest in common
    for number in common:
        assert ours[number] == theirs[number], number
    judge.check(tmp_path / "ours")


@pytest.mark.matrix
def test_no_generation_is_ended_early(make_recorder: MakeRecorder, judge: Judge) -> None:
    """However much is traced, only the runtime's period and snapshots end generations."""
    recorder = make_recorder(pacing="runtime", max_bytes=1 << 20)
    recorder.start()
    with running(recorder.runtime, "pingpong", pairs=1, duration=60):
        until(lambda: recorder.stats().total_bytes > 8 << 20, "much is traced")
    snapshot = recorder.snapshot()
    stats = recorder.stats()
    recorder.stop()
    assert stats.early_advances == 0
    assert stats.over_ceiling_bytes == 0
    assert max(generation.nbytes for generation in snapshot.generations) > 1 << 20
    judge.check(snapshot)
