"""The trace reader does not begin time slices, so sysmon sees when goroutines hog a P.

What that is for, short snapshots beside goroutines that keep waking each other, is measured by
``python -m bench.fairness``; docs/upstream.md has the cause. Latencies say little on a machine that
does other things as well: when the system takes the CPU away, sysmon notices after all.
"""

from __future__ import annotations

import re

import pytest

from tests.helpers import Child

# With one P, what begins a slice is the trace reader, sysmon every 10 ms at most, and little else.
# GODEBUG=schedtrace has the slices of each P (schedtick).
RECORD = """
def say(what):
    batches = recorder.stats().total_batches
    os.write(2, f"\\n{what} {batches}\\n".encode())
    return batches

runtime = flightrec.load()
with flightrec.FlightRecorder(runtime, pacing="runtime", max_bytes=1 << 20) as recorder:
    handle = runtime.start("pingpong", pairs=1, duration=600)
    while recorder.stats().total_batches < 20:
        time.sleep(0.01)
    wanted = say("begin") + 500
    while recorder.stats().total_batches < wanted:
        time.sleep(0.01)
    say("end")
    handle.cancel()
    try:
        handle.result(60)
    except flightrec.WorkloadError:
        pass
"""


@pytest.mark.go_versions
def test_the_trace_reader_begins_no_slice(child: Child) -> None:
    """While the trace reader takes 500 batches, the P that runs it begins few time slices.

    Without the overlay ``reader-slice`` it begins 485 to 519 of them, with it 18 to 38.
    """
    env = {"GOMAXPROCS": "1", "GODEBUG": "schedtrace=20,scheddetail=1"}
    done = child.run(RECORD, env=env, check=False)
    assert done.returncode == 0, done.stderr
    before, meanwhile, batches = re.split(r"\n(?:begin|end) (\d+)\n", done.stderr)[1:4]
    slices = [int(tick) for tick in re.findall(r"P0: status=\S+ schedtick=(\d+)", meanwhile)]
    assert len(slices) >= 2
    assert slices[-1] - slices[0] < (int(batches) - int(before)) / 4
