"""What a flush has completed is held for its caller, for all callers, and for nobody else."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import time
from typing import Any

import pytest

import flightrec
from flightrec.recording import Recording
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Thread, running
from tests.helpers_streams import finish, replay, take
from tests.test_assembly import END, FREQUENCY, NEW
from tests.test_wire import batch

MIB = 1 << 20


def _feed(recording: Recording, first: int, last: int, nbytes: int = MIB) -> None:
    for number in range(first, last + 1):
        recording.session.feed(batch(number, time=number, payload=FREQUENCY))
        for _ in range(nbytes // (32 << 10)):
            recording.session.feed(batch(number, time=number, payload=bytes(32 << 10)))
        recording.session.feed(END)


def _generations(runtime: flightrec.GoRuntime) -> int:
    """Return how many complete generations are in native memory, for whomever."""
    return int(runtime.cdll.flightrec_generation_count())


@pytest.mark.matrix
def test_callers_at_once_hold_each_for_itself(make_recorder: MakeRecorder) -> None:
    """Several callers of one flush hold its generations, each until it lets go."""
    recorder = make_recorder()
    recorder.start()
    recording = recorder._recording
    assert recording is not None
    with running(recorder.runtime, "pingpong", pairs=2, duration=60):
        for _ in range(5):
            threads = [Thread(lambda: take(recording, DEADLINE)) for _ in range(8)]
            taken = [thread.result() for thread in threads]
            del threads
            contents = [b"".join(hold.buffers) for hold in taken]
            for hold, content in zip(taken, contents, strict=True):
                assert len(content) == sum(g.nbytes for g in hold.generations)
            while taken:  # one after the other; the rest keeps what it has
                taken.pop(0)
                contents.pop(0)
                for hold, content in zip(taken, contents, strict=True):
                    assert b"".join(hold.buffers) == content
            del hold
            gc.collect()
    recorder.stop()
    assert _generations(recorder.runtime) == 0


def test_caller_that_gives_up_holds_nothing(make_recorder: MakeRecorder) -> None:
    """A flush that took too long for its caller is answered later, and holds nothing then."""
    recorder = make_recorder()
    recorder.start()
    for _ in range(20):
        with contextlib.suppress(TimeoutError):
            recorder.snapshot(timeout=0)
    recorder.snapshot(timeout=DEADLINE)
    recorder.stop()
    assert _generations(recorder.runtime) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no interval timers")
def test_caller_that_is_interrupted_holds_nothing(runtime: flightrec.GoRuntime) -> None:
    """If a signal handler raises during a flush that then is done, nothing stays held."""

    class AlarmError(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise AlarmError

    def slowly(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        time.sleep(0.3)  # the flush waits for this, and the signal comes meanwhile
        return (*ring, finished)

    recording = replay(runtime, policy=slowly)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        recording.session.feed(NEW)
        _feed(recording, 1, 1)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(AlarmError):
            take(recording, DEADLINE)
        assert len(recording.hold().generations) == 1
        assert _generations(runtime) == 1  # the window's
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        finish(recording)


def test_what_leaves_the_window_is_held(runtime: flightrec.GoRuntime) -> None:
    """What is held stays in place, whatever the window evicts meanwhile."""
    recording = replay(runtime, max_bytes=4 * MIB)
    try:
        recording.session.feed(NEW)
        _feed(recording, 1, 3)
        hold = take(recording)
        content = b"".join(hold.buffers)
        _feed(recording, 4, 12)
        assert take(recording).generations[0].number > 3
        assert [generation.number for generation in hold.generations] == [1, 2, 3]
        assert b"".join(hold.buffers) == content
        window = len(recording.hold().generations)
        assert _generations(runtime) == window + 3
        del hold
        assert _generations(runtime) == window
    finally:
        finish(recording)


def test_what_the_policy_has_dropped_is_not_held(runtime: flightrec.GoRuntime) -> None:
    """After a flush the window is what the policy keeps."""

    def newest(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        return (finished,)

    recording = replay(runtime, policy=newest)
    try:
        recording.session.feed(NEW)
        _feed(recording, 1, 3)
        hold = take(recording)
        assert [generation.number for generation in hold.generations] == [3]
        assert _generations(runtime) == 1
    finally:
        finish(recording)


def test_holds_outlive_the_recording(runtime: flightrec.GoRuntime) -> None:
    """What is held stays after the recording was closed, and then goes with its last holder."""
    recording = replay(runtime)
    recording.session.feed(NEW)
    _feed(recording, 1, 3)
    hold = take(recording)
    newest = hold.newest(1)
    finish(recording)
    assert runtime.cdll.flightrec_session_count() == 0
    assert sum(map(len, hold.buffers)) == sum(g.nbytes for g in hold.generations)
    del hold
    assert _generations(runtime) == 1
    assert sum(map(len, newest.buffers)) == newest.generations[0].nbytes
    del newest
    assert _generations(runtime) == 0


def test_a_view_keeps_its_memory(runtime: flightrec.GoRuntime) -> None:
    """A buffer that a writer keeps stays valid and read-only when all else is gone."""
    recording = replay(runtime)
    recording.session.feed(NEW)
    _feed(recording, 1, 3)
    kept = take(recording).buffers[-1]
    content = bytes(kept)
    finish(recording)
    gc.collect()
    assert kept.readonly
    again = replay(runtime)  # takes the blocks that are free
    again.session.feed(NEW)
    _feed(again, 1, 9)
    take(again)
    assert bytes(kept) == content
    assert _generations(runtime) == 3 + 9
    del kept
    finish(again)
    assert _generations(runtime) == 0
