"""The fixtures ``go_program`` and ``go_program_factory``."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import DEADLINE, until
from tests.helpers_go import Judge
from tests.helpers_run import PROGRAMS
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

#: At the begin of the projects' tests.
CODE = """
import http.client
import os
import pathlib
import time
import pytest

os.environ["ANSWERS_ADDRESS"] = "127.0.0.1:0"
READY = r"^listening on 127.0.0.1:(\\d+)$"

def get(program, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", int(program.ready[1]))
    connection.request("GET", path)
    return connection.getresponse().read().decode().strip()
"""


@pytest.fixture
def program(project: Project, libraries: Callable[[str], Path]) -> Project:
    """Return a project whose folder has the program ``answers``, as a library."""
    (project.pytester.path / "answers.so").symlink_to(libraries("answers"))
    return project


def write(project: Project, code: str) -> None:
    """Write a project's tests."""
    project.write(code)
    path = project.pytester.path / "test_it.py"
    path.write_text(CODE + path.read_text(encoding="utf-8"), encoding="utf-8")


def test_life(program: Project, judge: Judge) -> None:
    """A program is ready, answers, is dumped, and leaves output, status and window at its end."""
    write(
        program,
        """
        def test_it(go_program):
            program = go_program("answers.so", "well", ready_line=READY)
            assert program.running and program.returncode is None
            folder = get(program, "/first")
            assert folder != os.getcwd() and os.listdir(folder) == []
            assert program.wait_for_line("asked for").string == "asked for /first"
            assert program.dump().stat().st_size > 0
            program.dump().rename("running.trace")
            assert program.window().events
            assert program.stop() == 0
            assert program.out.splitlines()[1:] == ["bye"]
            assert program.err == "asked for /first\\n"
            program.snapshot.rename("ended.trace")
        """,
    )
    program.run().assert_outcomes(passed=1)
    for name in ("running.trace", "ended.trace"):
        judge.check(program.pytester.path / name)
    assert not program.folders()


def test_what_a_failure_leaves(program: Project, judge: Judge) -> None:
    """Each program's window, metadata, summary and output are kept of a test that fails."""
    write(
        program,
        """
        def test_fails(go_program):
            one = go_program("answers.so", "well", ready_line=READY)
            two = go_program("answers.so", "well", ready_line=READY)
            get(one)
            two.stop()
            assert 0

        def test_passes(go_program):
            go_program("answers.so", "well", ready_line=READY)
        """,
    )
    done = program.run("--junitxml=r.xml", "-o", "junit_logging=all")
    done.assert_outcomes(passed=1, failed=1)
    (folder,) = program.folders()
    assert {path.name for path in folder.iterdir()} == {
        *("call-answers.trace", "call-answers.json", "call-answers.txt"),
        *("call-answers.stdout", "call-answers.stderr"),
        *("call-answers-2.trace", "call-answers-2.json", "call-answers-2.txt"),
        "call-answers-2.stdout",
    }
    for path in program.traces():
        judge.check(path)
    running, ended = (
        program.facts("test_fails", stem) for stem in ("call-answers", "call-answers-2")
    )
    for facts in (running, ended):
        assert facts["reasons"][0]["reason"].startswith("call failed: ")
        assert facts["test"]["node_id"] == "test_it.py::test_fails"
        assert facts["program"]["arguments"] == ["well"]
    assert (running["program"]["status"], ended["program"]["status"]) == (None, 0)
    done.stdout.fnmatch_lines(
        [
            "*Captured stdout of answers -*",
            "listening on *",
            "*Captured stderr of answers -*",
            "asked for /",
            "*Captured stdout of answers-2 -*",
            "bye",
            f"The last * s of answers: {folder}/call-answers.trace",
            f"The last * s of answers: {folder}/call-answers-2.trace",
        ]
    )
    report = (program.pytester.path / "r.xml").read_text(encoding="utf-8")
    assert f'<property name="flightrec" value="{folder}"' in report
    assert "asked for /" in report


def test_does_not_get_ready(program: Project) -> None:
    """A program that ends early, says nothing or finds its port taken fails the test, with why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write(
            program,
            f"""
            def test_ends(go_program):
                address = {{"ANSWERS_ADDRESS": "127.0.0.1:{port}"}}
                go_program("answers.so", "well", ready_line=READY, env=address)

            def test_says_nothing(go_program):
                go_program("answers.so", "well", ready_line="never", timeout=0.2)

            def test_port_is_silent(go_program):
                go_program("answers.so", "well", ready_port=("127.0.0.1", 1), timeout=0.2)

            def test_port_is_taken(go_program):
                go_program("answers.so", "well", ready_port={port})
            """,
        )
        done = program.run("--tb=short")
    done.assert_outcomes(failed=4)
    done.stdout.fnmatch_lines(
        [
            "E *answers ended with status 3 before it printed a line *address already in use",
            "E *answers has not printed a line with 'never' within 0.2 s; it still runs*",
            "E *answers has not listened on 127.0.0.1:1 within 0.2 s; it still runs*",
            f"E *something else listens on localhost:{port} already*",
        ]
    )
    assert "pytest_plugin" not in done.stdout.str().replace("pytest_plugin.program.Pro", "")


def test_ready_port(program: Project) -> None:
    """A program is ready once its port is open."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    write(
        program,
        f"""
        def test_it(go_program):
            address = {{"ANSWERS_ADDRESS": "127.0.0.1:{port}"}}
            program = go_program("answers.so", "well", ready_port={port}, env=address)
            http.client.HTTPConnection("127.0.0.1", {port}).request("GET", "/")
            program.wait_for_line("asked for /")
        """,
    )
    program.run().assert_outcomes(passed=1)


