"""Hands from outside: the control socket, its clients, and what hostile ones can do."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import cli
from flightrec.control import client, places, server
from flightrec.control.server import ControlServer
from flightrec.rules.attach import existing_engine
from tests.helpers import DEADLINE, ROOT, Child, running, together, until
from tests.helpers_go import Judge

pytestmark = pytest.mark.pythons


@pytest.fixture
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for sockets of the test's own."""
    folder = tmp_path / "run"
    monkeypatch.setenv("FLIGHTREC_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def listening(recorder: flightrec.FlightRecorder, runtime_folder: Path) -> Iterator[ControlServer]:
    """A server of a recorder that is started."""
    with ControlServer(recorder) as listening:
        yield listening
    if engine := existing_engine(recorder):
        engine.close()


def main(*words: object) -> int:
    """Run a command line in this process."""
    return cli.main([str(word) for word in words])


def connect(listening: ControlServer) -> socket.socket:
    """Connect as a client that does as it likes."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(DEADLINE)
    connection.connect(str(listening.path))
    return connection


def reply_to(listening: ControlServer, data: bytes) -> dict[str, Any]:
    """Send bytes and read the answer."""
    with connect(listening) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as lines:
            answer: dict[str, Any] = json.loads(lines.readline())
    return answer


def unharmed(listening: ControlServer) -> None:
    """Fail unless the recorder still records and answers."""
    answer = client.ask(listening.path, {"do": "stat"}, timeout=DEADLINE)
    assert answer["enabled"]
    assert answer["pid"] == os.getpid()


# ---- what it is for


def test_dump(
    listening: ControlServer, tmp_path: Path, judge: Judge, capfd: pytest.CaptureFixture[str]
) -> None:
    """A dump is a valid trace in the folder of who asked, for that user only, with metadata."""
    target = tmp_path / "d.trace"
    options = ("--last", "5s", "--reason", "it was slow", "--metadata")
    assert main("dump", os.getpid(), "-o", target, *options) == 0
    judge.check(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    facts = json.loads(target.with_suffix(".json").read_text())
    assert facts["reasons"][0]["reason"] == "it was slow"
    assert facts["window"]["bytes"] == target.stat().st_size
    assert "d.trace" in capfd.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"d.trace", "d.json", "run"}


def test_dump_with_a_tail(
    runtime: flightrec.GoRuntime, listening: ControlServer, tmp_path: Path, judge: Judge
) -> None:
    """With --tail, what happens after the request is in the snapshot."""
    target = tmp_path / "d.trace"
    logged = threading.Timer(0.2, runtime.log, ("test", "after the request"))
    logged.start()
    try:
        assert main("dump", os.getpid(), "-q", "-o", target, "--tail", "500ms") == 0
    finally:
        logged.join()
    assert any("after the request" in event.text for event in judge.events(target))


def test_dumps_at_once(
    runtime: flightrec.GoRuntime, listening: ControlServer, tmp_path: Path, judge: Judge
) -> None:
    """Fifty dumps at the same time, of a process under full load, are all valid."""
    options = ("-q", "--last", "10ms")
    with running(runtime, "gc_churn", duration=60):
        codes = together(
            50, lambda i: main("dump", os.getpid(), *options, "-o", tmp_path / f"{i}.trace")
        )
    assert codes == [0] * 50
    # Dumps that came together share a snapshot.
    files = {path.read_bytes(): path for path in tmp_path.glob("*.trace")}
    for path in files.values():
        judge.check(path)


def test_ps_and_stat(
    listening: ControlServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ps lists what listens; stat shows the window, and for each rule why it was silent."""
    assert main("rule", os.getpid(), "add", "goroutines > 99999", "-d", tmp_path / "s") == 0
    assert main("ps") == 0
    listed = capsys.readouterr().out
    assert re.search(rf"^ *{os.getpid()}  .*1, \d armed", listed, re.MULTILINE)

    def said() -> str:
        assert main("stat", os.getpid()) == 0
        return capsys.readouterr().out

    until(lambda: "the window reaches back" in said(), "it says why")
    assert "10 s are wanted" in said()
    assert main("stat", os.getpid(), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["stats"]["total_bytes"] > 0
    assert facts["rules"][0]["condition"] == "goroutines > 99999"


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_stat_watched_on_a_terminal(listening: ControlServer, tmp_path: Path, columns: int) -> None:
    """Watched on a terminal, one state follows the other, and no line is longer than it is wide."""
    assert main("rule", os.getpid(), "add", "goroutines > 99999", "-d", tmp_path / "s") == 0
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 20, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "flightrec", "stat", str(os.getpid()), "--watch", "10ms"],
        stdout=theirs,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )
    os.close(theirs)
    said = ""
    try:
        while said.count("\x1b[2J") < 4:
            said += os.read(ours, 1 << 16).decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    states = said.split("\x1b[H\x1b[2J")[1:4]
    for state in states:
        lines = state.splitlines()
        assert max(map(len, lines)) <= columns
        joined = " ".join(line.strip() for line in lines)
        assert "rule goroutines > 99999: not armed, the window reaches back" in joined


