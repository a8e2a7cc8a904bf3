"""Capturing a program while it hangs: by deadline, by rule, by `flightrec dump`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers import ROOT, Child
from tests.helpers_go import Judge

#: A Go runtime with one P, which a goroutine has taken for good: nothing that enters Go comes back.
STUCK = {"GODEBUG": "asyncpreemptoff=1", "GOMAXPROCS": "1"}

PREAMBLE = f"""
import json, subprocess
sys.path.insert(0, {str(ROOT)!r})
from flightrec.directory import SnapshotDirectory

folder = SnapshotDirectory(sys.argv[1], min_interval=0, per_rule=0)
runtime = flightrec.load()
recorder = flightrec.FlightRecorder(runtime, min_age=10.0)
recorder.start()
while recorder.stats().generations < 2:  # something to save
    time.sleep(0.05)

def saved(count=1):
    while len(folder.snapshots()) < count:
        time.sleep(0.01)

def command(*words):
    done = subprocess.run(
        [sys.executable, "-m", "flightrec", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
"""


def facts(folder: Path) -> list[dict[str, object]]:
    """The metadata of the snapshots in a folder."""
    traces = sorted(folder.glob("*.trace"))
    return [json.loads(path.with_suffix(".json").read_text()) for path in traces]


def test_go_runtime_is_stuck(go_child: Child, tmp_path: Path, judge: Judge) -> None:
    """While no Go code can run at all, rules, deadlines, dump and stat still work."""
    folder = tmp_path / "s"
    go_child.run(
        PREAMBLE
        + """
recorder.when("stall > 300ms", folder, name="stuck", arm_after=0)
server = recorder.listen()
handle = runtime.start("spin")
def work():
    with recorder.watch(folder, name="work", slower_than=0.3, while_running=True, arm_after=0):
        time.sleep(60)
threading.Thread(target=work, daemon=True).start()
saved()
while not all(status.saved for status in recorder.rules()):
    time.sleep(0.01)
assert "does not answer" in command("dump", os.getpid(), "-o", sys.argv[2])
said = command("stat", os.getpid())
assert "rule stuck" in said, said
while recorder.watch(folder, name="no Go", slower_than=60)._engine.go_answers:
    time.sleep(0.1)
with recorder.watch(folder, name="no Go", slower_than=60):
    pass  # does not wait for Go any more
os._exit(0)
""",
        folder,
        tmp_path / "outside.trace",
        env={**STUCK, "FLIGHTREC_RUNTIME_DIR": str(tmp_path / "r")},
    )
    for path in (*folder.glob("*.trace"), tmp_path / "outside.trace"):
        judge.check(path)
    reasons = [reason for each in facts(folder) for reason in each["reasons"]]  # type: ignore[attr-defined]
    assert {reason["rule"] for reason in reasons} == {
        "stuck",
        'block "work" slower than 300ms',
    }
    assert any("work" in str(reason["open_in_python"]) for reason in reasons)


def test_go_deadlock(go_child: Child, tmp_path: Path, judge: Judge) -> None:
    """A call into Go that never returns is captured at its deadline, with the stack it hangs in."""
    folder = tmp_path / "s"
    go_child.run(
        PREAMBLE
        + """
def stuck_in_go():
    with recorder.watch(folder, name="call", slower_than=0.2, while_running=True, arm_after=0):
        runtime.run("block_forever")

threading.Thread(target=stuck_in_go, daemon=True).start()
saved()
os._exit(0)
""",
        folder,
    )
    (path,) = folder.glob("*.trace")
    judge.check(path)
    assert "stuck_in_go" in json.dumps(facts(folder))


def test_python_is_stuck_in_c(go_child: Child, tmp_path: Path, judge: Judge) -> None:
    """A main thread that hangs in C, without the GIL, is captured by deadline and by dump."""
    folder = tmp_path / "s"
    go_child.run(
        PREAMBLE
        + """
import ctypes
server = recorder.listen()

def outside():
    saved()
    command("dump", os.getpid(), "-o", sys.argv[2])
    os._exit(0)

threading.Thread(target=outside, daemon=True).start()
with recorder.watch(folder, name="c", slower_than=0.2, while_running=True, arm_after=0):
    ctypes.CDLL(None).sleep(3600)
""",
        folder,
        tmp_path / "outside.trace",
        env={"FLIGHTREC_RUNTIME_DIR": str(tmp_path / "r")},
    )
    for path in (*folder.glob("*.trace"), tmp_path / "outside.trace"):
        judge.check(path)