def test_bad_ends(program: Project, judge: Judge) -> None:
    """What goes wrong with a program is said once, in the test's own terms; its window is kept."""
    write(
        program,
        """
        def test_crashes(go_program):
            program = go_program("answers.so", "well", ready_line=READY)
            with pytest.raises(ConnectionError):
                get(program, "/panics")

        def test_crash_is_expected(go_program):
            program = go_program("answers.so", "well", ready_line=READY)
            with pytest.raises(ConnectionError):
                get(program, "/panics")
            assert program.wait() == 2

        def test_deaf(go_program):
            program = go_program("answers.so", "deaf", ready_line=READY)
            program.stop(timeout=0.5)

        def test_dump_is_late(go_program):
            program = go_program("answers.so", "well", ready_line=READY)
            program.stop()
            program.dump()

        def test_no_such_package(go_program):
            go_program("./nothing")
        """,
    )
    done = program.run("--tb=short")
    done.assert_outcomes(passed=2, failed=3, errors=1)
    done.stdout.fnmatch_lines(
        [
            "answers ended with status 2 during the test: panic: it was asked to*",
            "E *answers did not end within 0.5 s of SIGTERM, and was killed*",
            "E *answers ended with status 0: its window until then is its snapshot*",
            "E *ToolchainError: there is no folder *nothing",
        ]
    )
    done.stdout.no_fnmatch_line("During handling of*")
    done.stdout.no_fnmatch_line("*flightrec/pytest_plugin/*.py:*")
    judge.check(program.folder("test_crashes") / "teardown-answers.trace")
    judge.check(program.folder("test_deaf") / "call-answers.trace")


def test_factory(program: Project) -> None:
    """A program of a wider scope lives through its tests; its window is kept of those that fail."""
    write(
        program,
        """
        @pytest.fixture(scope="module")
        def server(go_program_factory):
            with go_program_factory("answers.so", "well", ready_line=READY) as program:
                yield program
            assert program.returncode == 0

        def test_one(server):
            get(server, "/one")
            assert 0

        def test_two(server):
            server.wait_for_line("asked for /one")
        """,
    )
    program.run("-p", "no:randomly").assert_outcomes(passed=1, failed=1)
    assert [path.parent.name[:17] for path in program.traces()] == ["test_it-test_one-"]


def test_hang(program: Project, judge: Judge) -> None:
    """--flightrec-hang keeps the windows of the programs, without a Go runtime of the tests."""
    write(
        program,
        """
        def test_hangs(go_program):
            go_program("answers.so", "well", ready_line=READY)
            while not list(pathlib.Path("flightrec-results").glob("*/hang-answers.txt")):
                time.sleep(0.01)
        """,
    )
    program.run("--flightrec-hang=0.4").assert_outcomes(passed=1)
    judge.check(program.folder("test_hangs") / "hang-answers.trace")


@pytest.mark.parametrize("end", ["SIGTERM", "os._exit"])
def test_no_program_is_left(program: Project, judge: Judge, end: str) -> None:
    """A program ends with the tests, however they end; at SIGTERM its window is kept."""
    write(
        program,
        f"""
        def test_ends(go_program):
            program = go_program("answers.so", "well", ready_line=READY)
            pathlib.Path("pid").write_text(str(program.pid))
            if {end == "SIGTERM"}:
                os.kill(os.getpid(), 15)
            os._exit(7)
        """,
    )
    status = program.run().ret
    with _watched(int((program.pytester.path / "pid").read_text())) as gone:
        until(gone, "the program ended")
    if end == "os._exit":
        assert status == 7
        return
    assert status == -signal.SIGTERM
    judge.check(program.folder("test_ends") / "interrupt-answers.trace")


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[Callable[[], bool]]:
    def gone() -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return state == "Z"  # nobody has asked for its status

    try:
        yield gone
    finally:
        if not gone():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(
    importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed"
)
def test_package(project: Project) -> None:
    """A package is built where the ini file is, once a session, once for all its workers."""
    shutil.copytree(PROGRAMS / "answers", project.pytester.path / "answers")
    write(
        project,
        """
        @pytest.mark.parametrize("n", range(4))
        def test_it(go_program, n, worker_id):
            program = go_program("./answers", "well", ready_line=READY)
            assert get(program)
            assert program.stop() == 0
            library = program.facts["library"]
            line = f"{worker_id} {library} {os.stat(library).st_mtime_ns}"
            pathlib.Path(f"built-{n}").write_text(line)
        """,
    )
    project.run("-n", "2", timeout=5 * DEADLINE).assert_outcomes(passed=4)
    told = {path.read_text() for path in project.pytester.path.glob("built-*")}
    workers, libraries = zip(*(line.split(" ", 1) for line in told), strict=True)
    assert set(workers) == {"gw0", "gw1"}
    assert len(set(libraries)) == 1
