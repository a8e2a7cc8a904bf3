"""``flightrec redact``: the same trace without the program's names."""

from __future__ import annotations

import io
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flightrec.cli import main
from flightrec.errors import TraceFormatError
from flightrec.redact import CLASSES, redact
from flightrec.trace import AllocFree, batches, read
from flightrec.trace.spec import EVENT_TYPES
from flightrec.trace.tables import Tables
from tests.helpers_go import Judge
from tests.tables.conftest import WORKLOADS
from tests.trace.toolchains import toolchains
from tests.trace.tracebuilder import (
    batch,
    event,
    header,
    running,
    simple,
    stacks,
    strings,
    sync,
)
from tests.trace.tracemaker import TraceMaker

#: One trace of each Go version with everything in it, and the newest's with types.
CASES = [
    *(
        pytest.param(toolchain, "generations", id=f"{toolchain.version}-generations")
        for toolchain in (*toolchains()[:1], *toolchains()[1:][-1:])
    ),
    *(
        pytest.param(toolchain, "allocfree", id=f"{toolchain.version}-allocfree")
        for toolchain in toolchains()[-1:]
    ),
]


def redacted(source: Path | bytes, *keep: str) -> bytes:
    """The redacted trace."""
    out = io.BytesIO()
    redact(source, out, keep=keep)
    return out.getvalue()


def texts(trace: Path | bytes) -> set[str]:
    """All that is in a trace's tables of strings."""
    out: set[str] = set()
    for found in batches(trace):
        if found.first == EVENT_TYPES["Strings"]:
            tables = Tables()
            tables.strings.clear()
            tables.add_strings(found)
            out |= set(tables.strings.values())
    return out


def numbers(value: Any) -> Counter[float]:
    """All numbers in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        total: Counter[float] = Counter()
        for part in value:
            total += numbers(part)
        return total
    return Counter() if value is None or isinstance(value, (str, bool)) else Counter([value])


def info(file: Path, capsys: pytest.CaptureFixture[str]) -> Counter[float]:
    """The numbers of ``flightrec info``, without the file's size."""
    assert main(["info", "--json", str(file)]) == 0
    facts = json.loads(capsys.readouterr().out)
    del facts["bytes"]
    return numbers(facts)


