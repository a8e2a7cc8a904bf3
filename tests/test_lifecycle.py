"""Processes end, fork, crash and get signals, with a recorder on; each in a child process."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.helpers import Child
from tests.helpers_go import Judge

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")
fork = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork here")

START = """
runtime = flightrec.load()
recorder = flightrec.FlightRecorder(runtime, max_bytes=1 << 20)
recorder.start()
"""

# ---- the end


@pytest.mark.matrix
@pytest.mark.parametrize("storage", ["native", "python"])
@pytest.mark.parametrize(
    "ending", ["pass", "sys.exit(0)", "threading.Thread(target=recorder.stats).start()"]
)
def test_exit_while_recording(child: Child, ending: str, storage: str) -> None:
    """An interpreter that ends while it records, under load, ends quietly."""
    child.run(
        f"""
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime, max_bytes=1 << 20, storage={storage!r})
        recorder.start()
        runtime.start("pingpong", duration=600)
        recorder.snapshot()
        {ending}
        """
    )


def test_exit_with_an_exception(child: Child) -> None:
    """An exception that nobody catches is reported as ever, and ends the process."""
    done = child.run(START + "raise ZeroDivisionError", check=False)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ZeroDivisionError")
    assert "Fatal" not in done.stderr


def test_hard_exit(child: Child) -> None:
    """os._exit, which runs nothing at the end, does not hang either."""
    assert child.run(START + "os._exit(7)", check=False).returncode == 7


def test_exit_with_snapshots_alive(child: Child) -> None:
    """Snapshots that live in globals and in cycles when the interpreter ends do no harm."""
    child.run(
        START
        + """
snapshots = [recorder.snapshot() for _ in range(3)]
cycle = [snapshots]
cycle.append(cycle)
recorder.stop()
sys.modules["kept"] = snapshots
"""
    )


@pytest.mark.parametrize("daemon", [False, True])
def test_exit_while_a_thread_takes_snapshots(child: Child, daemon: bool) -> None:
    """A thread that takes snapshots all the time does not keep the end from coming."""
    child.run(
        START
        + f"""
taken = threading.Event()
def take():
    try:
        while True:
            recorder.snapshot()
            taken.set()
    except flightrec.NotEnabledError:
        pass  # it was stopped
thread = threading.Thread(target=take, daemon={daemon})
thread.start()
assert taken.wait(50)
if not {daemon}:
    recorder.stop()
"""
    )


@pytest.mark.parametrize("daemon", [False, True])
def test_exit_while_a_thread_annotates(child: Child, daemon: bool) -> None:
    """A thread that logs all the time does not keep the end from coming."""
    child.run(
        START
        + f"""
going, stop = threading.Event(), threading.Event()
def log():
    while not stop.is_set():
        with runtime.region("r"):
            runtime.log("a", "b")
        going.set()
thread = threading.Thread(target=log, daemon={daemon})
thread.start()
assert going.wait(50)
if not {daemon}:
    stop.set()
"""
    )


def test_exit_with_a_workload_running(go_child: Child) -> None:
    """A workload that never returns does not keep the process."""
    go_child.run(
        """
        runtime = flightrec.load()
        handle = runtime.start("block_forever")
        """
    )


def test_exit_while_threads_wait_for_a_workload(go_child: Child) -> None:
    """Daemon threads that wait for a workload do not keep the process."""
    go_child.run(
        """
        runtime = flightrec.load()
        handle = runtime.start("block_forever")
        waiting = threading.Event()
        def wait():
            waiting.set()
            handle.result()
        threading.Thread(target=wait, daemon=True).start()
        assert waiting.wait(50)
        """
    )


def test_exit_while_a_write_is_stuck(child: Child) -> None:
    """A daemon thread that is stuck in a file's write does not keep the process."""
    child.run(
        START
        + """
entered = threading.Event()
class Stuck:
    def write(self, data):
        entered.set()
        threading.Event().wait()
threading.Thread(target=recorder.write_to, args=(Stuck(),), daemon=True).start()
assert entered.wait(50)
"""
    )


def test_recorder_that_is_thrown_away(child: Child) -> None:
    """A started recorder that nobody refers to any more records on, and the process ends."""
    child.run(
        START
        + """
import gc
del recorder
gc.collect()
assert runtime.cdll.flightrec_session_count() == 1
with flightrec.FlightRecorder(runtime) as another:
    assert another.snapshot().generations
assert runtime.cdll.flightrec_session_count() == 1
"""
    )


