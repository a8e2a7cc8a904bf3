"""Signals beside a Go runtime: whose thread takes them, and what children inherit."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.helpers import Child
from tests.helpers_go import Judge

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(sys.platform != "linux", reason="the overlay is for Linux"),
]


@pytest.fixture
def child(go_library: Path) -> Child:
    """Run Python code in child processes that load the test library."""
    return Child(go_library)


def test_go_threads_block_what_programs_handle(child: Child) -> None:
    """All threads but Python's own block signals for the process, and no others."""
    code = """
    from pathlib import Path

    faulthandler.cancel_dump_traceback_later()  # its thread blocks all
    runtime = flightrec.load()
    handle = runtime.start("pingpong")
    masks = {}
    for task in Path("/proc/self/task").iterdir():
        status = (task / "status").read_text()
        mask = int(status.partition("SigBlk:")[2].split()[0], 16)
        masks.setdefault(int(task.name) == threading.get_native_id(), set()).add(mask)
    handle.cancel()

    def blocked(mask):
        return {number for number in range(1, 65) if mask >> (number - 1) & 1}

    handled = {"HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "CHLD", "TSTP", "WINCH", "IO"}
    handled = {signal.Signals["SIG" + name] for name in handled} | {signal.SIGRTMIN + 5}
    left = {"URG", "PROF", "SEGV", "BUS", "FPE", "ILL", "ABRT", "PIPE", "XFSZ"}
    left = {signal.Signals["SIG" + name] for name in left} | {32, 33}
    assert masks[True] == {0}, masks
    for mask in masks[False]:
        if signal.SIGSEGV in blocked(mask):  # a thread begins, or ends
            continue
        assert handled <= blocked(mask), sorted(handled - blocked(mask))
        assert not left & blocked(mask), sorted(left & blocked(mask))
    print(len(masks[False]) > 0)
    """
    assert child.run(code).stdout == "True\n"


def test_signals_blocked_after_load(child: Child) -> None:
    """A program that blocks signals after it has loaded Go gets all of them by sigtimedwait."""
    code = """
    faulthandler.cancel_dump_traceback_later()
    runtime = flightrec.load()
    handle = runtime.start("pingpong")
    waited = {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD, signal.SIGRTMIN + 3}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    for _ in range(100):
        for number in waited:
            os.kill(os.getpid(), number)
            assert signal.sigtimedwait({number}, 60).si_signo == number
    handle.cancel()
    print("all")
    """
    assert child.run(code).stdout == "all\n"


def test_signals_blocked_while_recording(child: Child, tmp_path: Path) -> None:
    """So it does beside a recorder with rules and a socket, whose threads were there before."""
    code = """
    faulthandler.cancel_dump_traceback_later()
    runtime = flightrec.load()
    handle = runtime.start("pingpong")
    runtime.on_departure(print)
    with flightrec.FlightRecorder(runtime, max_bytes=1 << 20) as recorder:
        recorder.snapshot()
        recorder.when("goroutines > 1000000 or task slower than 1h", on_fire=print)
        os.environ["FLIGHTREC_RUNTIME_DIR"] = sys.argv[1]
        recorder.listen()
        waited = {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, waited)
        for _ in range(100):
            for number in waited:
                os.kill(os.getpid(), number)
                assert signal.sigtimedwait({number}, 60).si_signo == number
    handle.cancel()
    print("all")
    """
    assert child.run(code, tmp_path / "r").stdout == "all\n"


def test_signals_while_a_generation_ends(child: Child, tmp_path: Path, judge: Judge) -> None:
    """A trace is valid that is cut while Go handles a signal on the main thread."""
    code = """
    signal.signal(signal.SIGUSR1, lambda *_: None)  # until Go handles it
    runtime = flightrec.load()
    handle = runtime.start("listen")
    stop = threading.Event()
    main = threading.get_ident()

    def send():
        while not stop.is_set():
            signal.pthread_kill(main, signal.SIGUSR1)

    def cut():
        end = time.monotonic() + 5
        try:
            with flightrec.FlightRecorder(runtime) as recorder:
                for _ in range(300):
                    recorder.snapshot()
                    if time.monotonic() > end:
                        break
                recorder.write_to(sys.argv[1])
        finally:
            stop.set()

    threads = [threading.Thread(target=target) for target in (send, cut)]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
    handle.cancel()
    """
    child.run(code, tmp_path / "s.trace")
    judge.check(tmp_path / "s.trace")


