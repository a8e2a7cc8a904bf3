"""Run a NATS server, unmodified, inside Python; send messages through it; see it at work."""

import socket
import sys
import time
from collections import Counter

import flightrec
from flightrec import trace
from flightrec.gobuild import build

SERVER = "github.com/nats-io/nats-server/v2@v2.10.22"
SNAPSHOT = "nats.trace"
MESSAGES = 2_000


def connect(address: tuple[str, int]) -> socket.socket:
    """Connect to the server as soon as it listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(address, timeout=30)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


try:
    library = build(SERVER, "libnats.so").library
except flightrec.ToolchainError as exc:
    sys.exit(f"the server cannot be built: {exc}")
with socket.create_server(("127.0.0.1", 0)) as server:
    host, port = server.getsockname()  # a free port

runtime = flightrec.load(library)
with flightrec.FlightRecorder(runtime, max_bytes=20 << 20) as recorder:
    runtime.start("main", args=["nats-server", "-a", host, "-p", str(port), "-l", "nats.log"])
    with connect((host, port)) as subscriber, connect((host, port)) as publisher:
        arriving = subscriber.makefile("rb"), publisher.makefile("rb")
        # The protocol is text: a line of INFO first, then commands. PONG answers PING.
        subscriber.sendall(b'CONNECT {"verbose":false}\r\nSUB news 1\r\nPING\r\n')
        publisher.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        for lines in arriving:
            assert lines.readline().startswith(b"INFO ")
            assert lines.readline() == b"PONG\r\n"
        began_ns = runtime.now_ns()
        for _ in range(MESSAGES):
            publisher.sendall(b"PUB news 5\r\nhello\r\n")
            assert arriving[0].readline() == b"MSG news 1 5\r\n"
            assert arriving[0].readline() == b"hello\r\n"
        ended_ns = runtime.now_ns()
        for lines in arriving:
            lines.close()
    recorder.write_to(SNAPSHOT)

took_us = (ended_ns - began_ns) / MESSAGES / 1e3
print(f"{MESSAGES} messages, {took_us:.0f} µs each; the server's goroutines waited, most often:")
waits: Counter[tuple[str, str]] = Counter()
for event in trace.read(SNAPSHOT):
    if isinstance(event, trace.GoroutineTransition) and event.to_state == trace.GoState.WAITING:
        for frame in event.stack:
            if "nats-server" in frame.function and began_ns <= event.time <= ended_ns:
                waits[event.reason, frame.function.rpartition("/")[2]] += 1
                break
for (reason, function), count in waits.most_common(3):
    print(f"  {count} times: {reason} in {function}")
