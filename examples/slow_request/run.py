"""Notice a slow request, write a snapshot, and read in the snapshot why it was slow."""

import socket
import time
import urllib.request

import flightrec
from flightrec import trace
from flightrec.gobuild import build

SNAPSHOT = "slow.trace"
SLOW_NS = 150_000_000


def explain(path: str, begin_ns: int, end_ns: int) -> None:
    """Print how long handlers waited between two times, where, and who ended the wait."""
    waits: dict[int | None, trace.GoroutineTransition] = {}
    for event in trace.read(path):
        if not isinstance(event, trace.GoroutineTransition):
            continue
        if event.to_state == trace.GoState.WAITING:
            waits[event.goid] = event
        elif event.from_state == trace.GoState.WAITING:
            wait = waits.pop(event.goid, None)
            if wait is None or wait.time < begin_ns or event.time > end_ns:
                continue
            if any("priceList).price" in frame.function for frame in wait.stack):
                print(f"goroutine {event.goid} waited {(event.time - wait.time) / 1e6:.0f} ms")
                print(f"  for: {wait.reason}\n  at: {own_code(wait.stack)}")
                print(f"  until goroutine {event.goroutine} was at: {own_code(event.stack)}")


def own_code(stack: trace.Stack) -> str:
    """Return the frames of a stack that are the service's own, innermost first."""
    return " < ".join(f"{f.function}:{f.line}" for f in stack if f.function.startswith("main."))


with socket.create_server(("127.0.0.1", 0)) as server:
    address = "{}:{}".format(*server.getsockname())  # a free port
library = build("service", "libservice.so").library
runtime = flightrec.load(library)
with flightrec.FlightRecorder(runtime, min_age=5.0) as recorder:
    runtime.start("main", args=["service", "-address", address])
    requests = 0
    while True:
        began_ns = runtime.now_ns()  # the trace's clock
        try:
            urllib.request.urlopen(f"http://{address}/price?of=tea").close()
        except OSError:
            time.sleep(0.01)  # it does not listen yet
            continue
        ended_ns = runtime.now_ns()
        requests += 1
        if ended_ns - began_ns > SLOW_NS:
            recorder.snapshot(last=2.0).save(SNAPSHOT)
            break

print(f"request {requests} took {(ended_ns - began_ns) / 1e6:.0f} ms")
explain(SNAPSHOT, began_ns, ended_ns)
