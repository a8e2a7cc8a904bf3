"""Records published programs with a slow answer: ``python -m tests.why.published NAME LIB OUT``.

A process has one Go library, and the programs do not end by themselves, so this is one of its own.
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import flightrec

#: One answer in so many is slow, by so many seconds.
_EVERY: Final = 300
_SLOW: Final = 0.3


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def connect(port: int) -> socket.socket:
    """Connect to a program that may not listen yet."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class Backend(http.server.BaseHTTPRequestHandler):
    """What caddy passes requests on to; one answer in 300 is slow."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body together: nobody waits for an acknowledgement
    answered = 0

    def do_GET(self) -> None:
        """Answer."""
        Backend.answered += 1
        if Backend.answered == _EVERY:
            time.sleep(_SLOW)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args: object) -> None:
        """Log nothing."""


def caddy(runtime: flightrec.GoRuntime, _folder: Path) -> None:
    """A reverse proxy, whose backend is in Python."""
    backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    backend_address = f"127.0.0.1:{backend.server_port}"
    arguments = ["caddy", "reverse-proxy", "--from", address, "--to", backend_address]
    runtime.start("main", args=arguments)
    connect(port).close()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(_EVERY + 20):
        connection.request("GET", "/")
        connection.getresponse().read()


def etcd(runtime: flightrec.GoRuntime, folder: Path) -> None:
    """A store that is put to, and is defragmented once meanwhile."""
    port = free_port()
    address, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    arguments = ["etcd", "--data-dir", str(folder / "etcd"), "--log-level", "error"]
    arguments += ["--listen-client-urls", address, "--advertise-client-urls", address]
    arguments += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
    arguments += ["--initial-cluster", f"default={peer}", "--unsafe-no-fsync"]
    runtime.start("main", args=arguments)
    connect(port).close()
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def post(path: str, value: object, over: http.client.HTTPConnection = connection) -> None:
        over.request("POST", path, json.dumps(value))
        answer = over.getresponse()
        text = answer.read()
        assert answer.status == 200, text

    def put(key: str, value: bytes) -> None:
        encoded = [base64.b64encode(data).decode() for data in (key.encode(), value)]
        post("/v3/kv/put", {"key": encoded[0], "value": encoded[1]})

    for number in range(100):
        put(f"large {number}", bytes(512 << 10))
    for number in range(_EVERY):
        put(f"small {number % 10}", b"x")
    other = http.client.HTTPConnection("127.0.0.1", port)
    defragment = threading.Thread(target=post, args=("/v3/maintenance/defragment", {}, other))
    defragment.start()
    while defragment.is_alive():
        put("small", b"x")


def nats_server(runtime: flightrec.GoRuntime, folder: Path) -> None:
    """Requests, which another client answers, one in 300 late."""
    port = free_port()
    arguments = ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-l", str(folder / "nats.log")]
    runtime.start("main", args=arguments)

    def client(subscription: bytes) -> tuple[socket.socket, Callable[[], bytes]]:
        connection = connect(port)
        lines = connection.makefile("rb")
        lines.readline()
        connection.sendall(b'CONNECT {"verbose":false}\r\nSUB ' + subscription + b"\r\nPING\r\n")
        assert lines.readline() == b"PONG\r\n"
        return connection, lines.readline

    worker, worker_line = client(b"work 1")
    asker, asker_line = client(b"inbox 1")

    def work() -> None:
        for number in range(_EVERY + 20):
            to = worker_line().split()[3]
            worker_line()
            if number == _EVERY:
                time.sleep(_SLOW)
            worker.sendall(b"PUB " + to + b" 2\r\nok\r\n")

    threading.Thread(target=work, daemon=True).start()
    for _ in range(_EVERY + 20):
        asker.sendall(b"PUB work inbox 1\r\nx\r\n")
        asker_line()
        asker_line()


_PROGRAMS: Final[dict[str, Callable[[flightrec.GoRuntime, Path], None]]] = {
    "caddy": caddy,
    "etcd": etcd,
    "nats-server": nats_server,
}


def main() -> None:
    """Record the program that the arguments name."""
    name, library, out = sys.argv[1:]
    runtime = flightrec.load(library)
    recorder = flightrec.FlightRecorder(runtime, min_age=60.0, max_bytes=64 << 20)
    recorder.start()
    _PROGRAMS[name](runtime, Path(out).parent)
    recorder.write_to(Path(out))
    recorder.stop()
    sys.stdout.flush()
    os._exit(0)  # the program goes on


if __name__ == "__main__":
    main()
