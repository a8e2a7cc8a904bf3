"""``runtime.on_departure``: Python is told before Go code ends the process, and records the end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flightrec.toolchain import Toolchain
from tests.helpers import Child
from tests.helpers_go import Judge
from tests.helpers_run import Libraries


@pytest.fixture(scope="session")
def libraries(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what builds one of the tests' programs, once."""
    return Libraries(go, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def calls(libraries: Callable[[str], Path]) -> Child:
    """Run Python code in a child process with the library of C functions."""
    return Child(libraries("calls"))


@pytest.fixture(scope="session")
def ends(libraries: Callable[[str], Path]) -> Child:
    """Run Python code in a child process with the program that ends in every way."""
    return Child(libraries("ends"))


RECORDS = """
runtime = flightrec.load()
recorder = flightrec.FlightRecorder(runtime)
recorder.start()

def departs(departure):
    print(departure, threading.current_thread().name)
    recorder.write_to(sys.argv[1])

"""


def end(
    child: Child, code: str, *arguments: object, status: int
) -> subprocess.CompletedProcess[str]:
    """Run code that is to end with a status."""
    done = child.run(code, *arguments, check=False)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done


# ---- a library of somebody who has not heard of flightrec


def test_functions_of_a_library(calls: Child, judge: Judge, tmp_path: Path) -> None:
    """A library's own C functions are called through runtime.cdll, and its runtime is recorded."""
    code = """
    runtime = flightrec.load()
    runtime.cdll.calls_sum.restype = __import__("ctypes").c_long
    with flightrec.FlightRecorder(runtime) as recorder:
        print(runtime.cdll.calls_sum(100), runtime.workloads())
        recorder.write_to(sys.argv[1])
    """
    assert calls.run(code, tmp_path / "s.trace").stdout == "4950 ()\n"
    events = judge.events(tmp_path / "s.trace")
    assert any(e.kind == "Log" and e.value("Category") == "calls" for e in events)
    assert sum("NotExist->Runnable" in e.text for e in events) >= 100


def test_exit(calls: Child, judge: Judge, tmp_path: Path) -> None:
    """The function is called before os.Exit ends the process, on a thread of its own."""
    code = RECORDS + "runtime.on_departure(departs)\nruntime.cdll.calls_exit(7)"
    done = end(calls, code, tmp_path / "s.trace", status=7)
    assert done.stdout == "Departure(kind='exit', code=7) flightrec-departures\n"
    assert done.stderr == ""
    judge.check(tmp_path / "s.trace")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("calls_panic", "panic: called from C"),
        ("calls_panic_elsewhere", "panic: on a goroutine"),
        ("calls_unlock", "fatal error: sync: unlock of unlocked mutex"),
    ],
)
@pytest.mark.parametrize(
    ("as_program", "status"), [(False, -signal.SIGABRT), (True, 2)], ids=["library", "program"]
)
def test_panic(
    call: str,
    message: str,
    as_program: bool,
    status: int,
    calls: Child,
    judge: Judge,
    tmp_path: Path,
) -> None:
    """It is called before a panic or fatal error ends the process; as_program has the status."""
    code = (
        RECORDS
        + f"""
runtime.on_departure(departs, as_program={as_program})
runtime.cdll.{call}()
threading.Event().wait()
"""
    )
    done = end(calls, code, tmp_path / "s.trace", status=status)
    assert done.stdout == "Departure(kind='panic', code=2) flightrec-departures\n"
    assert message in done.stderr
    judge.check(tmp_path / "s.trace")


def test_exit_at_once(calls: Child) -> None:
    """What departs right after on_departure has returned is told, however late the thread is."""
    code = """
    runtime = flightrec.load()
    sys.setswitchinterval(10)  # the thread that waits for departures gets no turn before the call
    runtime.on_departure(print)
    runtime.cdll.calls_exit(7)
    """
    for _ in range(5):
        assert end(calls, code, status=7).stdout == "Departure(kind='exit', code=7)\n"


def test_two_that_depart(calls: Child) -> None:
    """Of two goroutines that call os.Exit at once, one is told of; the other waits for the end."""
    code = """
    runtime = flightrec.load()
    runtime.on_departure(print)
    runtime.cdll.calls_exit_twice(7)
    """
    assert end(calls, code, status=7).stdout.count("Departure") == 1


def test_callback_that_raises(calls: Child) -> None:
    """An exception in the function is shown by sys.excepthook, and the process ends as it would."""
    code = """
    runtime = flightrec.load()
    runtime.on_departure(lambda departure: 1 / 0)
    runtime.cdll.calls_exit(7)
    """
    done = end(calls, code, status=7)
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_callback_that_blocks(calls: Child) -> None:
    """A function that does not return holds the end up no longer than the limit; that is said."""
    code = """
    runtime = flightrec.load()
    runtime.on_departure(lambda departure: threading.Event().wait(), timeout=0.2)
    runtime.cdll.calls_exit(7)
    """
    done = end(calls, code, status=7)
    assert done.stderr == (
        "flightrec: Python's on_departure function has not returned within 200ms; the process ends "
        "without waiting for it any longer\n"
    )


def test_callback_that_keeps_the_gil(calls: Child) -> None:
    """Not even a function that never lets go of the GIL holds the end up."""
    code = """
    import ctypes
    runtime = flightrec.load()
    keeps_the_gil = ctypes.PyDLL(None).pause
    runtime.on_departure(lambda departure: keeps_the_gil(), timeout=0.2)
    runtime.cdll.calls_exit(7)
    """
    assert "has not returned within 200ms" in end(calls, code, status=7).stderr


