"""The public names: there, sorted, documented, and typed as their users need them."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import errors
from tests.helpers import ROOT, Child

MODULES = (
    "flightrec",
    "flightrec.abi",
    "flightrec.annotate",
    "flightrec.errors",
    "flightrec.generation",
    "flightrec.library",
    "flightrec.output",
    "flightrec.recorder",
    "flightrec.recording",
    "flightrec.ring",
    "flightrec.runtime",
    "flightrec.snapshot",
    "flightrec.wire",
    "flightrec.workload",
)


@pytest.mark.parametrize("name", MODULES)
def test_all(name: str) -> None:
    """Each name in __all__ exists, once, and they are sorted as ruff does it."""
    module = importlib.import_module(name)
    names = module.__all__
    assert len(set(names)) == len(names)
    # Constants, then classes, then the rest.
    assert names == sorted(names, key=lambda n: (not n.isupper(), not n[:1].isupper(), n))
    for public in names:
        assert hasattr(module, public), public


def test_documented() -> None:
    """Each public object, and each of its public methods, says what it is."""
    for name in flightrec.__all__:
        thing: Any = getattr(flightrec, name)
        if name.startswith("__"):
            continue
        assert inspect.getdoc(thing), name
        if not inspect.isclass(thing):
            continue
        for member, value in vars(thing).items():
            if member.startswith("_") or not (
                inspect.isfunction(value) or isinstance(value, property)
            ):
                continue
            assert inspect.getdoc(value), f"{name}.{member}"


def test_one_root() -> None:
    """Every exception of ours is a FlightRecorderError and public."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, flightrec.FlightRecorderError)
        assert getattr(flightrec, name) is kind
    assert issubclass(flightrec.TraceFormatError, ValueError)
    assert issubclass(flightrec.WorkloadPanicError, flightrec.WorkloadError)


def test_trace_format_error() -> None:
    """A TraceFormatError says where, as far as it knows."""
    error = flightrec.TraceFormatError("odd", offset=5, generation=3)
    assert str(error) == "odd (generation 3, offset 5)"
    assert (error.reason, error.offset, error.generation) == ("odd", 5, 3)
    assert str(flightrec.TraceFormatError("odd")) == "odd"
    assert str(flightrec.TraceFormatError("odd", offset=0)) == "odd (offset 0)"


def test_import_needs_no_library(child: Child) -> None:
    """Importing flightrec loads nothing, starts nothing, and needs no library."""
    child.run(
        """
        from flightrec import library
        assert library._loaded is None
        assert threading.active_count() == 1
        try:
            flightrec.load()
        except flightrec.LibraryLoadError as exc:
            assert "/no/such/library" in str(exc)
        else:
            raise SystemExit("it was loaded")
        """,
        env={"FLIGHTREC_LIBRARY": "/no/such/library"},
    )


def test_only_the_standard_library(child: Child) -> None:
    """Recording imports nothing but the standard library."""
    child.run(
        """
        runtime = flightrec.load()
        with flightrec.FlightRecorder(runtime) as recorder:
            recorder.snapshot()
        ours = {name.partition(".")[0] for name in sys.modules}
        others = {name for name in ours if not name.startswith("_")}
        others -= set(sys.stdlib_module_names) | {"flightrec"}
        # What an environment's .pth files import is not ours to judge.
        others = {name for name in others
                  if "site-packages" in str(getattr(sys.modules[name], "__file__", ""))}
        assert not {"hypothesis", "pytest", "google", "numpy"} & others, others
        """
    )


def test_recording_loads_no_reader(child: Child) -> None:
    """Who only records and annotates does not wait for the trace reader, or SQL, to load."""
    child.run(
        """
        import flightrec.annotate.threads
        runtime = flightrec.load()
        with flightrec.FlightRecorder(runtime) as recorder, runtime.region("a region"):
            recorder.snapshot()
        readers = ("flightrec.trace", "flightrec.tables", "flightrec.sql", "flightrec.report",
                   "sqlite3")
        assert not [name for name in sys.modules if name.startswith(readers)
                    and not name.startswith("flightrec.tracer")]
        """
    )


USE = '''
"""What users write; mypy --strict must take it, and find the mistakes."""
import io
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

import flightrec

runtime = flightrec.load()
assert_type(runtime, flightrec.GoRuntime)
assert_type(flightrec.load(Path("x")), flightrec.GoRuntime)
assert_type(runtime.go_version, str)
assert_type(runtime.clock_now(), int)
assert_type(runtime.clock_units_per_second, int)
assert_type(runtime.workloads(), tuple[str, ...])
handle = runtime.start("pingpong", pairs=4, duration=60)
assert_type(handle, flightrec.WorkloadHandle)
assert_type(handle.wait(1.0), bool)
assert_type(handle.done, bool)
runtime.log("category", "message")
runtime.setenv("A", None)

with runtime.task("t") as task, runtime.region("r"):
    assert_type(task, flightrec.Task)
    task.log("a", "b")


@flightrec.traced
def one(a: int) -> str:
    return str(a)


@flightrec.traced(name="two")
def two(a: int, *, b: str = "") -> list[str]:
    return [b] * a


assert_type(one(1), str)
assert_type(two(1, b="x"), list[str])
one("x")  # type: ignore[arg-type]
two(1, c=1)  # type: ignore[call-arg]

recorder = flightrec.FlightRecorder(runtime, min_age=10.0, max_bytes=10 << 20)
flightrec.FlightRecorder(runtime, experiments=("allocfree",))
flightrec.FlightRecorder(runtime, 1.0)  # type: ignore[call-arg]
with recorder as entered:
    assert_type(entered, flightrec.FlightRecorder)
    recorder.set_period(1)
    recorder.set_size(1 << 20)
    assert_type(recorder.write_to("x"), int)
    recorder.write_to(Path("x"), last=2.0, flush=False, timeout=1)
    recorder.write_to(io.BytesIO())
    with open("x", "wb") as file, open("x", "wb", buffering=0) as raw:
        recorder.write_to(file)
        recorder.write_to(raw)
    recorder.write_to(5)  # type: ignore[arg-type]
    snapshot = recorder.snapshot(last=2.0)
    assert_type(snapshot, flightrec.Snapshot)
    assert_type(snapshot.header, bytes)
    assert_type(snapshot.generations, tuple[flightrec.Generation, ...])
    assert_type(snapshot.start_ns, int | None)
    assert_type(bytes(snapshot), bytes)
    assert_type(recorder.stats(), flightrec.RecorderStats)
    assert_type(recorder.stats().oldest_ns, int | None)
    snapshot.nbytes = 1  # type: ignore[misc]


def newest(
    ring: tuple[flightrec.Generation, ...], finished: flightrec.Generation, **_: Any
) -> tuple[flightrec.Generation, ...]:
    return (finished,)


flightrec.FlightRecorder(runtime, policy=newest)
try:
    pass
except flightrec.WorkloadPanicError as exc:
    assert_type(exc.stack, str)
except flightrec.TraceFormatError as exc:
    assert_type(exc.offset, int | None)
'''


def test_typing(tmp_path: Path) -> None:
    """Mypy --strict takes what users write with the public names, and finds what is wrong."""
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text(USE)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores"),
            *("--config-file", os.devnull, "--cache-dir", str(tmp_path / "cache")),
            *("--python-version", "3.10", "use.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
