"""The examples do what their READMEs say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flightrec.toolchain import Toolchain
from tests.gomodules import write_tree
from tests.helpers import DEADLINE, ROOT
from tests.helpers_go import Judge

EXAMPLES = ROOT / "examples"


def run_as_printed(name: str, folder: Path, go: Toolchain) -> subprocess.CompletedProcess[str]:
    """Run the commands in an example's README, in a copy of the example."""
    copy = folder / name
    shutil.copytree(EXAMPLES / name, copy)
    commands = folder / "bin"
    commands.mkdir()
    python = commands / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -X dev -W error "$@"\n')
    python.chmod(0o755)
    (printed,) = re.findall(
        r"^```sh\n(.*?)^```", (copy / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )
    return subprocess.run(
        ["sh", "-e", "-c", printed],
        cwd=copy,
        env={
            **os.environ,
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "FLIGHTREC_GO": str(go.go),
            "PYTEST_ADDOPTS": "-p no:asyncio",  # it warns where it is installed and not set up
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10 * DEADLINE,  # the first build of a large module takes minutes
        check=False,
    )


def _lacks_modules(text: str) -> bool:
    return re.search("cannot download|lookup disabled|dial tcp|no such host", text) is not None


def check(done: subprocess.CompletedProcess[str], *patterns: str) -> None:
    """Check that an example has run, and that each pattern matches a line of what it printed."""
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    for pattern in patterns:
        assert re.search(f"^{pattern}$", done.stdout, re.M), (pattern, done.stdout)


def test_slow_request(tmp_path: Path, go: Toolchain, judge: Judge) -> None:
    """The snapshot of the slow request names the lock, and who held it."""
    for attempt in range(3):  # on a busy machine a request may be slow for want of a CPU
        folder = tmp_path / str(attempt)
        done = run_as_printed("slow_request", folder, go)
        if "priceList" in done.stdout:
            break
    check(
        done,
        r"request \d+ took \d+ ms",
        r"A wait of goroutine \d+ \(for a sync\.Mutex at main\.\(\*priceList\)\.price\) took .*",
        r"slow\.trace: valid.*",
    )
    told = " ".join(done.stdout.split())  # where a line ends depends on the numbers' digits
    assert re.search(r" waited for a sync\.Mutex at main\.\(\*priceList\)\.price ", told), told
    assert re.search(r" slept in main\.askWarehouse \(main\.go:\d+\), called from ", told), told
    judge.check(folder / "slow_request" / "slow.trace")


def test_goroutine_leak(tmp_path: Path, go: Toolchain, judge: Judge) -> None:
    """The snapshot counts the goroutines that leaked, and says where they wait."""
    done = run_as_printed("goroutine_leak", tmp_path, go)
    check(
        done,
        r"200 goroutines wait: chan send at main\.first\.func1:23, started at main\.first:23",
        r"leak\.trace: valid.*",
    )
    judge.check(tmp_path / "goroutine_leak" / "leak.trace")


def test_python_tasks(tmp_path: Path, go: Toolchain, judge: Judge) -> None:
    """The snapshot has Python's tasks and regions, and how long each took."""
    done = run_as_printed("python_tasks", tmp_path, go)
    check(
        done,
        *(
            rf"{page}: {what} took \d+\.\d ms"
            for page in ("cat", "dog", "owl")
            for what in ("task 'page'", "region 'count in Go'", "region 'most_common'")
        ),
        r"tasks\.trace: valid.*",
    )
    events = judge.events(tmp_path / "python_tasks" / "tasks.trace")
    assert sum(event.kind == "TaskBegin" for event in events) == 3


def test_nats_server(tmp_path: Path, go: Toolchain, judge: Judge) -> None:
    """A published program of substance runs unmodified, serves its protocol and is recorded."""
    done = run_as_printed("nats_server", tmp_path, go)
    if done.returncode and _lacks_modules(done.stderr):
        pytest.skip(done.stderr.strip())
    check(
        done,
        r"2000 messages, \d+ µs each; .*",
        r"  \d+ times: network in server\.\(\*client\)\.readLoop",
        r"nats\.trace: valid.*",
    )
    assert judge.check(tmp_path / "nats_server" / "nats.trace") > 2000


def test_shop_tests(
    tmp_path: Path, go: Toolchain, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tests of a service pass; the third fails, and its window names the pool's connection."""
    monkeypatch.setenv("CGO_CFLAGS", "-O0")  # SQLite takes a minute otherwise
    done = run_as_printed("shop_tests", tmp_path, go)
    if _lacks_modules(done.stdout):
        pytest.skip("the modules of the shop cannot be downloaded")
    check(
        done,
        r"FAILED test_shop\.py::test_order_after_a_look_at_the_stock - .*",
        r"=+ 1 failed, 2 passed in .*",
        r"one of them fails, on purpose",
        r"Task \d+ 'http POST /orders/\{item\}' took \d+ ms .*",
    )
    # Where a line ends depends on how many digits the numbers have.
    assert (
        " it waited for a connection of the database/sql pool at main.(*shop).order (main.go:"
        in " ".join(done.stdout.split())
    ), done.stdout
    (folder,) = (tmp_path / "shop_tests" / "flightrec-results").glob("test_*")
    assert {path.name for path in folder.iterdir()} == {
        f"call-shop.{suffix}" for suffix in ("trace", "json", "txt", "stdout")
    }
    assert "'sql query'" in (folder / "call-shop.txt").read_text(encoding="utf-8")
    judge.check(folder / "call-shop.trace")


SERVER = """\
package main

import "flag"

func main() {
	port := flag.Int("port", 0, "")
	flag.Parse()
	println("port", *port)
}
"""


@pytest.mark.parametrize(
    ("page", "printed"), [("annotations.md", r"\d+ 1 play\n"), ("programs.md", "port 8080\n")]
)
def test_page(page: str, printed: str, tmp_path: Path, go: Toolchain, judge: Judge) -> None:
    """The Python on a page of the documentation runs as printed, and its snapshot is valid."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
    write_tree(
        tmp_path, {"go.mod": "module example.com/x\n\ngo 1.22\n", "cmd/server/main.go": SERVER}
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FLIGHTREC_GO": str(go.go)},
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(printed, done.stdout + done.stderr)
    snapshots = list(tmp_path.glob("*.trace"))
    assert snapshots
    for snapshot in snapshots:
        judge.check(snapshot)


def test_every_example_is_tested() -> None:
    """There is a test here for each example, and each has a README."""
    names = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert {f"test_{name}" for name in names} <= globals().keys()
    assert all((EXAMPLES / name / "README.md").is_file() for name in names)
