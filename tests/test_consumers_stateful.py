"""Any mix of recorders, streams, live events and the program's own traces: all is as asked for.

The machine runs in a child process, because it needs a program of its own; Go reads the files
afterwards. Everything that happens is a mark in the trace, so that each output can be told: it has
the marks between its beginning and its end, in order, and no others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flightrec import trace
from tests.helpers import Child
from tests.helpers_go import Judge

MACHINE = """
import collections, itertools, json
import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

folder = sys.argv[1]
runtime = flightrec.load()
busy = runtime.start("busy")
outputs = []  # [what it is, its files, the marks that it must have]
kinds = collections.Counter()
marks = []
numbers = itertools.count()
ends = time.monotonic() + float(sys.argv[2])


class Consumers(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.recorders, self.streams, self.program = {}, {}, None
        self.loops = {}  # over live events: whose recorder, and since when

    def mark(self):
        marks.append(str(len(marks)))
        runtime.run("mark", Path=marks[-1])

    def name(self):
        return f"{folder}/{next(numbers)}.trace"

    def expect(self, kind, files, since):
        kinds[kind] += 1
        outputs.append([kind, files, marks[since:]])

    # ---- what consumers do; each happens between two marks

    @precondition(lambda self: len(self.recorders) < 3)
    @rule(size=st.sampled_from([1, 4, 32]), runtime_pacing=st.booleans())
    def start_recorder(self, size, runtime_pacing):
        recorder = flightrec.FlightRecorder(
            runtime, max_bytes=size << 20, min_age=600,
            pacing="runtime" if runtime_pacing else "size",
        )
        recorder.start()
        self.recorders[recorder] = len(marks)

    @precondition(lambda self: self.recorders)
    @rule(data=st.data())
    def stop_recorder(self, data):
        recorder = data.draw(st.sampled_from(list(self.recorders)))
        self.end_recorder(recorder)

    def end_recorder(self, recorder):
        del self.recorders[recorder]
        recorder.stop()
        for events in [each for each, (of, _) in self.loops.items() if of is recorder]:
            self.end_loop(events)

    @precondition(lambda self: self.recorders and len(self.loops) < 2)
    @rule(data=st.data())
    def start_loop(self, data):
        recorder = data.draw(st.sampled_from(list(self.recorders)))
        self.loops[recorder.events()] = (recorder, len(marks))

    @precondition(lambda self: self.loops)
    @rule(data=st.data())
    def stop_loop(self, data):
        self.end_loop(data.draw(st.sampled_from(list(self.loops))))

    def end_loop(self, events):
        _, since = self.loops.pop(events)
        events.end()
        logs = [event for event in events if isinstance(event, flightrec.trace.Log)]
        assert [log.message for log in logs if log.category == "mark"] == marks[since:]
        assert events.skipped_generations == 0
        kinds["loop"] += 1

    @precondition(lambda self: self.recorders)
    @rule(data=st.data())
    def snapshot(self, data):
        recorder = data.draw(st.sampled_from(list(self.recorders)))
        name = self.name()
        recorder.write_to(name)
        self.expect("snapshot", [name], self.recorders[recorder])

    @precondition(lambda self: len(self.streams) < 3)
    @rule(kind=st.sampled_from(["path", "file", "rotated"]), of_recorder=st.booleans())
    def start_stream(self, kind, of_recorder):
        name = self.name()
        file = open(name, "wb") if kind == "file" else name
        limit = 1 if kind == "rotated" else None
        if of_recorder and self.recorders:
            stream = next(iter(self.recorders)).stream_to(file, rotate_bytes=limit)
        else:
            stream = flightrec.Tracer(runtime).start(file, rotate_bytes=limit)
        self.streams[stream] = (len(marks), name, file)

    def end_stream(self, stream):
        since, name, file = self.streams.pop(stream)
        stream.stop()
        assert stream.stats().missed_generations == 0
        if file is not name:
            file.close()
            self.expect("file", [name], since)
        else:
            files = [str(path) for path in stream.files]
            self.expect("path" if len(files) == 1 else "rotated", files, since)

    @precondition(lambda self: self.streams)
    @rule(data=st.data())
    def stop_stream(self, data):
        self.end_stream(data.draw(st.sampled_from(list(self.streams))))

    @precondition(lambda self: self.streams)
    @rule(data=st.data())
    def flush_stream(self, data):
        data.draw(st.sampled_from(list(self.streams))).flush()

    @rule()
    def program_starts(self):
        name = self.name()
        try:
            runtime.run("start", Path=name)
        except flightrec.WorkloadError as exc:
            assert self.program is not None, exc
            assert "already enabled" in str(exc)
        else:
            assert self.program is None
            self.program = (len(marks), name)

    @rule()
    def program_stops(self):
        runtime.run("stop")
        if self.program is not None:
            since, name = self.program
            self.program = None
            self.expect("program", [name], since)

    @rule()
    def something_happens(self):
        self.mark()

    def teardown(self):
        self.mark()
        self.program_stops()
        for stream in list(self.streams):
            self.end_stream(stream)
        self.mark()
        for recorder in list(self.recorders):
            self.end_recorder(recorder)
        cdll = runtime._library.cdll
        assert cdll.flightrec_session_count() == 0
        assert cdll.flightrec_generation_count() == 0
        assert not runtime.run("enabled")


# Hypothesis begins with the simplest examples, one rule again and again; later ones are mixed.
settings = hypothesis.settings(
    max_examples=10, stateful_step_count=25, database=None, deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
for seed in range(int(sys.argv[3]), int(sys.argv[3]) + 20):
    seeded = hypothesis.seed(seed)
    hypothesis.stateful.run_state_machine_as_test(seeded(Consumers), settings=settings)
    late = time.monotonic() - ends
    if late > 40 or late > 0 and len(kinds) == 6:
        break
busy.cancel()
busy.result(50)
print(json.dumps([kinds, outputs]))
"""


def marks_in(path: str) -> list[str]:
    """Return the marks in a trace; fail unless it is valid."""
    return [
        event.message
        for event in trace.read(path)
        if isinstance(event, trace.Log) and event.category == "mark"
    ]


@pytest.mark.go_versions
def test_any_mix(libraries: Callable[[str], Path], judge: Judge, tmp_path: Path) -> None:
    """Each output is a valid trace, and begins and ends where it was asked for.

    FLIGHTREC_SEED and FLIGHTREC_SECONDS ask for other mixes, and for more.
    """
    child = Child(libraries("traces"))
    seconds, seed = (os.environ.get(f"FLIGHTREC_{name}", "0") for name in ("SECONDS", "SEED"))
    done = child.run(MACHINE, tmp_path, seconds, seed)
    kinds, outputs = json.loads(done.stdout)
    assert set(kinds) == {"file", "loop", "path", "program", "rotated", "snapshot"}
    everything: list[Path] = []
    for kind, files, expected in outputs:
        everything += map(Path, files)
        found = [mark for file in files for mark in marks_in(file)]
        if kind == "snapshot":  # the beginning may have left the window
            assert found == expected[len(expected) - len(found) :], files
        else:
            assert found == expected, (kind, files)
    judge.check_all(everything)
