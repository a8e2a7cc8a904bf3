"""Published programs with a slow answer: the snapshot alone explains it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from flightrec.trace.why import StepKind, explain
from flightrec.trace.why.text import explanation_text
from tests.gomodules import write_tree
from tests.helpers import ROOT
from tests.helpers_go import Judge
from tests.why.conftest import skip_without_modules

pytestmark = pytest.mark.skipif(
    not os.environ.get("FLIGHTREC_PUBLISHED"),
    reason="building published programs takes minutes; `make published` does it",
)

_PAGE: Final = ROOT / "docs" / "why.md"


class Program(NamedTuple):
    """A program, what is slow in it, and what is to be said of that."""

    name: str
    package: str
    story: str
    #: On the stack of the largest cause.
    function: str
    kind: StepKind | None
    words: tuple[str, ...]


PROGRAMS: Final = (
    Program(
        "caddy",
        "github.com/caddyserver/caddy/v2/cmd/caddy@v2.8.4",
        "caddy 2.8.4 as a reverse proxy; one backend answer in 300 takes 300 ms",
        "net/http.(*persistConn).readLoop",
        StepKind.NETWORK,
        (
            r"it waited for the answer to an HTTP request at "
            r"reverseproxy\.\(\*HTTPTransport\)\.RoundTrip",
            r"waited for the network in http\.\(\*persistConn\)\.readLoop",
        ),
    ),
    Program(
        "nats-server",
        "github.com/nats-io/nats-server/v2@v2.10.22",
        "nats-server 2.10.22; one of 300 requests is answered late by another client",
        "github.com/nats-io/nats-server/v2/server.(*client).readLoop",
        StepKind.NETWORK,
        (
            r"it waited for a sync\.Cond at server\.\(\*client\)\.writeLoop",
            r"signalled it at server\.\(\*client\)\.flushSignal",
            r"wrote to the connection at server\.\(\*client\)\.flushOutbound \S+ \(inferred: ",
            r"waited for the network in server\.\(\*client\)\.readLoop",
        ),
    ),
    Program(
        "etcd",
        "",
        "etcd 3.5.17, whose store is defragmented while it is written to",
        "go.etcd.io/etcd/server/v3/mvcc/backend.(*backend).defrag",
        None,  # it copies, writes and syncs
        (
            r"it waited for a sync\.Mutex at backend\.\(\*",
            r"unlocked it at backend\.\(\*batchTx\)\.Unlock",
            r"Meanwhile, for [\d.]+ ms, goroutine \d+ .* in bbolt\.",
        ),
    ),
)

# The module of etcd's own command replaces others by folders of its repository. This is that
# command, with what is published.
_ETCD: Final = {
    "go.mod": "module etcd\n\ngo 1.22\n\nrequire go.etcd.io/etcd/server/v3 v3.5.17\n",
    "main.go": """\
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
""",
}


def _etcd(folder: Path, go: Toolchain) -> Path:
    """Write etcd's command as a module, or skip the test where its modules cannot be had."""
    write_tree(folder, _ETCD)
    done = subprocess.run(
        [str(go.go), "mod", "tidy"],
        cwd=folder,
        env=go.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"go mod tidy: {done.stderr}")
    return folder


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_explained(program: Program, go: Toolchain, tmp_path: Path, judge: Judge) -> None:
    """What was slow is picked and its cause is named, and the page has these words.

    With FLIGHTREC_UPDATE=1 the page is written anew.
    """
    library, trace = tmp_path / "lib.so", tmp_path / f"{program.name}.trace"
    with skip_without_modules():
        build(program.package or _etcd(tmp_path / "etcd-module", go), library, go=go.go)
    subprocess.run(
        [sys.executable, "-m", "tests.why.published", program.name, str(library), str(trace)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=True,
    )
    judge.check(trace)
    explanation = explain(trace)
    first = explanation.causes[0]
    assert first.place is not None
    assert program.function in [frame.function for frame in first.place.stack], str(explanation)
    assert program.kind in (first.kind, None), str(explanation)
    text = explanation_text(explanation)
    for words in program.words:
        assert re.search(words, " ".join(text.split())), text
    _on_page(program, text)


def _on_page(program: Program, text: str) -> None:
    """Check or write the text on the page. Numbers differ from run to run."""
    page = _PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {program.name} -->\n", f"\n<!-- end of {program.name} -->"
    before, _, rest = page.partition(begin)
    found, _, after = rest.partition(end)
    if os.environ.get("FLIGHTREC_UPDATE"):
        told = f"{program.story}:\n\n```\n{text.rstrip()}\n```"
        _PAGE.write_text(before + begin + told + end + after, encoding="utf-8")
        return
    for words in program.words:
        assert re.search(words, " ".join(found.split())), found
