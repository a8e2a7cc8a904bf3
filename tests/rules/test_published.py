"""Rules on the requests of a published web server, built from its module and run unmodified.

It is go-httpbin: net/http, a ServeMux behind its own logging middleware. 100,000 requests,
and what it costs: ``python -m bench.published``.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from tests.helpers import DEADLINE, until
from tests.helpers_go import Judge
from tests.helpers_run import Runner

SERVER = "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin@v2.18.2"
REQUESTS = 900
EVERY = 300  # of them one is slow
SLOW = "GET /delay/{duration}"


@pytest.fixture
def server(go: Toolchain, pytestconfig: pytest.Config) -> Path:
    """Build the server, or skip the test where its module cannot be downloaded."""
    library = pytestconfig.cache.mkdir("flightrec-published") / "libhttpbin.so"
    try:
        build(SERVER, library, go=go.go, instrument=("net/http",))
    except flightrec.ToolchainError as exc:
        if re.search("cannot download|lookup disabled|dial tcp|no such host", str(exc)):
            pytest.skip(str(exc))
        raise
    return library


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def connect(address: tuple[str, int]) -> http.client.HTTPConnection:
    """Connect to the server as soon as it listens."""
    connection = http.client.HTTPConnection(*address, timeout=DEADLINE)

    def connects() -> bool:
        try:
            connection.connect()
        except OSError:
            return False
        return True

    until(connects, "it listens")
    return connection


def slow_events(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the requests that the snapshots in a folder were saved for."""
    found = []
    for path in sorted(folder.glob("2*.json")):
        with contextlib.suppress(FileNotFoundError):  # it had to make room
            reasons = json.loads(path.read_text())["reasons"]
            found += [(path, reason["event"]) for reason in reasons]
    return found


def is_saved(folder: Path, since_ns: int) -> bool:
    """Say whether there is a snapshot of a slow request that began since a time."""
    events = [event for _, event in slow_events(folder)]
    return any(e["name"] == SLOW and e["start_ns"] >= since_ns for e in events)


def test_slow_requests_of_a_published_server(server: Path, runner: Runner, judge: Judge) -> None:
    """Of a server's requests the slow ones leave snapshots, each with it and what followed."""
    folder = runner.folder / "snapshots"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host, port = probe.getsockname()  # a free port
    options: list[str | Path] = ["--when", "http slower than 50ms", "--tail", "200ms", "-d", folder]
    options += ["--arm-after", "0", "--min-interval", "0", "--per-rule", "0"]
    options += ["--max-snapshots", "2"]
    program = runner.start(server, "-host", host, "-port", str(port), options=options)
    connection = connect((host, port))
    began: list[int] = []
    for number in range(REQUESTS):
        if number % EVERY == EVERY // 2:
            began.append(time.monotonic_ns())
        connection.request("GET", "/delay/0.1" if number % EVERY == EVERY // 2 else "/status/200")
        with connection.getresponse() as response:
            assert response.status == 200
            response.read()
        if number % EVERY == EVERY - 1:
            until(lambda: is_saved(folder, began[-1]), "the slow request's snapshot is saved")
    connection.close()
    program.signal(signal.SIGTERM)
    assert program.finish().status == 0  # it handles the signal
    # A busy machine makes others slow as well; none is kept that was not.
    kept = slow_events(folder)
    assert all(event["end_ns"] - event["start_ns"] > 50e6 for _, event in kept)
    assert len(list(folder.glob("*.trace"))) == 2
    checked = 0
    for path, event in kept:
        if event["name"] == SLOW:
            has_it_and_what_followed(judge, path, event)
            checked += 1
    assert checked


def has_it_and_what_followed(judge: Judge, metadata: Path, event: dict[str, Any]) -> None:
    """Fail unless a snapshot has a request as a task, and later ones."""
    window = json.loads(metadata.read_text())["window"]
    assert window["end_ns"] - event["end_ns"] >= 200e6
    events = judge.events(metadata.with_suffix(".trace"))
    regions = [e for e in events if e.kind == "RegionBegin" and e.value("Type") == f"http {SLOW}"]
    tasks = {e.value("ID"): e for e in events if e.kind == "TaskBegin"}
    # Behind middleware the route is known later: the task has the method, and a region the route.
    assert {tasks[region.value("Task")].value("Type") for region in regions} == {"http GET"}
    ends = [e.kind == "TaskEnd" and e.value("ID") == regions[-1].value("Task") for e in events]
    followed = [e for e in events[ends.index(True) :] if e.kind == "TaskBegin"]
    assert len(followed) > 10
