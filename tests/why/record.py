"""Records slow programs, each in a snapshot of its own: ``python -m tests.why.record LIB OUT``.

A process has one Go library, so this is one of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import flightrec

_QUICK = 12
_SLOW = 0.15


def answer_late(server: socket.socket) -> None:
    """Be the peer of the program ``network``."""
    while True:
        connection, _ = server.accept()
        with connection:
            if connection.recv(16) == b"slow":
                time.sleep(_SLOW)
            connection.sendall(b"x")


def python_task(runtime: flightrec.GoRuntime) -> None:
    """Python tasks, the last of which waits for a Go workload."""
    for _ in range(_QUICK):
        with runtime.task("request"):
            pass
    with runtime.task("request"):
        time.sleep(_SLOW / 15)
        runtime.run("work_for_python")
        time.sleep(_SLOW / 15)


def gil(runtime: flightrec.GoRuntime) -> None:
    """Python tasks, during the last of which another thread keeps the GIL."""
    for _ in range(_QUICK):
        with runtime.task("request"), runtime.region("render"):
            pass
    begun = threading.Event()

    def keep() -> None:
        begun.set()
        ctypes.PyDLL(None).usleep(round(_SLOW * 1e6))  # PyDLL: with the GIL

    with runtime.task("request"), runtime.region("render"):
        thread = threading.Thread(target=keep)
        thread.start()
        begun.wait()
        thread.join()


def callback(runtime: flightrec.GoRuntime) -> None:
    """Go requests, the last of which calls Python, which takes its time."""

    def render() -> None:
        with runtime.region("render"):
            time.sleep(_SLOW)

    called = ctypes.CFUNCTYPE(None)(render)
    runtime.run("call_python", function=ctypes.cast(called, ctypes.c_void_p).value)


def callback_and_back(runtime: flightrec.GoRuntime) -> None:
    """Go requests, the last of which calls Python, which waits for a Go workload."""
    called = ctypes.CFUNCTYPE(None)(lambda: runtime.run("work_for_python"))
    runtime.run("call_python", function=ctypes.cast(called, ctypes.c_void_p).value)


def stopped(runtime: flightrec.GoRuntime) -> None:
    """Two goroutines that take turns on one P, while the process gets no CPU."""
    turns = runtime.start("yields")
    process = os.getpid()
    script = f"sleep 0.05; kill -STOP {process}; sleep {_SLOW}; kill -CONT {process}; sleep 0.05"
    subprocess.run(["sh", "-c", script], check=True)
    turns.cancel()
    turns.wait()


_PYTHON: dict[str, Callable[[flightrec.GoRuntime], None]] = {
    "python_task": python_task,
    "gil": gil,
    "callback": callback,
    "callback_and_back": callback_and_back,
    "stopped": stopped,
}


def main() -> None:
    """Record what the arguments name: NAME or NAME=JSON-ARGUMENTS."""
    library, folder, *names = sys.argv[1:]
    runtime = flightrec.load(library)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_late, args=(server,), daemon=True).start()
        host, port = server.getsockname()
        for entry in names:
            name, _, text = entry.partition("=")
            arguments = json.loads(text) if text else {}
            if name == "network":
                arguments = {"address": f"{host}:{port}"}
            recorder = flightrec.FlightRecorder(runtime, min_age=60.0, max_bytes=256 << 20)
            with recorder:
                if name in _PYTHON:
                    _PYTHON[name](runtime)
                else:
                    runtime.run(name, **arguments)
                recorder.write_to(Path(folder) / f"{name}.trace")


if __name__ == "__main__":
    main()