def test_rules_from_outside(
    runtime: flightrec.GoRuntime,
    listening: ControlServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    judge: Judge,
) -> None:
    """A rule can be added to a running process, fires there, and can be removed."""
    folder = tmp_path / "s"
    assert main("rule", os.getpid(), "add", "gorutines > 1", "-d", folder) == 2
    assert "did you mean goroutines?" in capfd.readouterr().err
    assert main("rule", os.getpid(), "add", "signal", "-d", folder) == 2
    assert "it would never fire" in capfd.readouterr().err
    assert not folder.exists()
    add = ("add", "http slower than 1s or request", "-d", folder, "--name", "asked")
    options = ("--arm-after", "0", "--tail", "100ms", "--last", "5s", "--max-files", "3")
    assert main("rule", os.getpid(), *add, *options) == 0
    engine = existing_engine(listening._requests._recorder)
    assert engine is not None
    from flightrec.rules.moment import Event

    (firing,) = engine.post(Event(kind="request"), wait=DEADLINE)
    rule = firing.rule
    assert (rule.arm_after, rule.tail, rule.last) == (0, 0.1, 5)
    assert rule.to is not None
    assert rule.to.max_files == 3
    assert firing.saved
    judge.check(firing.saved.path)
    assert firing.saved.path.parent == folder
    assert main("rule", os.getpid(), "remove", "asked") == 0
    assert main("rule", os.getpid(), "remove", "asked") == 2
    assert "there is no rule 'asked'" in capfd.readouterr().err