def test_atexit_can_still_write(child: Child, judge: Judge, tmp_path: Path) -> None:
    """A function registered with atexit after the start can write the last snapshot."""
    child.run(
        START
        + """
import atexit
atexit.register(recorder.write_to, sys.argv[1])
runtime.log("the", "end")
""",
        tmp_path / "x",
    )
    judge.check(tmp_path / "x")


# ---- fork


@fork
def test_fork_while_recording(child: Child) -> None:
    """In a forked child everything says ForkedProcessError at once; the parent records on."""
    child.run(
        START
        + """
import io, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: what we test
handle = runtime.start("idle", duration=600)
task = runtime.task("before")
snapshot = recorder.snapshot()
pid = fork()
if pid == 0:
    code = 1
    try:
        assert not recorder.enabled
        for call in (
            recorder.start, recorder.stop, recorder.snapshot,
            lambda: recorder.write_to(io.BytesIO()),
            runtime.workloads, runtime.clock_now, flightrec.load,
            lambda: runtime.start("idle"), lambda: runtime.task("t"),
            lambda: runtime.setenv("A", "b"), handle.cancel,
        ):
            try:
                call()
            except flightrec.ForkedProcessError as exc:
                assert exc.loaded_in == os.getppid()
                assert "does not survive fork" in str(exc)
            else:
                raise AssertionError(call)
        with runtime.region("r"):  # nothing records here, so these do nothing
            runtime.log("a", "b")
        task.log("a", "b")
        task.end()
        recorder.stats()
        repr(recorder), repr(runtime)
        del snapshot
        code = 0
    finally:
        if code:
            import traceback
            traceback.print_exc()
        os._exit(code)
_, status = os.waitpid(pid, 0)
assert status == 0, status
assert recorder.snapshot().generations
handle.cancel()
recorder.stop()
"""
    )


