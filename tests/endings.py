"""Ways to end a process, and what it does meanwhile: each pair in a child process of its own.

``python -m tests.endings --python python3.10 --python python3.13 --rounds 2`` runs all of them and
prints what went wrong and how long the ends took.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

#: After so many seconds a process that is to end hangs.
HANGS = 60.0

#: What the child does to end, and the status that it then has to have.
ENDINGS: dict[str, tuple[str, int]] = {
    "return": ("pass", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "exception": ("raise ZeroDivisionError", 1),
    "os._exit": ("os._exit(4)", 4),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); pause()", -signal.SIGTERM),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); pause()", -signal.SIGINT),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL); pause()", -signal.SIGKILL),
    "Go os.Exit": ("runtime.start('exit'); pause()", 7),
}

#: What goes on meanwhile: code that ends by calling ``end()`` on the main thread.
ACTIVITIES: dict[str, str] = {
    "nothing": "end()",
    "recording": """
        recorder.start()
        recorder.snapshot()
        end()
    """,
    "workload": """
        recorder.start()
        runtime.start("pingpong", duration=600)
        end()
    """,
    "thread in run": """
        daemon(lambda: runtime.run("idle", goroutines=1, duration=0.0001))
        end()
    """,
    "thread in snapshot": """
        recorder.start()
        daemon(recorder.snapshot)
        end()
    """,
    "thread in region": """
        recorder.start()
        def region():
            with runtime.region("r"):
                runtime.log("a", "b")
        daemon(region)
        end()
    """,
    "departure watch": """
        recorder.start()
        runtime.on_departure(lambda departure: recorder.snapshot())
        end()
    """,
    "asyncio": """
        import asyncio
        async def main():
            global pause
            pauses = []
            pause = lambda: pauses.append(True)  # Ctrl-C cancels this coroutine
            recorder.start()
            waiting = asyncio.ensure_future(waits())
            await asyncio.sleep(0.01)
            end()
            while pauses:
                await asyncio.sleep(0.01)
        async def waits():
            await runtime.start("idle", duration=600)
        asyncio.run(main())
    """,
    "thread that computes": """
        recorder.start()
        daemon(lambda: sum(range(1000)))
        end()
    """,
}

_PROGRAM = """
import os, signal, sys, threading, time
import flightrec
runtime = flightrec.load()
recorder = flightrec.FlightRecorder(runtime, max_bytes=1 << 20)

def daemon(function):
    going = threading.Event()
    def loop():
        while True:
            try:
                function()
            except flightrec.FlightRecorderError:
                return  # stopped, at the end
            going.set()
    threading.Thread(target=loop, daemon=True).start()
    assert going.wait(50)

def pause():
    while True:  # a signal may come to another thread
        time.sleep(0.01)

def end():
    print(time.monotonic_ns(), flush=True)
    {ending}

{activity}
"""


class Outcome(NamedTuple):
    """How a child ended."""

    python: str
    ending: str
    activity: str
    status: int | None  #: None: it hung, and was killed
    seconds: float  #: from the beginning of its end
    errors: str  #: what it wrote to its standard error

    @property
    def right(self) -> bool:
        """Whether it ended with the status that it has to have, and without a crash's message."""
        quiet = "Fatal Python error" not in self.errors and "fatal error:" not in self.errors
        return self.status == ENDINGS[self.ending][1] and quiet


def run(library: Path, ending: str, activity: str, python: str = sys.executable) -> Outcome:
    """Have a child process end in one way during one activity."""
    code = _PROGRAM.format(
        ending=ENDINGS[ending][0], activity=textwrap.dedent(ACTIVITIES[activity])
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FLIGHTREC_LIBRARY": str(library)}
    with subprocess.Popen(
        [python, "-c", code],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, errors = process.communicate(timeout=HANGS)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            return Outcome(python, ending, activity, None, HANGS, errors)
    ended_ns = time.monotonic_ns()
    began_ns = int(out) if out.strip() else ended_ns
    seconds = (ended_ns - began_ns) / 1e9
    return Outcome(python, ending, activity, process.returncode, seconds, errors)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all pairs; return 1 if one was wrong."""
    from flightrec.gobuild import build

    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.endings")
    parser.add_argument("--python", action="append", help="an interpreter; may be repeated")
    parser.add_argument("--rounds", type=int, default=2, help="of all pairs, for each interpreter")
    parser.add_argument("--jobs", type=int, default=2, help="child processes at a time")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "libleaves.so"
        build(ROOT / "tests" / "data" / "go" / "programs" / "leaves", library)
        with ThreadPoolExecutor(options.jobs) as pool:
            asked = [
                pool.submit(run, library, ending, activity, python)
                for _ in range(options.rounds)
                for python in options.python or [sys.executable]
                for ending in ENDINGS
                for activity in ACTIVITIES
            ]
            outcomes = [one.result() for one in asked]
    wrong = [outcome for outcome in outcomes if not outcome.right]
    for outcome in wrong:
        print(*outcome[:5], outcome.errors.strip()[-2000:], sep=" | ")
    times = sorted(outcome.seconds for outcome in outcomes)
    print(
        f"{len(outcomes)} child processes: {len(wrong)} wrong, of which "
        f"{sum(outcome.status is None for outcome in wrong)} hung; ends took "
        f"{times[len(times) // 2]:.3f} s (median), {times[-len(times) // 100]:.3f} s (p99), "
        f"{times[-1]:.3f} s (longest); {sum(t > 2 for t in times)} took more than 2 s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