def test_nobody_there(
    runtime_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A process without a recorder and one that does not exist are told apart."""
    target = tmp_path / "x.trace"
    assert main("dump", os.getpid(), "-o", target) == 2
    assert "recorder.listen()" in capfd.readouterr().err
    assert main("dump", 2**22 + 1, "-o", target) == 2
    assert "there is no process" in capfd.readouterr().err
    assert main("ps") == 0
    assert not target.exists()


def test_unwritable_output(
    listening: ControlServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An output that cannot be written is told, and harms nobody."""
    target = tmp_path / "no" / "x.trace"
    assert main("dump", os.getpid(), "-o", target) == 2
    assert f"{target}: No such file" in capfd.readouterr().err
    unharmed(listening)


def test_open_output(
    listening: ControlServer, tmp_path: Path, judge: Judge, capfd: pytest.CaptureFixture[str]
) -> None:
    """An open file (/dev/stdout, /dev/fd/N) is written to, and nothing takes its place."""
    target = tmp_path / "x.trace"
    with target.open("wb") as file:
        name = f"/dev/fd/{file.fileno()}"
        assert main("dump", os.getpid(), "-o", name) == 0
        assert main("dump", os.getpid(), "-o", name, "--metadata") == 2
    assert "--metadata needs a file" in capfd.readouterr().err
    judge.check(target)
    assert {path.name for path in tmp_path.iterdir()} == {"x.trace", "run"}


def test_a_failed_dump_keeps_the_old_file(
    recorder: flightrec.FlightRecorder, listening: ControlServer, tmp_path: Path
) -> None:
    """A file that is there stays if the dump fails."""
    target = tmp_path / "x.trace"
    target.write_text("a good one")
    recorder.stop()
    assert main("dump", os.getpid(), "-o", target) == 2
    assert target.read_text() == "a good one"
    assert {path.name for path in tmp_path.iterdir()} == {"x.trace", "run"}
    recorder.start()


# ---- who may come in


def test_folder_is_private(listening: ControlServer) -> None:
    """The folder of the sockets is its user's alone."""
    assert stat.S_IMODE(listening.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(listening.path.stat().st_mode) == 0o600


def test_unsafe_folder(recorder: flightrec.FlightRecorder, runtime_folder: Path) -> None:
    """A folder that others may enter, or a link to one, is refused."""
    runtime_folder.mkdir()
    runtime_folder.chmod(0o755)
    with pytest.raises(flightrec.FlightRecorderError, match="0700"):
        ControlServer(recorder)
    runtime_folder.rmdir()
    other = runtime_folder.with_name("other")
    other.mkdir(mode=0o700)
    runtime_folder.symlink_to(other)
    with pytest.raises(flightrec.FlightRecorderError, match="0700"):
        ControlServer(recorder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user(listening: ControlServer, tmp_path: Path) -> None:
    """A process of another user gets no answer, even if the folder lets it in."""
    code = """
import contextlib, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
here = os.open(sys.argv[1], os.O_RDONLY)
os.fchdir(here)
os.setuid(65534)
connection.connect(sys.argv[2])
with contextlib.suppress(BrokenPipeError):  # it may have answered and closed already
    connection.sendall(b'{"do": "stat"}\\n')
print(connection.makefile().readline())
"""
    listening.path.parent.chmod(0o755)
    listening.path.chmod(0o666)
    done = subprocess.run(
        [sys.executable, "-c", code, listening.path.parent, listening.path.name],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"ok": False, "error": "another user's process", "kind": ""}
    unharmed(listening)


# ---- hostile clients


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\n", "not a JSON object"),
        (b"GET / HTTP/1.1\r\n\r\n", "not a JSON object"),
        (b"\xff\xfe\x00\n", "not a JSON object"),
        (b"[1]\n", "not a JSON object"),
        (b"[" * 60_000 + b"\n", "not a JSON object"),
        (b"{}\n", "unknown request"),
        (b'{"do": ["stat"]}\n', "unknown request"),
        (b'{"do": "dump"}\n', "open file"),
        (b'{"do": "add rule"}\n', "its text"),
        (b'{"do": "add rule", "rule": "panic", "to": "relative"}\n', "whole path"),
        (b'{"do": "add rule", "rule": "x > 1", "to": "/nowhere"}\n', "no metric"),
        (b'{"do": "remove rule"}\n', "no rule"),
    ],
)
def test_nonsense(listening: ControlServer, data: bytes, error: str) -> None:
    """Nonsense gets an error, and the next client an answer."""
    answer = reply_to(listening, data)
    assert answer["ok"] is False
    assert error in answer["error"]
    unharmed(listening)


@pytest.mark.parametrize(
    "fields",
    [{"tail": -1}, {"tail": "x"}, {"tail": 1e300}, {"last": float("nan")}, {"last": True}],
)
def test_senseless_times(listening: ControlServer, tmp_path: Path, fields: dict[str, Any]) -> None:
    """Times that are none are refused at once."""
    with (tmp_path / "f").open("wb") as file:
        with pytest.raises(client.RemoteError, match=r"second|cannot be|at most"):
            client.ask(
                listening.path, {"do": "dump", **fields}, timeout=DEADLINE, file=file.fileno()
            )
    unharmed(listening)


def sent_until_refused(connection: socket.socket, most: int) -> int:
    """Send bytes until the other side has closed, and return how many it took at most."""
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent < most:
            sent += connection.send(b"x" * (1 << 16))
    return sent


def test_endless_line(listening: ControlServer) -> None:
    """A line of a GiB is cut off after 64 KiB, and not read to its end."""
    with connect(listening) as connection:
        assert sent_until_refused(connection, 1 << 30) < 1 << 21  # sockets have buffers
    unharmed(listening)


def test_clients_that_hang(
    listening: ControlServer, monkeypatch: pytest.MonkeyPatch, judge: Judge, tmp_path: Path
) -> None:
    """Clients that send nothing, half a message, or read nothing disturb no other, and are left."""
    monkeypatch.setattr(server, "_REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(server, "_REPLY_SECONDS", 0.3)
    silent = [connect(listening) for _ in range(20)]
    for connection in silent[:10]:
        connection.sendall(b'{"do": ')
    assert main("dump", os.getpid(), "-q", "-o", tmp_path / "x.trace") == 0
    judge.check(tmp_path / "x.trace")
    until(lambda: not _client_threads(), "the server has left them")
    for connection in silent:
        connection.close()
    unharmed(listening)


def _client_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "flightrec-client"]


def test_clients_that_go_away(listening: ControlServer) -> None:
    """Clients that leave before, in, and after a message do no harm."""
    for data in (b"", b'{"do"', b'{"do": "stat"}\n', b'{"do": "stat"}'):
        for _ in range(10):
            with connect(listening) as connection:
                connection.sendall(data)
    until(lambda: not _client_threads(), "all are served")
    unharmed(listening)


def test_files_do_not_pile_up(listening: ControlServer, tmp_path: Path) -> None:
    """Open files that come with nonsense, or several at once, are closed."""
    until(lambda: not _client_threads(), "nobody is being served")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with (tmp_path / "f").open("wb") as file:
        for data in (b"nonsense\n", b'{"do": "stat"}\n', b"x" * 100):
            for _ in range(20):
                with connect(listening) as connection:
                    socket.send_fds(connection, [data], [file.fileno()] * 3)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1 << 16):
                        pass
    until(lambda: not _client_threads(), "all are served")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    unharmed(listening)