def test_callbacks_of_rules_block_nothing(child: Child, tmp_path: Path) -> None:
    """A process that a rule's callback starts has no signals blocked."""
    code = """
    import subprocess

    faulthandler.cancel_dump_traceback_later()  # its thread blocks all
    runtime = flightrec.load()
    read = "import signal; print(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    blocked, done = [], threading.Event()

    def note(what):
        blocked.append(subprocess.check_output([sys.executable, "-c", read]))
        if len(blocked) == 2:
            done.set()

    with flightrec.FlightRecorder(runtime, max_bytes=1 << 20) as recorder:
        options = {"on_fire": note, "on_saved": note, "arm_after": 0}
        recorder.when("goroutines > 0", sys.argv[1], **options)
        assert done.wait(60)
    print(blocked)
    """
    assert child.run(code, tmp_path / "s").stdout == "[b'0\\n', b'0\\n']\n"


def test_sleeping_main_thread_is_woken(child: Child) -> None:
    """A signal interrupts the main thread's sleep beside busy goroutines, each time."""
    code = """
    class Noticed(Exception):
        pass

    def handler(number, frame):
        raise Noticed

    faulthandler.cancel_dump_traceback_later()
    faulthandler.dump_traceback_later(240, exit=True)
    signal.signal(signal.SIGINT, handler)
    runtime = flightrec.load()
    handle = runtime.start("pingpong")
    sleeping = threading.Event()

    def send():
        for _ in range(100):
            sleeping.wait()
            sleeping.clear()
            time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

    late = 0
    with flightrec.FlightRecorder(runtime):
        threading.Thread(target=send).start()
        for _ in range(100):
            try:
                sleeping.set()
                time.sleep(2)
                late += 1
                time.sleep(60)
            except Noticed:
                pass
    handle.cancel()
    print(late)
    """
    assert child.run(code).stdout == "0\n"


@pytest.mark.parametrize(("before", "mask"), [("set()", 0), ("{signal.SIGUSR1}", 1 << 9)])
def test_children_of_go_inherit_the_mask_of_the_load(child: Child, before: str, mask: int) -> None:
    """A child that Go starts has blocked what was blocked when the library was loaded, no more."""
    code = f"""
    signal.pthread_sigmask(signal.SIG_BLOCK, {before})
    runtime = flightrec.load()
    handle = runtime.start("pingpong")
    for _ in range(10):
        print(runtime.run("child_mask").split()[1])
    handle.cancel()
    """
    assert {int(line, 16) for line in child.run(code).stdout.split()} == {mask}


def test_exec_keeps_the_mask_of_the_load(child: Child) -> None:
    """A program that takes this one's place by syscall.Exec begins with nothing blocked."""
    done = child.run("flightrec.load().run('exec_mask')")
    assert done.stdout.split() == ["SigBlk:", "0000000000000000"]


def test_exec_that_fails(child: Child) -> None:
    """After a syscall.Exec that failed the signals are blocked again."""
    code = """
    runtime = flightrec.load()
    waited = {signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    faulthandler.cancel_dump_traceback_later()
    for _ in range(20):
        assert runtime.run("failed_exec")
        for number in waited:
            os.kill(os.getpid(), number)
            assert signal.sigtimedwait({number}, 60).si_signo == number
    """
    child.run(code)


def test_notify(child: Child) -> None:
    """os/signal.Notify works in Go, whether Python blocks the signals on its threads or not."""
    code = """
    runtime = flightrec.load()
    print(runtime.run("notify"))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
    print(runtime.run("notify"))
    """
    assert child.run(code).stdout == "20\n20\n"


def test_ignore(child: Child) -> None:
    """os/signal.Ignore works in Go."""
    assert child.run("flightrec.load().run('ignore'); print('lives')").stdout == "lives\n"


def test_reset(child: Child) -> None:
    """After os/signal.Reset the default action ends the process."""
    done = child.run("flightrec.load().run('reset')", check=False)
    assert done.returncode == -signal.SIGTERM


def test_default_action(child: Child) -> None:
    """A signal that nobody handles ends the process beside busy goroutines."""
    code = """
    flightrec.load().start("pingpong")
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()
    """
    assert child.run(code, check=False).returncode == -signal.SIGTERM
