"""A recorder that is interrupted, starved, forked or misused hangs nobody and leaves nothing."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import FlightRecorderError
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread
from tests.helpers_go import Judge


def test_a_start_that_gets_no_thread_leaves_nothing(
    make_recorder: MakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the delivery thread cannot be started, start fails, and the next one works."""
    recorder = make_recorder()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            recorder.start()
    assert not recorder.enabled
    assert recorder.runtime.cdll.flightrec_session_count() == 0
    with recorder:
        assert recorder.snapshot().generations


def test_other_callers_are_not_held_up_by_a_stuck_consumer(make_recorder: MakeRecorder) -> None:
    """While the policy hangs a flush waits, but flush=False, a timeout and stats return in time."""
    entered, leave = threading.Event(), threading.Event()

    def policy(ring: tuple[Any, ...], finished: Any, **_: Any) -> tuple[Any, ...]:
        entered.set()
        assert leave.wait(DEADLINE)
        return (finished,)

    recorder = make_recorder(policy=policy)
    recorder.start()
    stuck = Thread(recorder.snapshot)
    try:
        assert entered.wait(DEADLINE)
        emergency = recorder.snapshot(flush=False)
        assert emergency.generations
        with pytest.raises(TimeoutError):
            recorder.snapshot(timeout=0.05)
        with pytest.raises(TimeoutError):
            recorder.write_to(os.devnull, timeout=0.05)
        with pytest.raises(TimeoutError):
            recorder.stop(timeout=0.05)
        assert recorder.stats().enabled
    finally:
        leave.set()
    with pytest.raises(FlightRecorderError):
        stuck.result()
    recorder.stop()
    assert not recorder.enabled


@pytest.mark.skipif(sys.platform != "linux", reason="stops threads by Linux's tgkill")
def test_an_emergency_snapshot_needs_nothing_of_go(
    child: Child, judge: Judge, tmp_path: Path
) -> None:
    """With all of Go's threads stuck, flush=False and stats answer, and a flush times out."""
    done = child.run(
        """
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime)
        recorder.start()
        runtime.log("before", "it hangs")
        recorder.snapshot()
        STOP_GO
        began = time.monotonic()
        recorder.snapshot(flush=False).save(sys.argv[1])
        recorder.stats()
        try:
            recorder.snapshot(timeout=0.2)
        except TimeoutError:
            print("stuck")
        print(time.monotonic() - began < 10)
        sys.stdout.flush()
        os._exit(0)
        """.replace("        STOP_GO\n", _STOP_GO),
        tmp_path / "x.trace",
    )
    assert done.stdout.split() == ["stuck", "True"]
    assert judge.messages(tmp_path / "x.trace", "before") == ["it hangs"]


#: Stops all of Go's threads: each gets a signal whose handler, pause(), does not return. None of
#: them may be in the bridge's C then, where it might have a lock of its, or of a condition's.
_STOP_GO = """
        import contextlib, ctypes, signal
        libc = ctypes.CDLL(None)
        libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        python = {thread.native_id for thread in threading.enumerate()}

        def go_threads():
            return set(map(int, os.listdir("/proc/self/task"))) - python

        def sleeps(thread):
            with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] == "S"
            return True  # it has ended

        quiet = 0
        while quiet < 20:
            time.sleep(0.01)
            quiet = quiet + 1 if all(map(sleeps, go_threads())) else 0
        libc.signal(signal.SIGURG, ctypes.cast(libc.pause, ctypes.c_void_p))
        seen = set()
        quiet = 0
        while quiet < 3:  # until no more are being started
            threads = go_threads()
            for thread in threads:
                libc.syscall(234, os.getpid(), thread, signal.SIGURG)  # tgkill on x86-64
            quiet = quiet + 1 if threads <= seen else 0
            seen |= threads
            time.sleep(0.1)
"""