def test_a_pipe_is_refused(listening: ControlServer) -> None:
    """A dump into a pipe is refused: nobody might ever read it."""
    reading, writing = os.pipe()
    try:
        with pytest.raises(client.RemoteError, match="regular file"):
            client.ask(listening.path, {"do": "dump"}, timeout=DEADLINE, file=writing)
    finally:
        os.close(reading)
        os.close(writing)


def test_stopped_client(listening: ControlServer, tmp_path: Path) -> None:
    """A client that is stopped in the middle of a dump does not keep others from theirs."""
    code = """
import os, signal, sys
from flightrec.control import client
ask = client.ask
def stopped(path, request, **options):
    os.kill(os.getpid(), signal.SIGSTOP)
    return ask(path, request, **options)
client.ask = stopped
from flightrec import cli
sys.exit(cli.main(["dump", sys.argv[1], "-q", "-o", sys.argv[2]]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(os.getpid()), str(tmp_path / "stopped.trace")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert main("dump", os.getpid(), "-q", "-o", tmp_path / "x.trace") == 0
        process.send_signal(signal.SIGCONT)
        assert process.wait(DEADLINE) == 0
        assert (tmp_path / "stopped.trace").stat().st_size
    finally:
        process.kill()
        process.wait()


# ---- coming and going


def test_left_over_sockets(runtime_folder: Path) -> None:
    """The socket of a process that was killed is removed when somebody looks."""
    runtime_folder.mkdir(mode=0o700)
    path = runtime_folder / "123456.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    assert client.listening() == {}
    assert not path.exists()


def test_one_in_a_process(listening: ControlServer, recorder: flightrec.FlightRecorder) -> None:
    """One recorder of a process can listen; after its end another can."""
    with pytest.raises(flightrec.FlightRecorderError, match="listens on"):
        ControlServer(recorder)
    listening.close()
    listening.close()
    assert not listening.path.exists()
    with ControlServer(recorder) as again:
        unharmed(again)


def test_exit_and_fork(child: Child, tmp_path: Path) -> None:
    """The socket goes with its process; a forked child neither answers on it nor removes it."""
    child.run(
        """
        from flightrec.control import client
        from flightrec.control.server import ControlServer

        recorder = flightrec.FlightRecorder()
        recorder.start()
        server = ControlServer(recorder)
        pid = fork()
        if pid == 0:
            server.close()
            try:
                ControlServer(recorder)
            except flightrec.ForkedProcessError:
                sys.exit(0)  # atexit runs
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        assert client.ask(server.path, {"do": "stat"}, timeout=30)["pid"] == os.getpid()
        """,
        env={"FLIGHTREC_RUNTIME_DIR": str(tmp_path / "r")},
    )
    assert list((tmp_path / "r").iterdir()) == []


def test_too_long_a_path(
    recorder: flightrec.FlightRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose path is too long for a socket is told so."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("FLIGHTREC_RUNTIME_DIR", str(folder))
    with pytest.raises(OSError, match="too long"):
        ControlServer(recorder)
    assert list(places.socket_paths()) == []
