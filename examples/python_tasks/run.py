"""Python's work as tasks and regions in the Go trace, beside the goroutines that it has work."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import flightrec
from flightrec import trace
from flightrec.gobuild import build

SNAPSHOT = "tasks.trace"
PAGES = {name: f"the {name} and the Go runtime\n" * 2000 for name in ("cat", "dog", "owl")}


@flightrec.traced
def most_common(counts: dict[str, int]) -> str:
    """Return the most common word. Each call is a region of the trace."""
    return Counter(counts).most_common(1)[0][0]


def handle(name: str) -> str:
    """Handle a page, on whatever thread: one task in the trace."""
    with runtime.task("page") as task:
        task.log("page", name)
        with runtime.region("count in Go"):
            counts = runtime.run("count_words", text=PAGES[name])
        return most_common(counts)


runtime = flightrec.load(build("words", "libwords.so").library)
with flightrec.FlightRecorder(runtime) as recorder:
    with ThreadPoolExecutor() as pool:
        print(dict(zip(PAGES, pool.map(handle, PAGES), strict=True)))
    recorder.write_to(SNAPSHOT)

pages: dict[int, str] = {}
began: dict[tuple[int, str], int] = {}
for event in trace.read(SNAPSHOT):
    match event:
        case trace.Log(category="page"):
            pages[event.task] = event.message
        case trace.TaskBegin() | trace.RegionBegin():
            began[event.task, event.name] = event.time
        case trace.TaskEnd() | trace.RegionEnd():
            took_ns = event.time - began[event.task, event.name]
            kind = "task" if isinstance(event, trace.TaskEnd) else "region"
            print(f"{pages[event.task]}: {kind} {event.name!r} took {took_ns / 1e6:.1f} ms")
