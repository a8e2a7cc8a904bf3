"""--instrument: requests and database operations of an unmodified program are seen in traces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flightrec.errors import ToolchainError
from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from tests.helpers import Child
from tests.helpers_go import Event, Judge
from tests.helpers_run import PROGRAMS

pytestmark = pytest.mark.go_versions


@pytest.fixture(scope="session")
def serves(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Child:
    """Build the web server with both packages instrumented; run Python code that loads it."""
    library = tmp_path_factory.mktemp("serves") / "libserves.so"
    instrument = ("net/http", "database/sql")
    built = build(PROGRAMS / "serves", library, go=go.go, instrument=instrument)
    assert [str(each) for each in built.overlays if each.missing] == []
    return Child(library)


CODE = """
runtime = flightrec.load()
arguments = __import__("json").loads(sys.argv[1])
with flightrec.FlightRecorder(runtime) as recorder:
    for answer in runtime.run("visit", **arguments):
        print(answer)
    recorder.write_to(sys.argv[2])
"""


def visit(
    child: Child, judge: Judge, folder: Path, *requests: str, **arguments: bool
) -> tuple[list[str], list[Event]]:
    """Make requests; return the answers and the trace's events."""
    pairs = [request.split() for request in requests]
    text = json.dumps({"Requests": pairs, **arguments})
    done = child.run(CODE, text, folder / "s.trace", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), judge.events(folder / "s.trace")


def names(events: list[Event], kind: str) -> list[str]:
    """Return the types of the tasks or regions that begin."""
    return [event.value("Type") for event in events if event.kind == kind]


def test_requests_are_tasks(serves: Child, judge: Judge, tmp_path: Path) -> None:
    """A request is a task by method and route; the path, the query and odd methods are not told."""
    requests = ("GET /items/secret?q=secret", "POST /fails", "BREW /fails", "GET /nowhere")
    answers, events = visit(serves, judge, tmp_path, *requests)
    assert answers[0] == "HTTP/1.1 200 OK secret"
    tasks = [name for name in names(events, "TaskBegin") if name.startswith("http ")]
    assert tasks == ["http GET /items/{id}", "http POST /fails", "http OTHER /fails", "http GET"]
    assert not any("secret" in event.text for event in events)


def test_handlers_around_the_mux(serves: Child, judge: Judge, tmp_path: Path) -> None:
    """Behind middleware the task has the method, and a region the route."""
    _, events = visit(serves, judge, tmp_path, "GET /items/1", Wrapped=True)
    assert "http GET" in names(events, "TaskBegin")
    assert "http GET /items/{id}" in names(events, "RegionBegin")


def test_http2(serves: Child, judge: Judge, tmp_path: Path) -> None:
    """HTTP/2 requests are tasks as well."""
    answers, events = visit(serves, judge, tmp_path, "GET /items/1", HTTP2=True)
    assert answers == ["HTTP/2.0 200 OK 1"]
    assert "http GET /items/{id}" in names(events, "TaskBegin")


def test_client_and_database(serves: Child, judge: Judge, tmp_path: Path) -> None:
    """Round trips are regions; database operations are regions of the request's task."""
    _, events = visit(serves, judge, tmp_path, "GET /items/1")
    begun = names(events, "RegionBegin")
    assert any(name.startswith("http client GET 127.0.0.1:") for name in begun)
    (task,) = [e.value("ID") for e in events if e.text.startswith("ID=") and "items" in e.text][:1]
    operations = [e for e in events if e.kind == "RegionBegin" and "sql " in e.text]
    assert [e.value("Type") for e in operations] == ["sql wait", "sql begin", "sql exec"]
    assert {e.value("Task") for e in operations} == {task}


def test_handler_that_panics(serves: Child, judge: Judge, tmp_path: Path) -> None:
    """A handler that panics ends its task, and the server does what it always does."""
    answers, events = visit(serves, judge, tmp_path, "GET /panics", "GET /items/1")
    assert answers[0] == "no answer"
    assert answers[1].startswith("HTTP/1.1 200 OK")
    assert names(events, "TaskBegin").count("http GET /panics") == names(events, "TaskEnd").count(
        "http GET /panics"
    )


@pytest.mark.parametrize("http2", [False, True])
def test_rules_on_requests_fire(serves: Child, tmp_path: Path, http2: bool) -> None:
    """'http status >= 500' fires for a request that failed, over HTTP/1 and 2."""
    code = """
    runtime = flightrec.load()
    fired = threading.Event()
    with flightrec.FlightRecorder(runtime) as recorder:
        rule = "http status >= 500"
        recorder.when(rule, sys.argv[1], arm_after=0, on_saved=lambda saved: fired.set())
        requests = [["GET", "/items/1"], ["GET", "/fails"]]
        runtime.run("visit", Requests=requests, HTTP2=sys.argv[2] == "True")
        print(fired.wait(60))
    """
    assert serves.run(code, tmp_path / "snapshots", http2).stdout == "True\n"


def test_package_that_cannot_be_instrumented(tmp_path: Path) -> None:
    """What cannot be instrumented is refused with the names of what can."""
    with pytest.raises(ToolchainError, match="cannot instrument fmt, only net/http, database/sql"):
        build(PROGRAMS / "serves", tmp_path / "lib.so", instrument=["fmt"])


def test_without_http2(go: Toolchain, tmp_path: Path) -> None:
    """A program that leaves HTTP/2 out by its build tag can be instrumented."""
    library = tmp_path / "lib.so"
    build(
        PROGRAMS / "serves", library, go=go.go, instrument=["net/http"], tags=["nethttpomithttp2"]
    )
    assert library.exists()
