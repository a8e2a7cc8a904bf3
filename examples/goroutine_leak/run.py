"""Find goroutines that wait for ever: which, how many, and who started them."""

from collections import Counter

import flightrec
from flightrec import trace
from flightrec.gobuild import build

SNAPSHOT = "leak.trace"

runtime = flightrec.load(build("search", "libsearch.so").library)
with flightrec.FlightRecorder(runtime) as recorder:
    runtime.run("main", args=["search"])
    recorder.write_to(SNAPSHOT)

started: dict[int | None, trace.GoroutineTransition] = {}
waiting: dict[int | None, trace.GoroutineTransition] = {}
for event in trace.read(SNAPSHOT):
    if isinstance(event, trace.GoroutineTransition):
        if event.from_state == trace.GoState.NOT_EXIST:
            started[event.goid] = event
        if event.to_state == trace.GoState.WAITING:
            waiting[event.goid] = event
        else:
            waiting.pop(event.goid, None)


def place(stack: trace.Stack) -> str:
    """Return the innermost frame of a stack that is the program's own."""
    return next((f"{f.function}:{f.line}" for f in stack if f.function.startswith("main.")), "")


leaks = Counter(
    (wait.reason, place(wait.stack), place(started[goid].stack))
    for goid, wait in waiting.items()
    if goid in started and place(wait.stack)
)
for (reason, at, starter), count in leaks.most_common():
    print(f"{count} goroutines wait: {reason} at {at}, started at {starter}")
