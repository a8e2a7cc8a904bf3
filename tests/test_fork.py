"""After a fork that Python does not hear of, or at an awkward moment, nothing hangs."""

from __future__ import annotations

import os
import sys

import pytest

from tests.helpers import Child

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

PREAMBLE = """
import ctypes, io, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: what we test

def raw_fork():
    # No hook of Python's runs. PyDLL keeps the GIL, which the child then has.
    faulthandler.cancel_dump_traceback_later()
    return ctypes.PyDLL(None).fork()

def in_child(forks, check):
    pid = forks()
    if pid == 0:
        status = 1
        try:
            check()
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    deadline = time.monotonic() + 40
    while not (done := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            raise SystemExit("the forked child hangs")
        time.sleep(0.001)
    assert done[1] == 0, done

def refused(*calls):
    for call in calls:
        try:
            call()
        except flightrec.ForkedProcessError as exc:
            assert exc.loaded_in == os.getppid()
        else:
            raise AssertionError(call)

"""


@pytest.mark.skipif(sys.platform != "linux", reason="fork of the C library")
@pytest.mark.parametrize("forks", ["fork", "raw_fork"])
def test_every_call_is_refused(child: Child, forks: str) -> None:
    """In a forked child all calls raise ForkedProcessError, also if Python did not hear of it."""
    child.run(
        PREAMBLE
        + f"""
runtime = flightrec.load()
handle = runtime.start("idle", duration=600)
task = runtime.task("before")
def check():
    refused(
        flightrec.load, runtime.workloads, runtime.clock_now, handle.cancel, handle.wait,
        handle.result, lambda: runtime.start("idle"), lambda: runtime.run("idle"),
        lambda: runtime.task("t"), lambda: runtime.setenv("A", "b"),
        lambda: runtime.on_departure(print), lambda: flightrec.load("/other.so"),
    )
    with runtime.region("r"):
        runtime.log("a", "b")
    task.end()
in_child({forks}, check)
handle.cancel()
handle.result(50)
"""
    )


def test_result_from_before(child: Child) -> None:
    """What a workload returned before the fork, the child can still read."""
    child.run(
        PREAMBLE
        + """
handle = flightrec.load().start("idle", goroutines=3, duration=0.001)
handle.wait(50)
def check():
    assert handle.result() == {"goroutines": 3}
in_child(fork, check)
"""
    )


def test_fork_while_locks_are_held(child: Child) -> None:
    """A child that is forked while other threads are inside our calls is refused at once."""
    child.run(
        PREAMBLE
        + """
runtime = flightrec.load()
stop = threading.Event()
def busy():
    while not stop.is_set():
        runtime.run("idle", goroutines=1, duration=0.0001)
        runtime.task("t").end()
        runtime.on_departure(print)
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
def check():
    refused(flightrec.load, lambda: runtime.run("idle"), lambda: runtime.on_departure(print),
            lambda: runtime.task("t"))
for _ in range(30):
    in_child(fork, check)
    time.sleep(0.002)
stop.set()
for thread in threads:
    thread.join()
"""
    )


def test_fork_during_load(child: Child) -> None:
    """A child that is forked while another thread loads the library is refused at once."""
    child.run(
        PREAMBLE
        + """
from flightrec import library
entered, go_on = threading.Event(), threading.Event()
declare = library._declare
def slow(*arguments):
    entered.set()
    go_on.wait(50)
    declare(*arguments)
library._declare = slow
loading = threading.Thread(target=flightrec.load)
loading.start()
entered.wait(50)
in_child(fork, lambda: refused(flightrec.load))
go_on.set()
loading.join()
assert flightrec.load().workloads()
"""
    )


def test_fork_after_a_load_that_failed(child: Child) -> None:
    """A load that failed leaves nothing that a forked child would be refused for."""
    child.run(
        PREAMBLE
        + """
def fails():
    try:
        flightrec.load("/no/such.so")
    except flightrec.LibraryLoadError:
        return
    raise AssertionError
fails()
in_child(fork, lambda: (fails(), flightrec.load().workloads()))
"""
    )
