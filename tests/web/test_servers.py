"""The recorder in real web services: each configuration that docs/web-services.md describes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import flightrec
from tests.environment import group_python
from tests.helpers import DEADLINE, ROOT, until
from tests.helpers_go import Judge

#: The examples of docs/web-services.md, by the file name that stands in their first line.
EXAMPLES = {
    match[1]: match[0]
    for match in re.finditer(
        r"(?<=```python\n)# (\w+\.py)\n.*?(?=```)",
        (ROOT / "docs" / "web-services.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
}


@pytest.fixture(scope="session")
def python(pytestconfig: pytest.Config) -> Path:
    """Return a Python that has the web servers."""
    return group_python(pytestconfig.cache, "web")


class Services:
    """Starts services in a folder that has the examples, and ends them."""

    def __init__(self, python: Path, folder: Path, library: Path) -> None:
        self.python = python
        self.folder = folder
        self.snapshots = folder / "snapshots"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FLIGHTREC_LIBRARY": str(library),
            "FLIGHTREC_RUNTIME_DIR": str(folder / "run"),
            "PYTHONUNBUFFERED": "1",
        }
        self._started: list[subprocess.Popen[bytes]] = []
        for name, text in EXAMPLES.items():
            (folder / name).write_text(text)

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """Start ``python -m WORDS``; its output goes to a file."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [str(self.python), "-m", *map(str, words)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    @property
    def log(self) -> str:
        """What they have printed."""
        return (self.folder / "log").read_text()

    def close(self) -> None:
        """End what runs still."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(DEADLINE)


@pytest.fixture
def services(python: Path, tmp_path: Path, runtime: flightrec.GoRuntime) -> Iterator[Services]:
    """Return what starts services."""
    services = Services(python, tmp_path, runtime.path)
    yield services
    services.close()


@pytest.fixture
def port() -> int:
    """Return a port that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    """Get a page; return its status and its text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def serves(services: Services, port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a service answers."""

    def answers() -> bool:
        assert process.poll() is None, services.log
        try:
            return get(port, "/items/1")[0] == 200
        except OSError:
            return False

    until(answers, "it answers")


def the_snapshot(services: Services) -> tuple[Path, dict[str, Any]]:
    """Wait for the only snapshot; return it and its metadata."""
    until(lambda: list(services.snapshots.glob("*.trace")), f"a snapshot\n{services.log}")
    (path,) = services.snapshots.glob("*.trace")
    return path, json.loads(path.with_suffix(".json").read_text())


def ends(process: subprocess.Popen[bytes], services: Services) -> None:
    """Fail unless a service ends when it is asked to, without a complaint."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) in (0, -signal.SIGTERM), services.log
    assert "Traceback" not in services.log, services.log


@pytest.mark.parametrize("preload", [False, True], ids=["each worker loads", "preload"])
def test_flask_under_gunicorn(services: Services, port: int, judge: Judge, preload: bool) -> None:
    """Flask under gunicorn, pre-forked: a slow request leaves a snapshot that is named by route."""
    options = ["--workers", "2", "--bind", f"127.0.0.1:{port}", *(["--preload"] * preload)]
    process = services.start("gunicorn", "flask_app:application", *options)
    serves(services, port, process)
    for number in range(20):
        assert get(port, f"/items/{number}") == (200, str(number))
    assert not list(services.snapshots.glob("*.trace"))
    assert get(port, "/slow/17?secret=1")[0] == 200
    path, facts = the_snapshot(services)
    event = facts["reasons"][0]["event"]
    assert (event["name"], event["status"]) == ("GET /slow/<int:number>", 200)
    assert "secret" not in path.with_suffix(".json").read_text()
    events = judge.events(path)
    (task,) = [e for e in events if e.kind == "TaskBegin" and "GET /slow" in e.text]
    work = [e for e in events if e.kind == "Log" and e.value("Task") == task.value("ID")]
    assert any("in the slow request" in e.text for e in work)
    ends(process, services)


def test_flask_failure(services: Services, port: int) -> None:
    """A 500 leaves a snapshot, and the client gets the page that Flask makes of it."""
    process = services.start("gunicorn", "flask_app:application", "-b", f"127.0.0.1:{port}")
    serves(services, port, process)
    assert get(port, "/broken")[0] == 500
    _, facts = the_snapshot(services)
    assert facts["reasons"][0]["event"]["name"] == "GET /broken"
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0, services.log


def test_starlette_under_uvicorn(services: Services, port: int, judge: Judge) -> None:
    """Starlette under uvicorn: the slow request leaves a snapshot that is named by route."""
    process = services.start("uvicorn", "starlette_app:application", "--port", str(port))
    serves(services, port, process)
    for number in range(10):
        assert get(port, f"/items/{number}") == (200, str(number))
    assert get(port, "/slow/17?secret=1")[0] == 200
    path, facts = the_snapshot(services)
    assert facts["reasons"][0]["event"]["name"] == "GET /slow/{number:int}"
    judge.check(path)
    ends(process, services)


def test_go_panic_in_a_worker(
    services: Services, port: int, go_library: Path, judge: Judge
) -> None:
    """A Go panic ends its worker; gunicorn starts another one, and requests go on."""
    services.environment["FLIGHTREC_LIBRARY"] = str(go_library)
    process = services.start("gunicorn", "flask_app:application", "-b", f"127.0.0.1:{port}")
    serves(services, port, process)
    before = int(get(port, "/pid")[1])
    with pytest.raises(OSError, match=r"closed|reset"):
        get(port, "/panic")
    until(lambda: _pid_or_nothing(port) not in (None, before), "another worker answers")
    assert get(port, "/items/1") == (200, "1")
    assert "panic: as the test wants" in services.log
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0, services.log


def _pid_or_nothing(port: int) -> int | None:
    try:
        return int(get(port, "/pid")[1])
    except (OSError, ValueError):
        return None


def test_celery_prefork(services: Services) -> None:
    """A Celery worker with the prefork pool: the recorder starts in the child that runs tasks."""
    for name in ("queue", "control"):
        (services.folder / name).mkdir()
    words: Sequence[str] = ("--pool", "prefork", "--concurrency", "1", "--loglevel", "INFO")
    # There is one worker: it need not look for others.
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    process = services.start("celery", "-A", "celery_app", "worker", *words, *alone)
    ask = "from celery_app import work; work.delay(0.0); work.delay(0.4)"
    subprocess.run(
        [str(services.python), "-c", ask],
        cwd=services.folder,
        env=services.environment,
        check=True,
        timeout=2 * DEADLINE,
    )
    until(lambda: "ready" in services.log or process.poll() is not None, "the worker is ready")
    assert process.poll() is None, services.log
    _, facts = the_snapshot(services)
    assert facts["reasons"][0]["event"]["name"] == "work"
    assert facts["reasons"][0]["event"]["kind"] == "block"
    ends(process, services)
