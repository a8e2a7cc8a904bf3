"""Workloads: Go functions called from Python, with their results, errors and panics."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import flightrec
from flightrec import WorkloadError
from tests.helpers import DEADLINE, Child, Thread, running, together

BUNDLED = {
    "gc_churn": "allocations",
    "http_server": "requests",
    "idle": "goroutines",
    "mutex": "acquisitions",
    "pingpong": "roundtrips",
    "syscalls": "operations",
}

# ---- the bundled ones


def test_names(runtime: flightrec.GoRuntime) -> None:
    """The bundled workloads are there, sorted."""
    names = runtime.workloads()
    assert list(names) == sorted(names)
    assert set(BUNDLED) <= set(names)


@pytest.mark.matrix
@pytest.mark.parametrize("name", BUNDLED)
def test_bundled(runtime: flightrec.GoRuntime, name: str) -> None:
    """Each bundled workload runs for as long as it was asked to, and says how much it did."""
    result = runtime.run(name, duration=0.05)
    if not result[BUNDLED[name]]:  # on a busy machine
        result = runtime.run(name, duration=5)
    assert result[BUNDLED[name]] > 0


@pytest.mark.matrix
@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_can_be_cancelled(runtime: flightrec.GoRuntime, name: str) -> None:
    """Each bundled workload ends soon after it is cancelled, with what it did until then."""
    handle = runtime.start(name, duration=600)
    assert not handle.done
    handle.cancel()
    assert isinstance(handle.result(DEADLINE), dict)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"no_such": 1}, "there is no argument no_such; there is duration, "),
        ({"duration": "long"}, 'duration must be a number, not "long"'),
        ({"duration": -1}, "duration must be at least 0, not -1"),
    ],
)
def test_bundled_with_bad_arguments(
    runtime: flightrec.GoRuntime, name: str, arguments: dict[str, Any], reason: str
) -> None:
    """A misspelt or impossible argument is an error that says which."""
    with pytest.raises(WorkloadError, match=reason) as caught:
        runtime.run(name, **arguments)
    assert caught.value.workload == name
    assert caught.value.reason.startswith("bad arguments: ")


def test_negative_number(runtime: flightrec.GoRuntime) -> None:
    """A number that must be positive and is not is named."""
    with pytest.raises(WorkloadError, match="pairs must be at least 1, not -3"):
        runtime.run("pingpong", pairs=-3, duration=1)


# ---- handles


def test_unknown(runtime: flightrec.GoRuntime) -> None:
    """An unknown name is an error that says which there are."""
    for call in (runtime.run, runtime.start):
        with pytest.raises(WorkloadError, match=r'no workload "nope" is registered.*pingpong') as e:
            call("nope")
        assert e.value.workload == "nope"
    with pytest.raises(TypeError):
        runtime.run("pingpong", pairs=object())


def test_handle(runtime: flightrec.GoRuntime) -> None:
    """A handle says whether it is done, waits with and without a limit, and keeps its result."""
    handle = runtime.start("pingpong", pairs=1, duration=600)
    assert handle.name == "pingpong"
    assert repr(handle) == "<WorkloadHandle 'pingpong' running>"
    assert not handle.done
    assert not handle.wait(0)
    assert not handle.wait(0.01)
    with pytest.raises(TimeoutError, match=r"'pingpong' did not finish within 0\.01 s"):
        handle.result(0.01)
    handle.cancel()
    assert handle.wait(DEADLINE)
    assert handle.done
    assert handle.result() == handle.result()
    assert repr(handle) == "<WorkloadHandle 'pingpong' done>"
    handle.cancel()  # does nothing
    assert handle.wait()


def test_result_from_many_threads(runtime: flightrec.GoRuntime) -> None:
    """Any number of threads may wait for one workload; each gets its result."""
    handle = runtime.start("pingpong", pairs=1, duration=600)
    waiting = [Thread(handle.result, DEADLINE) for _ in range(8)]
    handle.cancel()
    results = [thread.result() for thread in waiting]
    assert all(result == results[0] for result in results)


def test_many_at_once(runtime: flightrec.GoRuntime) -> None:
    """Many workloads from many threads each get their own result."""

    def work(number: int) -> list[int]:
        return [
            runtime.run("idle", goroutines=100 * number + turn + 1, duration=0.001)["goroutines"]
            for turn in range(25)
        ]

    for number, got in enumerate(together(8, work)):
        assert got == [100 * number + turn + 1 for turn in range(25)]


def test_cancel_races_with_the_end(runtime: flightrec.GoRuntime) -> None:
    """A cancel that comes when the workload is just done does nothing."""

    def work(_: int) -> None:
        for _ in range(50):
            handle = runtime.start("idle", goroutines=1, duration=0.0001)
            handle.cancel()
            assert handle.result(DEADLINE) == {"goroutines": 1}

    assert together(4, work) == [None] * 4


def test_handle_that_is_thrown_away(runtime: flightrec.GoRuntime) -> None:
    """A workload whose handle nobody keeps runs to its end, and nothing of it stays."""
    from tests.helpers import until

    runtime.start("idle", goroutines=1, duration=0.01)
    until(lambda: runtime.cdll.flightrec_workload_count() == 0, "it ends by itself")


def test_one_waiting_thread(runtime: flightrec.GoRuntime) -> None:
    """However many workloads run, one thread of Python's waits for them."""
    with running(runtime, "idle"), running(runtime, "idle"), running(runtime, "idle"):
        names = [thread.name for thread in threading.enumerate()]
    assert names.count("flightrec-workloads") == 1


