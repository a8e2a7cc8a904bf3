"""With pacing="runtime" the window is that of Go's own flight recorder on the same program."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flightrec import wire
from flightrec.gobuild.bundled import LIBRARY_SUFFIX, build_bridge
from flightrec.toolchain import find_toolchain
from tests.conftest import MakeRecorder
from tests.helpers import Child, running, until
from tests.helpers_go import Judge


def contents(trace: bytes) -> dict[int, Counter[Any]]:
    """Return the batches of each generation, whatever their order."""
    generations: dict[int, Counter[Any]] = {}
    for batch in wire.split_batches(trace[wire.HEADER_BYTES :]):
        if batch[0] != wire.END_OF_GENERATION:
            header = wire.parse_batch(batch)
            what = (header.event_type, header.m, header.time, batch[header.payload :])
            generations.setdefault(header.generation, Counter())[what] += 1
    return generations


@pytest.fixture(scope="module")
def reference_child(go_minor: int, tmp_path_factory: pytest.TempPathFactory) -> Child:
    """Return what runs Python with a library that has Go's own flight recorder beside ours."""
    toolchain = find_toolchain()
    if toolchain.version < (1, 25) or go_minor < 25:
        pytest.skip("Go has a flight recorder of its own from 1.25 on")
    library = tmp_path_factory.mktemp("reference") / f"libbench{LIBRARY_SUFFIX}"
    build_bridge(library, toolchain, "./cmd/benchlib", "-tags=flightrec_reference")
    return Child(library)


@pytest.mark.matrix
def test_same_generations_as_gos_own(reference_child: Child, judge: Judge, tmp_path: Path) -> None:
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
            runtime, pacing="runtime", max_bytes=1 << 20, min_age=1000, policy=policy
        )
        recorder.start()
        runtime.run("reference_start", min_age_ns=10**12, max_bytes=1 << 20, watch=False)
        began = time.monotonic()
        while time.monotonic() - began < 4:  # some generations of one second
            runtime.run("pingpong", duration=0.004)
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
    assert len(theirs) >= 2
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
