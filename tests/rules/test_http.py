"""Rules on the requests of an unmodified Go web server, built with ``--instrument net/http``."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from flightrec.trace import explain
from tests.helpers import DEADLINE, until
from tests.helpers_go import Judge
from tests.helpers_run import PROGRAMS, Runner, Running

PRIVATE = "a-secret-of-the-client"


@pytest.fixture(scope="session")
def shop(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the web server, once."""
    library = tmp_path_factory.mktemp("shop") / "libshop.so"
    build(PROGRAMS / "shop", library, go=go.go, instrument=("net/http",))
    return library


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def serve(runner: Runner, shop: Path, *rules: str) -> tuple[Running, http.client.HTTPConnection]:
    """Start the server with rules that save at once, and connect to it."""
    options: list[str | Path] = ["-d", runner.folder / "snapshots", "--arm-after", "0"]
    options += ["--min-interval", "0", "--per-rule", "0", "--tail", "200ms"]
    for rule in rules:
        options += ["--when", rule]
    program = runner.start(shop, options=options)
    host, _, port = program._lines.get(timeout=DEADLINE).decode().strip().rpartition(":")
    return program, http.client.HTTPConnection(host, int(port), timeout=DEADLINE)


def get(connection: http.client.HTTPConnection, path: str) -> int:
    """Ask for a page; return the status."""
    connection.request("GET", path)
    with connection.getresponse() as response:
        response.read()
        return response.status


def reasons(path: Path) -> list[dict[str, Any]]:
    """What asked for a snapshot."""
    found: list[dict[str, Any]] = json.loads(path.with_suffix(".json").read_text())["reasons"]
    return found


def test_slow_requests(runner: Runner, shop: Path, judge: Judge) -> None:
    """Of a thousand requests the slow ones leave snapshots, with the request and what followed."""
    program, connection = serve(runner, shop, "http slower than 2s")
    folder = runner.folder / "snapshots"
    for number in range(1000):
        took = "2100ms" if number == 500 else "0s"
        assert get(connection, f"/items/{number}?took={took}&key={PRIVATE}") == 200
    connection.close()
    until(lambda: list(folder.glob("*.trace")), "it is saved")
    assert program.finish().status == 0
    (path,) = folder.glob("*.trace")
    (reason,) = reasons(path)
    event = reason["event"]
    assert event["name"] == "GET /items/{id}"
    assert event["status"] == 200
    assert event["end_ns"] - event["start_ns"] > 2e9
    assert PRIVATE not in path.with_suffix(".json").read_text()
    assert PRIVATE.encode() not in path.read_bytes()
    tasks = [e for e in judge.events(path) if e.kind == "TaskBegin"]
    assert any('Type="http GET /items/{id}"' in task.text for task in tasks)
    window = json.loads(path.with_suffix(".json").read_text())["window"]
    assert window["end_ns"] - event["end_ns"] >= 200e6


def test_failed_requests(runner: Runner, shop: Path, judge: Judge) -> None:
    """An answer of 503 leaves a snapshot, explained by that request; one of 404 does not."""
    program, connection = serve(runner, shop, "http status >= 500")
    assert get(connection, "/nothing") == 404
    assert get(connection, "/broken") == 503
    connection.close()
    folder = runner.folder / "snapshots"
    until(lambda: list(folder.glob("*.trace")), "it is saved")
    assert program.finish().status == 0
    (path,) = folder.glob("*.trace")
    judge.check(path)
    assert [r["event"]["status"] for r in reasons(path)] == [503]
    told = str(explain(path))
    assert told.startswith("Saved because http GET /broken")
    assert "'http GET /broken' took" in " ".join(told.split())