@pytest.mark.matrix
@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads(
    name: str,
    recorded: dict[str, Path],
    judge: Judge,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A redacted trace is valid for Go, ``info`` has the same numbers, and the names are gone."""
    file = tmp_path / "r.trace"
    assert main(["redact", str(recorded[name]), "-o", str(file)]) == 0
    judge.check(file)
    assert info(file, capsys) == info(recorded[name], capsys)
    check_gone(recorded[name].read_bytes(), file.read_bytes())
    assert {"whole", "body", "stage", "begins"}.isdisjoint(texts(file))


@pytest.mark.parametrize(("toolchain", "scenario"), CASES)
def test_scenarios(toolchain: Any, scenario: str, maker: TraceMaker, tmp_path: Path) -> None:
    """So is that of a program with everything, for the Go that made it; its events are the same."""
    trace = maker.trace(toolchain, scenario)
    file = tmp_path / "r.trace"
    file.write_bytes(redacted(trace))
    mode = "-d=1" if toolchain.minor < 24 else "-d=parsed"
    done = subprocess.run(
        [toolchain.go, "tool", "trace", mode, str(file)],
        env=toolchain.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check_gone(trace.read_bytes(), file.read_bytes())
    for ours, theirs in zip(read(file), read(trace), strict=True):
        assert type(ours) is type(theirs)
        assert (ours.time, ours.goroutine, ours.proc, ours.thread) == (
            theirs.time,
            theirs.goroutine,
            theirs.proc,
            theirs.thread,
        )
        assert ours.stack.pcs == theirs.stack.pcs


def check_gone(before: bytes, after: bytes) -> None:
    """None of the strings that were replaced is anywhere in the bytes, but as part of one kept."""
    kept = texts(after)
    gone = texts(before) - kept
    assert gone
    everything = "\n".join(kept)
    for text in gone:
        raw = text.encode("utf-8", "surrogateescape")
        # A few letters come by chance in what is no text.
        assert len(raw) < 8 or raw not in after or text in everything, text


def test_types(maker: TraceMaker) -> None:
    """Names of types, in the AllocFree experiment's own data, are replaced too."""
    if not toolchains():
        pytest.skip("no Go toolchain was found")
    trace = maker.trace(toolchains()[-1], "allocfree")

    def types(source: Path | bytes) -> list[tuple[int, int, str]]:
        memory, found = AllocFree(), []
        for one in read(source):
            memory.feed(one)
            if type(one).__name__ == "Sync":
                found += [(t.id, t.size, t.name) for t in memory.types.values()]
        return found

    before, after = types(trace), types(redacted(trace))
    assert before
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert all(row[2].startswith("type") for row in after)
    assert types(redacted(trace, "types")) == before


@pytest.fixture(scope="module")
def secret() -> bytes:
    """A trace with a name of each class, and one that is in several."""
    names = {
        1: b"corp/secret.(*Plan).Run",
        2: b"/home/me/secret/plan.go",
        3: b"secret task",
        4: b"secret region",
        5: b"secret category",
        6: b"secret message",
        7: b"net/http.(*conn).serve",
        8: b"/usr/local/go/src/net/http/server.go",
        9: b"net/http.secret",
        10: b"/home/me/net/secret.go",
        11: b"sync",
        12: b"never used",
        13: b"time.Sleep",
        14: b"/usr/local/go/src/runtime/time.go",
        15: b"time.secret",
        16: b"/home/me/runtime/secret.go",
    }
    events = [
        *running(1, 7),
        event("UserTaskBegin", 1, 1, 0, 3, 1),
        event("UserRegionBegin", 1, 1, 4, 1),
        event("UserLog", 1, 1, 5, 6, 1),
        event("UserLog", 1, 1, 5, 1, 1),
        event("GoBlock", 1, 11, 1),
    ]
    frames = [(1, 1, 2, 7), (2, 7, 8, 8), (3, 9, 10, 9), (4, 13, 14, 9), (5, 15, 16, 9)]
    trace = header(26) + strings(1, names) + stacks(1, {1: frames})
    return trace + batch(1, 7, 1000, *events) + sync(26, 1, 1000)


def test_standard_output(secret: bytes, tmp_path: Path, capsysbinary: Any) -> None:
    """``-o -`` is standard output."""
    file = tmp_path / "s.trace"
    file.write_bytes(secret)
    assert main(["redact", str(file), "-o", "-"]) == 0
    assert capsysbinary.readouterr().out == redacted(file)


def test_classes(secret: bytes) -> None:
    """Each class has its own words; the standard library's and the runtime's words stay."""
    out = redacted(secret)
    assert texts(out) == {
        "package1.func1",
        "file1.go",
        "task1",
        "region1",
        "category1",
        "message1",
        "net/http.(*conn).serve",
        "net/http/server.go",
        "package2.func2",
        "file2.go",
        "time.Sleep",
        "runtime/time.go",
        "package3.func3",
        "file3.go",
        "sync",
        "",
    }
    assert redacted(out) == out
    assert b"secret" not in out
    assert b"home" not in out


@pytest.mark.parametrize("kept", [name for name in CLASSES if name not in ("types", "threads")])
def test_keep(kept: str, secret: bytes) -> None:
    """A class can be kept, and the others are replaced all the same."""
    left = {text for text in texts(redacted(secret, kept)) if "secret" in text}
    assert (
        left
        == {
            "functions": {"corp/secret.(*Plan).Run", "net/http.secret", "time.secret"},
            "files": {
                "/home/me/secret/plan.go",
                "/home/me/net/secret.go",
                "/home/me/runtime/secret.go",
            },
            "tasks": {"secret task"},
            "regions": {"secret region"},
            "categories": {"secret category"},
            # A message that is a function's name as well.
            "messages": {"secret message", "corp/secret.(*Plan).Run"},
        }[kept]
    )


def test_threads() -> None:
    """A Python thread's name is replaced, its id is not; the main thread's and our own stay."""
    names = {1: b"flightrec.thread", 2: b"7 secret", 3: b"8 MainThread", 4: b"9 flightrec-delivery"}
    events = [event("UserLog", 1, 0, 1, number, 0) for number in (2, 3, 4)]
    trace = header(26) + strings(1, names) + batch(1, 7, 1000, *running(1, 7), *events)
    out = redacted(trace + sync(26, 1, 1000))
    kept = {"flightrec.thread", "7 thread1", "8 MainThread", "9 flightrec-delivery"}
    assert texts(out) == kept


def test_same_word(recorded: dict[str, Path]) -> None:
    """The same text is the same word in every generation, and different ones stay different."""
    trace = recorded["http_server"]
    pairs = {
        (a.function, b.function)
        for ours, theirs in zip(read(trace), read(redacted(trace)), strict=True)
        for a, b in zip(ours.stack, theirs.stack, strict=True)
    }
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_many_strings() -> None:
    """Where the new strings need more room than a batch has, there are more batches."""
    names = {number: b"%d" % number for number in range(1, 6001)}
    events = [event("UserLog", 1, 0, number, number, 0) for number in names]
    trace = header(26) + strings(1, names) + batch(1, 7, 1000, *running(1, 7), *events)
    out = redacted(trace + sync(26, 1, 1000))
    assert sum(found.first == EVENT_TYPES["Strings"] for found in batches(out)) > 1
    assert sum(1 for _ in read(out)) == sum(1 for _ in read(trace + sync(26, 1, 1000)))


def test_wrong_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A class that there is not is an error that names those that there are."""
    file = tmp_path / "t.trace"
    file.write_bytes(simple())
    assert main(["redact", str(file), "-o", str(tmp_path / "o"), "--keep", "names"]) == 2
    assert "there is no class 'names'; there are functions, " in capsys.readouterr().err
    with pytest.raises(ValueError, match="no class of text names"):
        redact(file, io.BytesIO(), keep=["names"])


@pytest.mark.parametrize("size", [3, 17, 40, -1])
def test_broken(size: int, tmp_path: Path, secret: bytes) -> None:
    """A broken trace makes no redacted one."""
    with pytest.raises(TraceFormatError):
        redacted(secret[:size])
    file, out = tmp_path / "t.trace", tmp_path / "o.trace"
    file.write_bytes(secret[:size])
    assert main(["redact", str(file), "-o", str(out)]) == 1
    assert not out.exists()


def test_not_over_itself(tmp_path: Path) -> None:
    """The trace itself is not overwritten."""
    file = tmp_path / "t.trace"
    file.write_bytes(simple())
    assert main(["redact", str(file), "-o", str(file)]) == 2
    assert file.read_bytes() == simple()
