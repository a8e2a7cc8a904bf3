"""docs/testing.md: its code runs as printed, and its tables are complete."""

from __future__ import annotations

import re
import socket
import sys
from dataclasses import fields

import pytest

from flightrec.pytest_plugin import plugin as hooks
from flightrec.pytest_plugin.limits import Limits
from tests.gomodules import write_tree
from tests.helpers import DEADLINE, ROOT
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")

SERVER = """\
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8080", "")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		panic(err)
	}
	fmt.Println("listening on", listener.Addr())
	http.HandleFunc("/items/7", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "7")
	})
	go http.Serve(listener, nil)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	<-asked
	fmt.Println("bye")
}
"""

SAVES_THE_TRACE = """\
def test_last(flight_recorder):
    flight_recorder.snapshot().save("all.trace")
"""

USES_THE_FIXTURE = """\
from urllib.request import urlopen

def test_shared(server):
    assert urlopen("http://127.0.0.1:8080/items/7").status == 200
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def test_code(project: Project) -> None:
    """Every block of Python is a file of tests that pass, and the SQL finds them in the trace."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    write_tree(
        project.pytester.path,
        {"go.mod": "module example.com/x\n\ngo 1.22\n", "cmd/server/main.go": SERVER},
    )
    main = project.pytester.path / "cmd" / "server" / "main.go"
    main.write_text(SERVER.replace("8080", port), encoding="utf-8")
    # A busy machine may stop a world for longer than the page allows.
    blocks = [block.replace("0.02", "30") for block in _blocks("python")]
    tests = 2
    project.write(SAVES_THE_TRACE, "test_zzz.py")
    project.write(USES_THE_FIXTURE.replace("8080", port), "test_shared.py")
    for number, block in enumerate(blocks):
        shared = "def test_" not in block  # a fixture
        project.write(
            block.replace("8080", port), "conftest.py" if shared else f"test_block{number}.py"
        )
        tests += block.count("def test_")
    # So that the last test's window still has the first test, however slow the machine.
    all_of_it = ("--flightrec-min-age=600s", "--flightrec-max-bytes=64MiB")
    in_order = ("-p", "no:randomly", "-p", "no:asyncio")
    project.run(*all_of_it, *in_order, timeout=5 * DEADLINE).assert_outcomes(passed=tests)
    (query,) = _blocks("sql")
    done = project.pytester.run(sys.executable, "-m", "flightrec", "sql", "all.trace", query)
    assert "::test_request" in done.stdout.str()


def _column(header: str) -> list[str]:
    """Return the first column of a table of the page, without its marks."""
    (table,) = re.findall(rf"^\| {re.escape(header)} \|.*\n\|-.*\n((?:\|.*\n)+)", PAGE, re.M)
    return [line.split("|")[1].strip().strip("`") for line in table.splitlines()]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("fixture", list(hooks._FIXTURES)),
        ("limit", [field.name for field in fields(Limits)]),
    ],
)
def test_tables(header: str, names: list[str]) -> None:
    """The page has each fixture and each limit."""
    assert [re.split("[=`]", text)[0] for text in _column(header)] == names


def test_options() -> None:
    """The page has each option."""
    told = {re.split("[= ]", text)[0] for text in _column("option")}
    settings = {
        f"--flightrec-{name.replace('_', '-')}" for name, flag, _ in hooks._SETTINGS if flag
    }
    assert told == {"--flightrec", *settings}
    assert all(f"--flightrec={mode}" in PAGE for mode in hooks.MODES)