@fork
def test_forked_child_ends_normally(child: Child) -> None:
    """A forked child that ends as processes do, atexit and all, ends at once."""
    child.run(
        START
        + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
snapshot = recorder.snapshot()
runtime.start("idle", duration=600)
pid = fork()
if pid == 0:
    sys.exit(0)
_, status = os.waitpid(pid, 0)
assert status == 0, status
recorder.stop()
"""
    )


@fork
def test_fork_before_loading(child: Child) -> None:
    """A child that was forked before the library was loaded may load it, and so may the parent."""
    child.run(
        """
        pid = fork()
        runtime = flightrec.load()
        with flightrec.FlightRecorder(runtime) as recorder:
            assert recorder.snapshot().generations
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
        """
    )


@fork
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(child: Child, tmp_path: Path, method: str) -> None:
    """Beside a recorder, multiprocessing works; spawned children can record, forked ones cannot."""
    script = tmp_path / "script.py"
    script.write_text(
        """
import multiprocessing, sys, warnings
import flightrec
warnings.simplefilter("ignore", DeprecationWarning)

def work(number):
    try:
        with flightrec.FlightRecorder(flightrec.load()) as recorder:
            return len(recorder.snapshot().generations) > 0
    except flightrec.ForkedProcessError:
        return "forked"

if __name__ == "__main__":
    recorder = flightrec.FlightRecorder(flightrec.load())
    recorder.start()
    pool = multiprocessing.get_context(sys.argv[1]).Pool(2)
    print(pool.map(work, range(2)))
    pool.close()
    pool.join()
    assert recorder.snapshot().generations
    recorder.stop()
"""
    )
    done = child.run(
        """
        import runpy
        sys.argv = sys.argv[1:]
        import subprocess
        env = {**os.environ, "PYTHONWARNINGS": "default"}
        done = subprocess.run([sys.executable, *sys.argv], env=env, timeout=50,
                              capture_output=True, text=True)
        print(done.stdout)
        print(done.returncode)
        if done.returncode:
            print(done.stderr)
        """,
        script,
        method,
    )
    wanted = "['forked', 'forked']" if method == "fork" else "[True, True]"
    assert done.stdout.split("\n")[0] == wanted, done.stdout
    assert done.stdout.strip().endswith("\n0"), done.stdout


def test_subprocess(child: Child) -> None:
    """Beside a recorder, subprocess works."""
    child.run(
        START
        + """
import subprocess
for _ in range(5):
    assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"
recorder.snapshot()
recorder.stop()
"""
    )


# ---- signals


@posix
@pytest.mark.matrix
def test_ctrl_c_during_run(go_child: Child) -> None:
    """Ctrl-C during run() raises KeyboardInterrupt at once and cancels the workload."""
    go_child.run(
        """
        runtime = flightrec.load()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        try:
            runtime.run("block")
        except KeyboardInterrupt:
            pass
        else:
            raise SystemExit("no KeyboardInterrupt")
        assert time.monotonic() - began < 30
        deadline = time.monotonic() + 30
        while runtime.cdll.flightrec_workload_count():
            assert time.monotonic() < deadline, "it was not cancelled"
            time.sleep(0.01)
        assert runtime.run("echo", a=1) == {"a": 1}
        """
    )


@posix
@pytest.mark.parametrize("wait", ["handle.result()", "handle.wait()", "handle.result(60)"])
def test_ctrl_c_during_a_wait(child: Child, wait: str) -> None:
    """Ctrl-C during a wait raises KeyboardInterrupt at once and leaves the workload running."""
    child.run(
        f"""
        runtime = flightrec.load()
        handle = runtime.start("pingpong", duration=60)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        try:
            {wait}
        except KeyboardInterrupt:
            pass
        else:
            raise SystemExit("no KeyboardInterrupt")
        assert time.monotonic() - began < 30
        assert not handle.done
        handle.cancel()
        assert handle.result(50)["roundtrips"] > 0
        """
    )


@posix
@pytest.mark.parametrize("wait", ["handle.result()", "handle.wait()", "handle.result(60)"])
def test_ctrl_c_on_another_thread(child: Child, wait: str) -> None:
    """The signal may come to another thread, one of Go's say; the wait notices all the same."""
    child.run(
        f"""
        runtime = flightrec.load()
        handle = runtime.start("idle", duration=60)
        waiting = threading.Event()
        def interrupt():
            waiting.wait()
            time.sleep(0.2)
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        thread = threading.Thread(target=interrupt)
        thread.start()
        began = time.monotonic()
        try:
            waiting.set()
            {wait}
        except KeyboardInterrupt:
            pass
        else:
            raise SystemExit("no KeyboardInterrupt")
        assert time.monotonic() - began < 30
        thread.join()
        handle.cancel()
        handle.result(50)
        """
    )


@posix
@pytest.mark.parametrize(
    "wait",
    [
        "recorder.snapshot()",
        "recorder.write_to(io.BytesIO())",
        "recorder.stop()",
        "stream.flush()",
        "stream.stop()",
        "any(event is None for event in events)",
    ],
)
def test_ctrl_c_during_a_wait_for_the_trace(child: Child, wait: str) -> None:
    """Ctrl-C ends every wait for the trace, whatever holds it up; then one can wait again."""
    child.run(
        f"""
        import io
        from flightrec.ring import retain
        go_on = threading.Event()

        def policy(*arguments, **limits):
            go_on.wait()
            return retain(*arguments, **limits)

        class Slow(io.BytesIO):
            def write(self, data):
                go_on.wait()
                return super().write(data)

        recorder = flightrec.FlightRecorder(flightrec.load(), policy=policy)
        recorder.start()
        stream = recorder.stream_to(Slow())
        events = recorder.events()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        try:
            {wait}
        except KeyboardInterrupt:
            pass
        else:
            raise SystemExit("no KeyboardInterrupt")
        assert time.monotonic() - began < 30
        go_on.set()
        if recorder.enabled:
            recorder.stop(timeout=50)
        if stream.active:
            stream.stop(timeout=50)
        assert recorder.runtime.cdll.flightrec_session_count() == 0
        """
    )


@posix
def test_ctrl_c_while_recording(child: Child) -> None:
    """Ctrl-C leaves a with statement with the recorder stopped, and ends the process as ever."""
    done = child.run(
        """
        runtime = flightrec.load()
        recorder = flightrec.FlightRecorder(runtime)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            with recorder:
                runtime.run("pingpong", duration=60)
        finally:
            print(recorder.enabled, runtime.cdll.flightrec_session_count())
        """,
        check=False,
    )
    assert done.stdout == "False 0\n"
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert done.returncode == -signal.SIGINT


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_deadly_signals_still_kill(child: Child, name: str) -> None:
    """A signal whose default is to end the process does, beside a recorder and a workload."""
    done = child.run(
        START
        + f"""
runtime.start("idle", duration=600)
signal.signal(signal.{name}, signal.SIG_DFL)
os.kill(os.getpid(), signal.{name})
threading.Event().wait()
""",
        check=False,
    )
    assert done.returncode != 0
    assert done.returncode in (-signal.Signals[name], 2)  # Go turns SIGQUIT into a dump and 2


@posix
def test_python_signal_handlers_work(child: Child) -> None:
    """Signal handlers of Python run, whatever Go has installed; SIGUSR1 can take a snapshot."""
    child.run(
        START
        + """
taken = []
signal.signal(signal.SIGUSR1, lambda *_: taken.append(recorder.snapshot()))
runtime.start("pingpong", duration=600)
for _ in range(20):
    os.kill(os.getpid(), signal.SIGUSR1)
deadline = time.monotonic() + 50
while not taken:
    assert time.monotonic() < deadline
    time.sleep(0.001)
assert taken[0].generations
recorder.stop()
"""
    )


@posix
def test_signal_handler_interrupts_a_snapshot(child: Child) -> None:
    """A handler may use the recorder while the code that it interrupts does."""
    child.run(
        START
        + """
import io
handled = []
recorder.snapshot()
def handler(*_):
    handled.append(recorder.snapshot(flush=False))
    recorder.stats()
    try:
        recorder.write_to(io.BytesIO(), flush=False)
    except flightrec.SnapshotActiveError:
        pass  # it interrupted one
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005)
for _ in range(100):
    recorder.snapshot()
    recorder.write_to(io.BytesIO())
    recorder.stats()
signal.setitimer(signal.ITIMER_REAL, 0)
assert len(handled) > 10
handled.clear()
recorder.stop()
"""
    )


@posix
@pytest.mark.parametrize("fault", ["SIGSEGV", "SIGABRT"])
def test_crash(child: Child, fault: str) -> None:
    """A process that crashes while it records ends; it does not hang."""
    done = child.run(
        START + f"faulthandler.disable()\nsignal.raise_signal(signal.{fault})", check=False
    )
    assert done.returncode != 0


def test_go_panic_outside_a_workload_call_is_ours_to_survive(go_child: Child) -> None:
    """A panic in a workload becomes an exception, with a recorder on; the process lives."""
    go_child.run(
        START
        + """
for _ in range(3):
    try:
        runtime.run("panic")
    except flightrec.WorkloadPanicError:
        pass
assert recorder.snapshot().generations
recorder.stop()
"""
    )


# ---- threads of Python


def test_delivery_thread_has_a_name(child: Child) -> None:
    """The delivery thread is a Python thread: it has a name, and is there from start to stop."""
    child.run(
        """
        runtime = flightrec.load()
        def names():
            return [thread.name for thread in threading.enumerate()]
        recorder = flightrec.FlightRecorder(runtime)
        assert "flightrec-delivery" not in names()
        recorder.start()
        assert names().count("flightrec-delivery") == 1
        recorder.stop()
        assert "flightrec-delivery" not in names()
        """
    )


def test_profilers_see_the_delivery_thread(child: Child) -> None:
    """threading.settrace and setprofile reach the delivery thread; a policy can be debugged."""
    child.run(
        """
        runtime = flightrec.load()
        seen = set()
        threading.setprofile(lambda frame, event, arg: seen.add(frame.f_code.co_name))
        def policy(ring, finished, **limits):
            return (finished,)
        with flightrec.FlightRecorder(runtime, policy=policy) as recorder:
            recorder.snapshot()
        threading.setprofile(None)
        assert "policy" in seen, seen
        """
    )


def test_many_python_threads_come_and_go(child: Child) -> None:
    """Threads that call into Go and end do not break the trace nor pile up in Go."""
    child.run(
        START
        + """
def work(number):
    with runtime.region(f"thread {number}"):
        runtime.log("thread", str(number))
for batch in range(10):
    threads = [threading.Thread(target=work, args=(batch * 20 + n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert sum(1 for event in flightrec.trace.read(bytes(recorder.snapshot()))) > 400
recorder.stop()
"""
    )
