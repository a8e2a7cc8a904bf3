"""Fixtures for all tests, and the check that no test leaves anything running."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import flightrec
from flightrec import library, recording
from flightrec.toolchain import Toolchain
from tests import helpers, helpers_go, helpers_run

# `make fuzz` chooses the second one; a busy machine is no failure.
hypothesis.settings.register_profile("flightrec", deadline=None, max_examples=1000)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=100_000)
hypothesis.settings.load_profile("flightrec")

# A shell without job control starts what it puts in the background with SIGINT and SIGQUIT ignored,
# nohup with SIGHUP; the children of the tests would inherit that.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        by_default = signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        signal.signal(_number, by_default)

_outcome = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether the test itself went wrong."""
    report = yield
    if report.when == "call":
        item.stash[_outcome] = report.failed
    return report


def _leftovers() -> list[str]:
    loaded = library._loaded
    if loaded is None or library.is_forked():
        return []
    found = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread.name.startswith("flightrec-")
        and thread.name not in ("flightrec-workloads", "flightrec-news")  # which stay
    ]
    if sessions := loaded.cdll.flightrec_session_count():
        found.append(f"{sessions} sessions of the bridge")
    if generations := loaded.cdll.flightrec_generation_count():
        found.append(f"{generations} generations in native memory")
    if workloads := loaded.cdll.flightrec_workload_count():
        found.append(f"{workloads} workloads")
    return found


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after each test that no session, workload or thread of the bridge is left."""
    yield
    found = _leftovers()
    if found:
        gc.collect()  # a snapshot in a reference cycle is no leak
        found = _leftovers()
    if not found:
        return
    for left in list(recording._running):  # so that only this test fails
        with contextlib.suppress(Exception):
            left.close()
    if not request.node.stash.get(_outcome, False):
        pytest.fail(f"the test left behind: {', '.join(found)}", pytrace=False)


@pytest.fixture(scope="session")
def runtime() -> flightrec.GoRuntime:
    """Load the Go library: the bundled one, or that of FLIGHTREC_LIBRARY."""
    try:
        return flightrec.load()
    except flightrec.LibraryLoadError as exc:
        pytest.fail(
            f"these tests need the Go library: {exc} Build it with `make`, or name one in "
            "FLIGHTREC_LIBRARY.",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def go_minor(runtime: flightrec.GoRuntime) -> int:
    """26 if the loaded library is of Go 1.26."""
    return helpers_go.minor(runtime.go_version)


MakeRecorder = Callable[..., flightrec.FlightRecorder]


@pytest.fixture
def make_recorder(runtime: flightrec.GoRuntime) -> Iterator[MakeRecorder]:
    """Return a function that makes recorders; those still started at the end are stopped."""
    made: list[flightrec.FlightRecorder] = []

    def make(**options: Any) -> flightrec.FlightRecorder:
        recorder = flightrec.FlightRecorder(runtime, **options)
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        if recorder.enabled:
            with contextlib.suppress(flightrec.FlightRecorderError):
                recorder.stop()


@pytest.fixture
def recorder(make_recorder: MakeRecorder) -> flightrec.FlightRecorder:
    """Return a recorder that is started, with a small window."""
    recorder = make_recorder(max_bytes=1 << 20)
    recorder.start()
    return recorder


@pytest.fixture(scope="session")
def go(go_minor: int) -> Toolchain:
    """Find a Go toolchain that can read what the loaded library writes, or skip the test."""
    return helpers_go.reading_toolchain(go_minor)


@pytest.fixture(scope="session")
def judge(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> helpers_go.Judge:
    """Return what has Go, and our own reader, read a trace."""
    return helpers_go.Judge(go, tmp_path_factory.mktemp("judge"))


@pytest.fixture(scope="session")
def go_library(pytestconfig: pytest.Config, runtime: flightrec.GoRuntime) -> Path:
    """Build the test library ``tests/data/golib``, for child processes; kept between runs."""
    return helpers_go.build_test_library(pytestconfig.cache, runtime.go_version)


@pytest.fixture
def child(runtime: flightrec.GoRuntime) -> helpers.Child:
    """Return what runs Python code in a child process, with the library loaded here."""
    return helpers.Child(runtime.path)


@pytest.fixture
def go_child(go_library: Path) -> helpers.Child:
    """Return what runs Python code in a child process, with the test library."""
    return helpers.Child(go_library)


@pytest.fixture(scope="session")
def libraries(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what builds one of the programs in ``tests/data/go/programs``, once."""
    return helpers_run.Libraries(go, tmp_path_factory.getbasetemp())