def test_main_thread_is_not_blocked(runtime: flightrec.GoRuntime) -> None:
    """While one thread waits for a workload, others run."""
    with running(runtime, "idle", goroutines=1) as handle:
        waiting = Thread(handle.result)
        assert runtime.run("idle", goroutines=2, duration=0.001) == {"goroutines": 2}
        assert waiting.running
    assert waiting.result() == {"goroutines": 1}


# ---- what Go code can do to us


@pytest.mark.matrix
def test_errors_and_panics(go_child: Child) -> None:
    """Errors, panics, Goexit and results that are no JSON each become their own exception."""
    go_child.run(
        r"""
        runtime = flightrec.load()

        def fails(kind, name, **arguments):
            try:
                result = runtime.run(name, **arguments)
            except kind as exc:
                assert type(exc) is kind, exc
                assert exc.workload == name
                return exc
            raise SystemExit(f"{name} returned {result!r}")

        exc = fails(flightrec.WorkloadError, "error", text="so \u00e4nd \U0001f600 \x00 so")
        assert exc.reason.startswith("so \u00e4nd \U0001f600"), exc.reason
        assert str(exc).startswith("workload 'error' failed: so"), exc

        exc = fails(flightrec.WorkloadPanicError, "panic")
        assert exc.reason == "as the test wants", exc.reason
        assert str(exc) == "workload 'panic' panicked: as the test wants"
        assert "panicWith" in exc.stack and "main.go" in exc.stack, exc.stack

        exc = fails(flightrec.WorkloadPanicError, "panic_nil_map")
        assert "assignment to entry in nil map" in exc.reason

        exc = fails(flightrec.WorkloadError, "goexit")
        assert "runtime.Goexit" in exc.reason

        exc = fails(flightrec.WorkloadError, "unmarshallable")
        assert "cannot be given to Python" in exc.reason

        handle = runtime.start("block")
        handle.cancel()
        try:
            handle.result(50)
        except flightrec.WorkloadError as exc:
            assert str(exc) == "workload 'block' was cancelled: context canceled", exc
        else:
            raise SystemExit("no error")
        assert runtime.cdll.flightrec_workload_count() == 0
        """
    )