def test_fork_while_busy(child: Child) -> None:
    """A child that is forked amid starts, writes and snapshots gets ForkedProcessError at once."""
    done = child.run(
        """
        import select
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime)
        recorder.start()
        over = threading.Event()

        def loop(act):
            while not over.is_set():
                try:
                    act()
                except flightrec.FlightRecorderError:
                    pass

        def restart():
            recorder.stop()
            recorder.start()

        busy = (recorder.snapshot, lambda: recorder.write_to("/dev/null"), restart, restart)
        threads = [threading.Thread(target=loop, args=(act,)) for act in busy]
        for thread in threads:
            thread.start()
        calls = {
            "snapshot": recorder.snapshot,
            "flush=False": lambda: recorder.snapshot(flush=False),
            "write_to": lambda: recorder.write_to("/dev/null"),
            "stop": recorder.stop,
            "start": recorder.start,
            "stats": recorder.stats,
            "exit": lambda: recorder.__exit__(None, None, None),
        }
        for name, call in calls.items():
            for _ in range(8):
                time.sleep(0.003)
                read, write = os.pipe()
                pid = fork()
                if pid == 0:
                    try:
                        call()
                        outcome = "done"
                    except BaseException as exc:
                        outcome = type(exc).__name__
                    os.write(write, outcome.encode())
                    os._exit(0)
                os.close(write)
                ready = select.select([read], [], [], 20)[0]
                outcome = os.read(read, 100).decode() if ready else "hang"
                if not ready:
                    os.kill(pid, 9)
                os.waitpid(pid, 0)
                os.close(read)
                wanted = "done" if name in ("stats", "exit") else "ForkedProcessError"
                assert outcome == wanted, (name, outcome)
        over.set()
        for thread in threads:
            thread.join()
        if recorder.enabled:
            recorder.stop()
        """
    )
    assert not done.stderr


def test_statistics_beside_starts_and_stops(make_recorder: MakeRecorder) -> None:
    """Statistics that meet a stop are the last ones, and no error."""
    recorder = make_recorder()
    over = threading.Event()

    def ask() -> int:
        asked = 0
        while not over.is_set():
            recorder.stats()
            asked += 1
        return asked

    threads = [Thread(ask) for _ in range(2)]
    for _ in range(60):
        recorder.start()
        recorder.stop()
    over.set()
    assert all(thread.result() > 100 for thread in threads)


def test_nothing_to_write_is_an_error(make_recorder: MakeRecorder, tmp_path: Path) -> None:
    """write_to that has no generation yet says so, and a good file keeps what it had."""
    path = tmp_path / "good.trace"
    recorder = make_recorder()
    recorder.start()
    written = recorder.write_to(path)
    recorder.stop()
    recorder.start()
    with pytest.raises(flightrec.EmptySnapshotError, match="no generation"):
        recorder.write_to(path, flush=False)
    with pytest.raises(flightrec.EmptySnapshotError, match="no generation"):
        recorder.write_to(io.BytesIO(), flush=False)
    recorder.stop()
    assert path.stat().st_size == written


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("max_bytes", 2**64 - 1, ValueError),
        ("max_bytes", 0.5, TypeError),
        ("max_bytes", 1e300, TypeError),
        ("max_bytes", float("nan"), TypeError),
        ("max_bytes", "10", TypeError),
        ("max_bytes", None, TypeError),
        ("min_age", 1e300, ValueError),
        ("min_age", float("inf"), ValueError),
        ("min_age", "10", TypeError),
        ("min_age", None, TypeError),
        ("experiments", "allocfree", TypeError),
        ("experiments", ("freealloc",), ValueError),
        ("policy", 3, TypeError),
        ("storage", "rust", ValueError),
        ("pacing", "fast", ValueError),
        ("runtime", "x", TypeError),
    ],
)
def test_impossible_arguments(
    runtime: flightrec.GoRuntime, argument: str, value: Any, error: type[Exception]
) -> None:
    """An argument that cannot be is refused when the recorder is made, by its name."""
    with pytest.raises(error, match=argument.removesuffix("s")):
        flightrec.FlightRecorder(**{"runtime": runtime, argument: value})


@pytest.mark.parametrize("value", [-1, float("nan"), "1"])
@pytest.mark.parametrize("argument", ["last", "timeout"])
def test_impossible_times(recorder: flightrec.FlightRecorder, argument: str, value: Any) -> None:
    """A time that is no time is refused by its name, and nothing is waited for."""
    began = time.monotonic()
    with pytest.raises((ValueError, TypeError), match=argument):
        recorder.snapshot(**{argument: value})
    assert time.monotonic() - began < DEADLINE
