"""What a flush has completed is held for its caller, for all callers, and for nobody else."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import signal
import sys
import time
from typing import Any

import pytest

import flightrec
from flightrec import abi
from flightrec.recording import Recording
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Thread, running, until
from tests.helpers_streams import replay
from tests.test_assembly import END, FREQUENCY, NEW
from tests.test_wire import batch

MIB = 1 << 20


def _feed(recording: Recording, first: int, last: int, nbytes: int = MIB) -> None:
    for number in range(first, last + 1):
        recording.feed(batch(number, time=number, payload=FREQUENCY))
        for _ in range(nbytes // (32 << 10)):
            recording.feed(batch(number, time=number, payload=bytes(32 << 10)))
        recording.feed(END)


def _pinned(recording: Recording) -> int:
    return int(recording.statistics().pinned_generations)


@pytest.mark.matrix
def test_callers_at_once_hold_each_for_itself(make_recorder: MakeRecorder) -> None:
    """Several callers of one flush hold its generations, each until it lets go."""
    recorder = make_recorder()
    recorder.start()
    recording = recorder._recording
    assert recording is not None
    with running(recorder.runtime, "pingpong", pairs=2, duration=60):
        for _ in range(5):
            threads = [Thread(lambda: recording.take(DEADLINE)) for _ in range(8)]
            taken = [thread.result() for thread in threads]
            del threads
            contents = [[b"".join(hold.buffers) for _, hold in each] for each in taken]
            for each, content in zip(taken, contents, strict=True):
                assert [len(c) for c in content] == [g.nbytes for g, _ in each]
            while taken:  # one after the other; the rest keeps what it has
                taken.pop(0)
                contents.pop(0)
                for each, content in zip(taken, contents, strict=True):
                    assert [b"".join(hold.buffers) for _, hold in each] == content
            each = content = None  # type: ignore[assignment]
            gc.collect()
            until(lambda: _pinned(recording) == 0, "everything is let go of")
    recorder.stop()


def test_caller_that_gives_up_holds_nothing(make_recorder: MakeRecorder) -> None:
    """A flush that took too long for its caller is answered later, and holds nothing then."""
    recorder = make_recorder()
    recorder.start()
    recording = recorder._recording
    assert recording is not None
    for _ in range(20):
        with contextlib.suppress(TimeoutError):
            recording.take(0)
    recording.flush(DEADLINE)
    until(lambda: _pinned(recording) == 0, "everything is let go of")
    recorder.stop()


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
        recording.feed(NEW)
        _feed(recording, 1, 1)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(AlarmError):
            recording.take(DEADLINE)
        assert len(recording.window()[1]) == 1
        assert _pinned(recording) == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        recording.close()


def test_what_leaves_the_window_meanwhile_is_held(runtime: flightrec.GoRuntime) -> None:
    """The caller of a flush gets the window of that moment, however late it looks."""
    recording = replay(runtime, max_bytes=4 * MIB)
    try:
        recording.feed(NEW)
        _feed(recording, 1, 3)
        first = ctypes.POINTER(abi.Holding)()
        recording._flush(DEADLINE, first)
        _feed(recording, 4, 12)
        recording.flush(DEADLINE)
        assert recording.window()[1][0].number > 3
        held = recording._taken(first)
        assert [generation.number for generation, _ in held] == [1, 2, 3]
        for generation, hold in held:
            assert sum(map(len, hold.buffers)) == generation.nbytes
        assert _pinned(recording) == 3
        del held, generation, hold
        assert _pinned(recording) == 0
    finally:
        recording.close()


def test_what_the_policy_has_dropped_is_not_held(runtime: flightrec.GoRuntime) -> None:
    """What the policy does not keep is not in a snapshot, though the bridge still had it."""

    def newest(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        return (finished,)

    recording = replay(runtime, policy=newest)
    try:
        recording.feed(NEW)
        _feed(recording, 1, 3)
        held = recording.take(DEADLINE)
        assert [generation.number for generation, _ in held] == [3]
        assert _pinned(recording) == 1
    finally:
        recording.close()


def test_holds_outlive_the_recording(runtime: flightrec.GoRuntime) -> None:
    """What is held stays after the recording was closed, and then goes with its last holder."""
    recording = replay(runtime)
    recording.feed(NEW)
    _feed(recording, 1, 3)
    held = list(recording.take(DEADLINE))
    recording.close()
    before = runtime.cdll.flightrec_session_count()
    while held:
        generation, hold = held.pop()
        assert sum(map(len, hold.buffers)) == generation.nbytes
        assert runtime.cdll.flightrec_session_count() == before
        del hold
    assert runtime.cdll.flightrec_session_count() == before - 1