@pytest.mark.matrix
def test_values(go_child: Child) -> None:
    """Arguments reach Go, and results Python, as JSON has them, whatever their size."""
    go_child.run(
        r"""
        runtime = flightrec.load()
        values = dict(a=1, b=[1.5, None, True], c={"d": "\u00e4\U0001f600\x00\n\"'"}, e=2**53,
                      f="x" * 100_000)
        assert runtime.run("echo", **values) == values
        assert runtime.run("echo") == {}
        for length in (0, 4093, 4094, 4095, 4096, 4097, 1_000_000):
            assert runtime.run("long_text", bytes=length) == "a" * length
        exc = None
        try:
            runtime.run("error", text="e" * 10_000)
        except flightrec.WorkloadError as exc:
            assert exc.reason.startswith("e" * 4000)
        """
    )


@pytest.mark.matrix
def test_error_that_panics(go_child: Child) -> None:
    """An error whose Error method panics, a typed nil say, is an error; the process lives."""
    go_child.run(
        """
        runtime = flightrec.load()
        try:
            runtime.run("nil_error")
        except flightrec.WorkloadError as exc:
            assert type(exc) is flightrec.WorkloadError
            assert "*main.nilError, whose Error method panics: runtime error" in exc.reason, exc
        else:
            raise SystemExit("no error")
        assert runtime.run("echo", a=1) == {"a": 1}
        """
    )


@pytest.mark.parametrize("name", ["many_digits", "deep"])
def test_result_that_python_cannot_read(go_child: Child, name: str) -> None:
    """A result that json refuses is an error for who asks for it; other workloads go on."""
    go_child.run(
        """
        sys.setrecursionlimit(200)
        if hasattr(sys, "set_int_max_str_digits"):
            sys.set_int_max_str_digits(1000)
        elif sys.argv[1] == "many_digits":
            sys.exit()  # a Python without this limit
        runtime = flightrec.load()
        for _ in range(2):
            handle = runtime.start(sys.argv[1])
            for _ in range(2):
                try:
                    handle.result(50)
                except flightrec.WorkloadError as exc:
                    assert str(exc).startswith(f"the result of workload {sys.argv[1]!r}"), exc
                    assert isinstance(exc.__cause__, (ValueError, RecursionError))
                else:
                    raise SystemExit("no error")
            assert runtime.run("echo", a=1) == {"a": 1}
        """,
        name,
    )


def test_no_memory_for_a_result(go_child: Child) -> None:
    """A result for which there is no memory is an error for who asks for it; others go on."""
    go_child.run(
        """
        from flightrec import workload
        runtime = flightrec.load()
        make = workload.ctypes.create_string_buffer
        def no_memory(size):
            if size > 100_000:
                raise MemoryError
            return make(size)
        workload.ctypes.create_string_buffer = no_memory
        try:
            runtime.run("long_text", bytes=200_000)
        except MemoryError:
            pass
        else:
            raise SystemExit("no error")
        assert runtime.run("long_text", bytes=1000) == "a" * 1000
        assert runtime.cdll.flightrec_workload_count() == 0
        """
    )


def test_thread_that_cannot_start(go_child: Child) -> None:
    """Where Python cannot start a thread, start says so and starts nothing; later it works."""
    go_child.run(
        """
        runtime = flightrec.load()
        start = threading.Thread.start
        def refuse(self):
            raise RuntimeError("can't start new thread")
        threading.Thread.start = refuse
        for call in (lambda: runtime.run("echo"), lambda: runtime.on_departure(print)):
            try:
                call()
            except flightrec.FlightRecorderError as exc:
                assert "can't start new thread" in str(exc)
            else:
                raise SystemExit("no error")
        assert runtime.cdll.flightrec_workload_count() == 0
        threading.Thread.start = start
        assert runtime.run("echo", a=1) == {"a": 1}
        """
    )


@pytest.mark.matrix
def test_workload_that_never_ends(go_child: Child) -> None:
    """A workload that does not heed its context can be left alone."""
    go_child.run(
        """
        runtime = flightrec.load()
        handle = runtime.start("block_forever")
        handle.cancel()
        assert not handle.wait(0.05)
        assert runtime.run("echo", a=1) == {"a": 1}
        with flightrec.FlightRecorder(runtime) as recorder:
            assert recorder.snapshot().generations
        """
    )
