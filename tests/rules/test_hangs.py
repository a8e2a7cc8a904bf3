"""Capturing a program while something hangs: by deadline, rule, signal and `flightrec dump`."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, Child, until
from tests.helpers_go import Judge
from tests.helpers_run import Runner

#: A Go runtime with one P, which a goroutine has taken for good: nothing that enters Go comes back.
STUCK = {"GODEBUG": "asyncpreemptoff=1", "GOMAXPROCS": "1"}

PREAMBLE = f"""
import ctypes, json, subprocess
sys.path.insert(0, {str(ROOT)!r})
from flightrec.directory import SnapshotDirectory

folder = SnapshotDirectory(sys.argv[1], min_interval=0, per_rule=0)
runtime = flightrec.load()
recorder = flightrec.FlightRecorder(runtime, min_age=10.0)
recorder.start()
recorder.snapshot()  # ends a generation: there is something to save
server = recorder.listen()

def until(condition):
    while not condition():
        time.sleep(0.01)

def saved():
    until(folder.snapshots)

def on_signal(number, frame):
    recorder.snapshot(flush=False).save(sys.argv[2])

signal.signal(signal.SIGUSR1, on_signal)

def by_deadline(hang):
    "Hang in a watched block, on a thread."
    def work():
        with recorder.watch(folder, name="work", slower_than=0.2, while_running=True, arm_after=0):
            hang()
    threading.Thread(target=work, daemon=True).start()
    saved()

def by_signal():
    os.kill(os.getpid(), signal.SIGUSR1)
    until(lambda: os.path.exists(sys.argv[2]))

