"""Notice a slow request, write a snapshot, and read in the snapshot why it was slow."""

import socket
import time
import urllib.request

import flightrec
from flightrec import trace
from flightrec.gobuild import build

SNAPSHOT = "slow.trace"
SLOW_NS = 150_000_000

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
print(trace.explain(SNAPSHOT, since=began_ns, until=ended_ns), end="")