def test_callback_that_blocks_while_python_ends(calls: Child) -> None:
    """An interpreter that ends meanwhile waits for the function, and no longer than the limit."""
    code = """
    runtime = flightrec.load()
    called = threading.Event()
    def departs(departure):
        called.set()
        threading.Event().wait()
    runtime.on_departure(departs, timeout=0.5)
    threading.Thread(target=runtime.cdll.calls_exit, args=(7,), daemon=True).start()
    called.wait(50)
    """
    assert "has not returned within 500ms" in end(calls, code, status=7).stderr


@pytest.mark.parametrize("timeout", ["0", "-1", "float('inf')", "float('nan')", "'1'", "True"])
def test_limit_that_is_none(calls: Child, timeout: str) -> None:
    """A limit that is not a positive number of seconds is refused, and named."""
    calls.run(
        f"""
        runtime = flightrec.load()
        try:
            runtime.on_departure(print, timeout={timeout})
        except (TypeError, ValueError) as exc:
            assert str(exc).startswith("timeout must be a "), exc
        else:
            raise SystemExit("no error")
        """
    )


def test_callback_that_is_replaced(calls: Child) -> None:
    """A second on_departure takes the place of the first; no thread of the first one is left."""
    code = """
    runtime = flightrec.load()
    runtime.on_departure(lambda departure: print("first"))
    runtime.on_departure(lambda departure: print("second"))
    print(sum(t.name == "flightrec-departures" for t in threading.enumerate()))
    runtime.cdll.calls_exit(7)
    """
    assert end(calls, code, status=7).stdout == "1\nsecond\n"


def test_program_again_library(calls: Child) -> None:
    """as_program counts for the newest on_departure only."""
    code = """
    runtime = flightrec.load()
    runtime.on_departure(print, as_program=True)
    runtime.on_departure(print)
    runtime.cdll.calls_panic()
    """
    end(calls, code, status=-signal.SIGABRT)


def test_buffered_output_is_not_lost(calls: Child) -> None:
    """What Python has printed is written out, though the interpreter does not come to its end."""
    code = """
    runtime = flightrec.load()
    runtime.on_departure(lambda departure: None)
    sys.stdout.write("no end of line")
    runtime.cdll.calls_exit(7)
    """
    assert end(calls, code, status=7).stdout == "no end of line"


def test_nobody_asks(calls: Child) -> None:
    """Without on_departure os.Exit ends the process at once."""
    done = end(calls, "flightrec.load().cdll.calls_exit(7)", status=7)
    assert (done.stdout, done.stderr) == ("", "")


def test_nothing_departs(calls: Child) -> None:
    """A process that ends by itself is not held up by on_departure, and calls nothing."""
    assert calls.run("flightrec.load().on_departure(print)").stdout == ""


def test_other_threads_go_on(calls: Child) -> None:
    """While the function runs, Python's other threads run as well."""
    code = """
    runtime = flightrec.load()
    asked, answered = threading.Event(), threading.Event()

    def departs(departure):
        asked.set()
        print(answered.wait(60))

    def answer():
        asked.wait(60)
        answered.set()

    threading.Thread(target=answer).start()
    runtime.on_departure(departs)
    runtime.cdll.calls_exit(7)
    """
    assert end(calls, code, status=7).stdout == "True\n"


def test_forked_process(calls: Child) -> None:
    """In a forked child on_departure is refused, as all that needs the Go runtime."""
    code = """
    import warnings
    warnings.simplefilter("ignore")
    runtime = flightrec.load()
    if not (pid := os.fork()):
        try:
            runtime.on_departure(print)
        except flightrec.ForkedProcessError:
            os._exit(5)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    assert calls.run(code).stdout == "5\n"


# ---- a program's main


def test_panic_in_main_is_an_exception(ends: Child) -> None:
    """A panic in a main that is run as a workload raises WorkloadPanicError; Python goes on."""
    code = """
    runtime = flightrec.load()
    try:
        runtime.run("main", args=["ends", "panic"])
    except flightrec.WorkloadPanicError as exc:
        print(exc.reason, "main.go:" in exc.stack)
    """
    assert ends.run(code).stdout == "in main True\n"


def test_panic_in_main_as_program(ends: Child, judge: Judge, tmp_path: Path) -> None:
    """With as_program a panic in main ends the process as an ordinary program's does."""
    code = (
        RECORDS
        + """
runtime.on_departure(departs, as_program=True)
runtime.run("main", args=["ends", "panic"])
"""
    )
    done = end(ends, code, tmp_path / "s.trace", status=2)
    assert done.stdout == "Departure(kind='panic', code=2) flightrec-departures\n"
    assert done.stderr.startswith("panic: in main\n\ngoroutine ")
    events = judge.events(tmp_path / "s.trace")
    assert any(e.kind == "Log" and e.value("Category") == "last" for e in events)


def test_core_dump_is_respected(ends: Child) -> None:
    """GOTRACEBACK=crash has a panic abort the process, as it has with an ordinary program."""
    code = """
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    runtime = flightrec.load()
    runtime.on_departure(print, as_program=True)
    runtime.run("main", args=["ends", "panic"])
    """
    done = ends.run(code, env={"GOTRACEBACK": "crash"}, check=False)
    assert done.returncode == -signal.SIGABRT
    assert done.stdout == "Departure(kind='panic', code=2)\n"