def command(*words):
    done = subprocess.run(
        [sys.executable, "-m", "flightrec", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
"""

#: What hangs, and how: code that defines ``hang``, and whether the Go runtime still answers.
DEADLOCK = """
def hang():
    runtime.run("block_forever")
"""

SPIN = """
def hang():
    runtime.start("spin")
    time.sleep(3600)
"""

IN_C = """
def hang():
    libc = ctypes.CDLL(None)
    while True:
        libc.sleep(3600)
"""

# It has sent its request, and is stopped before it reads the answer.
STOPPED_CLIENT = """
client = '''
import os, signal, sys
from flightrec.control import client
def stopped(*_):
    os.kill(os.getpid(), signal.SIGSTOP)
client.receive = stopped
from flightrec import cli
cli.main(["dump", sys.argv[1], "-q", "-o", sys.argv[2]])
'''
process = subprocess.Popen(
    [sys.executable, "-c", client, str(os.getpid()), sys.argv[1] + "/stopped.trace"]
)
assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
def hang():
    time.sleep(3600)
"""


@pytest.mark.parametrize(
    ("hang", "answers"),
    [
        pytest.param(DEADLOCK, True, id="a deadlock in Go"),
        pytest.param(SPIN, False, id="a goroutine that spins"),
        pytest.param(IN_C, True, id="a Python thread in C"),
        pytest.param(STOPPED_CLIENT, True, id="a stopped client of dump"),
    ],
)
def test_captured_while_it_hangs(
    go_child: Child, tmp_path: Path, judge: Judge, hang: str, answers: bool
) -> None:
    """Whatever hangs, a deadline, a signal and `flightrec dump` each leave a valid snapshot."""
    folder, by_signal, by_dump = (tmp_path / name for name in ("s", "signal.trace", "dump.trace"))
    code = """
by_deadline(hang)
by_signal()
said = command("dump", os.getpid(), "-o", sys.argv[3])
print("does not answer" not in said)
if "process" in globals():
    process.kill()
    process.wait()
os._exit(0)
"""
    go_child.run(
        f"{PREAMBLE}\n{hang}\n{code}".replace("os._exit", "sys.stdout.flush(); os._exit"),
        *(folder, by_signal, by_dump),
        env={"FLIGHTREC_RUNTIME_DIR": str(tmp_path / "r"), **({} if answers else STUCK)},
    )
    (by_deadline,) = folder.glob("2*.trace")
    for path in (by_deadline, by_signal, by_dump):
        judge.check(path)
    facts = json.loads(by_deadline.with_suffix(".json").read_text())
    (reason,) = facts["reasons"]
    assert reason["event"]["running"]
    assert "hang (" in str(reason["python_stacks"])
    assert facts["window"]["newest_events"] == answers
    assert "work" in [task["name"] for task in reason["open_in_python"]]


def test_main_thread_in_c(go_child: Child, tmp_path: Path, judge: Judge) -> None:
    """A main thread that hangs in C, so that no signal handler runs, is captured as well."""
    folder = tmp_path / "s"
    go_child.run(
        PREAMBLE
        + """
def outside():
    saved()
    command("dump", os.getpid(), "-o", sys.argv[3])
    os._exit(0)

threading.Thread(target=outside, daemon=True).start()
with recorder.watch(folder, name="c", slower_than=0.2, while_running=True, arm_after=0):
    ctypes.CDLL(None).sleep(3600)
""",
        *(folder, tmp_path / "signal.trace", tmp_path / "dump.trace"),
        env={"FLIGHTREC_RUNTIME_DIR": str(tmp_path / "r")},
    )
    for path in (*folder.glob("*.trace"), tmp_path / "dump.trace"):
        judge.check(path)


def test_stall(go_child: Child, tmp_path: Path, judge: Judge) -> None:
    """That the runtime is stuck can be a rule; stat answers, and blocks do not wait for Go."""
    folder = tmp_path / "s"
    go_child.run(
        PREAMBLE
        + """
recorder.when("stall > 300ms", folder, name="stuck", arm_after=0)
# On a thread: it may lose the P before it is back from Go.
threading.Thread(target=runtime.start, args=("spin",), daemon=True).start()
saved()
said = command("stat", os.getpid())
assert "rule stuck" in said, said
until(lambda: not recorder.watch(folder, name="no Go", slower_than=60)._engine.go_answers)
with recorder.watch(folder, name="no Go", slower_than=60):
    pass
os._exit(0)
""",
        folder,
        env={**STUCK, "FLIGHTREC_RUNTIME_DIR": str(tmp_path / "r")},
    )
    (path,) = folder.glob("*.trace")
    judge.check(path)
    assert json.loads(path.with_suffix(".json").read_text())["reasons"][0]["rule"] == "stuck"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def test_signals_to_a_run_that_hangs(go_library: Path, runner: Runner, judge: Judge) -> None:
    """Of Go code that hangs, signals, rules and --trace leave valid files, and the run ends."""
    folder = runner.folder / "snapshots"
    options: list[Any] = ["--workload", "spin", "-d", folder]
    options += ["--when", 'signal "SIGTERM"', "--when", "goroutines > 0", "--arm-after", "0"]
    options += ["--min-interval", "0", "--trace", "full.trace"]
    options += [f"OnceThereIs={runner.folder}/go"]
    program = runner.start(go_library, options=options, env=STUCK)
    until(lambda: list(folder.glob("*.trace")), "it runs")
    (runner.folder / "go").touch()
    program.signal(signal.SIGUSR1)
    dumped = runner.folder / "s-1.trace"
    until(dumped.exists, "SIGUSR1 has left a snapshot")
    program.signal(signal.SIGTERM)
    ended = program.finish()
    assert ended.status == 128 + signal.SIGTERM
    assert "the end of the trace is missing" in ended.said
    assert "full.trace.partial" in ended.said
    traced = runner.folder / "full.trace.partial"
    for path in (dumped, traced, runner.snapshot, *folder.glob("*.trace")):
        judge.check(path)
    texts = [path.read_text() for path in sorted(folder.glob("2*.json"))]
    reasons = [reason["rule"] for text in texts for reason in json.loads(text)["reasons"]]
    assert reasons == ["goroutines > 0", 'signal "SIGTERM"']
