"""What pytest imports: options, markers and fixtures.

This module is imported in every run of pytest, so it imports nothing but pytest. The rest follows
once a test of the run uses the plugin, or an option of it is given.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from flightrec import FlightRecorder, GoRuntime
    from flightrec.pytest_plugin.programs import ProgramStarter
    from flightrec.pytest_plugin.session import Session

__all__ = [
    "GITIGNORE",
    "LIMITS",
    "MODES",
    "flight_recorder",
    "go_program",
    "go_program_factory",
    "go_runtime",
    "results_folder",
]

MODES: Final = ("off", "on", "retain-on-failure")

_SETTINGS: Final = (
    ("dir", "DIR", "where windows are kept, below the root folder (default: flightrec-results)"),
    ("max_bytes", "SIZE", "size of the window, as 10MiB (default)"),
    ("min_age", "TIME", "how far the window reaches back, as 10s (default)"),
    ("hang", "SECONDS", "keep the window of a test that runs for longer, while it still runs"),
    ("library", "", "the Go library to load, from flightrec build"),
    ("package", "", "the Go package to build and load: ./cmd/server"),
)

#: What ``.gitignore`` says in a folder of results. Traces hold names and log messages of a program,
#: and are large: not for a repository.
GITIGNORE: Final = "*\n"

LIMITS: Final = (
    "go_limits(max_pause, max_scheduling_delay, max_goroutines, no_leak): fail the test if the Go "
    "runtime stopped the world or let a goroutine wait to run for longer (seconds), had more "
    "goroutines at a time, or if goroutines that the test created are left after its tear-down"
)
_HANG: Final = (
    "go_hang(seconds): keep the Go runtime's window of the test once it has run for so long"
)
_FIXTURES: Final = ("go_runtime", "flight_recorder", "go_program", "go_program_factory")
_MARKERS: Final = ("go_limits", "go_hang")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("flightrec", "flight recorder of the Go runtime")
    group.addoption(
        "--flightrec",
        choices=MODES,
        default=None,
        help="record every test, and keep the window of those that fail (retain-on-failure) or of "
        "all (on); off: keep none. By default failures are kept once a test uses a fixture of "
        "flightrec.",
    )
    for name, metavar, text in _SETTINGS:
        if metavar:
            flag = f"--flightrec-{name.replace('_', '-')}"
            group.addoption(flag, metavar=metavar, default=None, help=text)
        parser.addini(f"flightrec_{name}", text, default="")
    parser.addini("flightrec", "the same as --flightrec", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; with an option of the plugin, the hooks around tests."""
    for marker in (LIMITS, _HANG):
        config.addinivalue_line("markers", marker)
    results = results_folder(config)
    if _is_ours(results):  # with many results, looking for tests there would take seconds
        config.addinivalue_line("norecursedirs", _pattern(results))
    names = ["flightrec", *(f"flightrec_{name}" for name, _, _ in _SETTINGS)]
    if any(config.getoption(name, None) or config.getini(name) for name in names):
        _session(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Register the hooks around tests if one of them uses the plugin; read the markers."""
    marked = [item for item in items if any(map(item.get_closest_marker, _MARKERS))]
    used = {name for item in items for name in getattr(item, "fixturenames", ())}
    if marked or not used.isdisjoint(_FIXTURES):
        session = _session(config)
        session.prepare(marked)
        if "go_runtime" in used and session.options.keeps_failures:
            session.records_loaded = True  # the fixture may be the tests' own


def results_folder(config: pytest.Config) -> Path:
    """Return the folder in which tests have theirs."""
    name = config.getoption("flightrec_dir") or str(config.getini("flightrec_dir")).strip()
    return config.rootpath / (name or "flightrec-results")


def _is_ours(folder: Path) -> bool:
    """Whether the plugin has made a folder; another may have tests in it as well."""
    try:
        return (folder / ".gitignore").read_text(encoding="utf-8") == GITIGNORE
    except (OSError, ValueError):
        return False


def _pattern(path: Path) -> str:
    """Return what matches this path only, where pytest expects a pattern."""
    return re.sub(r"([*?[])", r"[\1]", os.path.normpath(path))


def _session(config: pytest.Config) -> Session:
    from flightrec.pytest_plugin.session import session_of

    return session_of(config)


@pytest.fixture(scope="session")
def go_runtime(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> GoRuntime:
    """Load the Go library of the tests, once a session.

    It is the bundled one, or what ``flightrec_library`` or ``flightrec_package`` in the ini file
    name; to load another one, define a fixture of this name.
    """
    from flightrec.pytest_plugin.golibrary import load_runtime

    session = _session(pytestconfig)
    runtime = load_runtime(session.options, _shared(tmp_path_factory))
    session.record(runtime)
    return runtime


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers of pytest-xdist have."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def flight_recorder(pytestconfig: pytest.Config, go_runtime: GoRuntime) -> FlightRecorder:
    """Return the session's recorder, started.

    All tests share it, and it goes on until the session ends: the window of a test may begin with
    those before it. A test may stop it; the next one finds it started, with the options' window.
    """
    return _session(pytestconfig).record(go_runtime)


@pytest.fixture
def go_program(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProgramStarter]:
    """Return a function that runs a Go package's ``main`` in a child process, recorded.

    Call it with the package and the program's arguments; it returns the program once that is ready
    (``ready_line``, ``ready_port``). What still runs after the test is stopped by SIGTERM.
    """
    yield from _starter(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="session")
def go_program_factory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProgramStarter]:
    """Return the same function, for fixtures of any scope: use the program by ``with``."""
    yield from _starter(pytestconfig, tmp_path_factory)


def _starter(
    config: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProgramStarter]:
    from flightrec.errors import FlightRecorderError
    from flightrec.pytest_plugin.programs import ProgramStarter

    session = _session(config)
    starter = ProgramStarter(
        session.options,
        session.programs(),
        _shared(tmp_path_factory),
        lambda: tmp_path_factory.mktemp("go_program"),
    )
    yield starter
    failure = ""
    try:
        starter.close()
    except FlightRecorderError as exc:
        failure = str(exc)
    if failure:  # not in the except block, or the report has it twice
        pytest.fail(failure, pytrace=False)
