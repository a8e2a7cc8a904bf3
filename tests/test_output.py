"""Writing a snapshot: whole or not at all to a path, and honestly to anything else."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec.output import write_file, write_path
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread

PIECES = [memoryview(b"go 1.26 trace\0\0\0"), memoryview(b""), memoryview(b"abc" * 1000)]
WHOLE = b"".join(PIECES)

needs_devices = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no /dev/full"
)


def _write(path: Any) -> int:
    return write_path(path, PIECES)


# ---- to a path


def test_new_file(tmp_path: Path) -> None:
    """A new file has all the bytes, their number is returned, and nothing else is left."""
    target = tmp_path / "x.trace"
    assert _write(target) == len(WHOLE)
    assert target.read_bytes() == WHOLE
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("form", [str, Path, os.fspath])
def test_forms_of_a_path(tmp_path: Path, form: Any) -> None:
    """A path may be text or anything that is PathLike."""
    assert _write(form(tmp_path / "x")) == len(WHOLE)
    assert (tmp_path / "x").read_bytes() == WHOLE


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is one in the current folder."""
    monkeypatch.chdir(tmp_path)
    _write("x")
    assert (tmp_path / "x").read_bytes() == WHOLE
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_file_is_replaced(tmp_path: Path) -> None:
    """A longer file that was there is replaced whole; whoever has it open keeps the old one."""
    target = tmp_path / "x"
    target.write_bytes(b"o" * 10_000)
    with target.open("rb") as old:
        _write(target)
        assert target.read_bytes() == WHOLE
        assert old.read() == b"o" * 10_000


def test_complete_before_it_takes_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new file takes the path's place it is complete, and until then the old one is there.

    So whoever reads the path at any time reads the one or the other, and no half.
    """
    target = tmp_path / "x"
    target.write_bytes(b"old")
    seen = []
    replace = Path.replace

    def spy(self: Path, to: Any) -> Path:
        seen.append((self.read_bytes(), Path(to).read_bytes()))
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", spy)
    _write(target)
    assert seen == [(WHOLE, b"old")]
    assert target.read_bytes() == WHOLE


def test_reader_never_sees_half(tmp_path: Path) -> None:
    """A reader beside a writer that writes all the time sees only whole files."""
    target = tmp_path / "x"
    contents = [bytes([n]) * 300_000 for n in range(2)]
    write_path(target, [memoryview(contents[0])])
    done = threading.Event()

    def write() -> None:
        try:
            for turn in range(150):
                half = memoryview(contents[turn % 2])
                write_path(target, [half[:100_000], half[100_000:]])
        finally:
            done.set()

    writer = Thread(write)
    reads = 0
    while not done.is_set():
        assert target.read_bytes() in contents
        reads += 1
    writer.result()
    assert reads > 0
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "writev"), reason="this system does not write so")
def test_pipe_that_does_not_block() -> None:
    """A full pipe that was made non-blocking is waited for, as if it were not."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    big = [*PIECES, memoryview(bytes(300_000))]
    with open(read, "rb") as reader, open(write, "wb", buffering=0) as writer:  # noqa: PTH123
        reading = Thread(reader.read)
        assert write_path(f"/dev/fd/{writer.fileno()}", big) == len(WHOLE) + 300_000
        writer.close()
        assert reading.result() == WHOLE + bytes(300_000)


def test_symlink(tmp_path: Path) -> None:
    """Through a symlink the file that it names is written, and the link stays."""
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "x"
    link = tmp_path / "link"
    link.symlink_to(target)
    for _ in range(2):  # the first time it names nothing yet
        _write(link)
        assert link.is_symlink()
        assert target.read_bytes() == WHOLE
    assert list((tmp_path / "folder").iterdir()) == [target]


def test_no_such_folder(tmp_path: Path) -> None:
    """A folder that is not there is the system's own error, and is not made."""
    with pytest.raises(FileNotFoundError):
        _write(tmp_path / "no" / "x")
    assert list(tmp_path.iterdir()) == []


def test_path_is_a_folder(tmp_path: Path) -> None:
    """A folder cannot be written to, and stays as it was."""
    with pytest.raises(IsADirectoryError):
        _write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@needs_devices
def test_device() -> None:
    """A device is written to, and is still one afterwards."""
    assert _write("/dev/null") == len(WHOLE)
    assert Path("/dev/null").is_char_device()


@needs_devices
def test_full_device() -> None:
    """A device that takes nothing gives the system's cause."""
    with pytest.raises(OSError, match="No space left on device"):
        _write("/dev/full")
    assert Path("/dev/full").is_char_device()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipe(tmp_path: Path) -> None:
    """A named pipe is written to, and not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = Thread(pipe.read_bytes)
    assert _write(pipe) == len(WHOLE)
    assert reader.result() == WHOLE
    assert pipe.is_fifo()


def test_many_pieces(tmp_path: Path) -> None:
    """There may be more pieces than one call of the system takes, and empty ones anywhere."""
    pieces = [memoryview(bytes([n % 256]) * (n % 5)) for n in range(5000)]
    assert write_path(tmp_path / "x", pieces) == sum(map(len, pieces))
    assert (tmp_path / "x").read_bytes() == b"".join(pieces)


@pytest.mark.parametrize("pieces", [[], [memoryview(b"go 1.26 trace\0\0\0")]])
def test_nothing_to_write(tmp_path: Path, pieces: list[memoryview]) -> None:
    """Nothing, or a header alone, is an error that leaves the file that was there alone."""
    target = tmp_path / "x"
    target.write_bytes(b"a good trace")
    with pytest.raises(flightrec.EmptySnapshotError, match=r"nothing to write to .*x, which was"):
        write_path(target, pieces)
    assert target.read_bytes() == b"a good trace"
    assert list(tmp_path.iterdir()) == [target]


def test_system_writes_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system takes less than it was given, the rest follows."""
    sizes = iter([1, 15, 2, 7, 100, 1] * 1000)

    def stingy(descriptor: int, pieces: Any) -> int:
        return os.write(descriptor, b"".join(pieces)[: next(sizes)])

    monkeypatch.setattr(os, "writev", stingy)
    assert _write(tmp_path / "x") == len(WHOLE)
    assert (tmp_path / "x").read_bytes() == WHOLE


def test_system_without_writev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no writev it is done with write."""
    monkeypatch.delattr(os, "writev")
    assert _write(tmp_path / "x") == len(WHOLE)
    assert (tmp_path / "x").read_bytes() == WHOLE


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failing_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Whatever stops a write half way, the path has what it had, and nothing else is left."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    calls = []

    def failing(descriptor: int, pieces: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise error
        return os.write(descriptor, pieces[0][:3])

    monkeypatch.setattr(os, "writev", failing)
    with pytest.raises(type(error)) as caught:
        _write(target)
    assert caught.value is error
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_failing_rename_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary file that cannot take the path's place does not stay either."""

    def refuse(self: Path, target: Any) -> Path:
        raise PermissionError("no")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        _write(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_full_disk(child: Child, tmp_path: Path) -> None:
    """A real limit of the system in the middle of a real snapshot: its cause, and no file."""
    pytest.importorskip("resource")
    child.run(
        """
        import errno, resource
        runtime = flightrec.load()
        with flightrec.FlightRecorder(runtime, max_bytes=1 << 20) as recorder:
            runtime.run("pingpong", duration=0.05)
            target = sys.argv[1] + "/x"
            with open(target, "w") as file:
                file.write("old")
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
            try:
                recorder.write_to(target)
            except OSError as exc:
                assert exc.errno == errno.EFBIG, exc
            else:
                raise SystemExit("it was written")
            assert os.listdir(sys.argv[1]) == ["x"]
            with open(target) as file:
                assert file.read() == "old"
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert recorder.write_to(target) == os.path.getsize(target)
        """,
        tmp_path,
    )


# ---- to a file object


class Writer:
    """A file object of which a test says how it writes."""

    def __init__(self, *answers: Any) -> None:
        self.got = b""
        self._answers = iter(answers)

    def write(self, data: memoryview) -> Any:
        """Take what the next answer says."""
        answer = next(self._answers)
        if isinstance(answer, BaseException):
            raise answer
        self.got += bytes(data[:answer])
        return answer


def test_bytesio() -> None:
    """A BytesIO gets all of it, where it stands."""
    file = io.BytesIO(b"before")
    file.seek(0, io.SEEK_END)
    assert write_file(file, PIECES) == len(WHOLE)
    assert file.getvalue() == b"before" + WHOLE


def test_file_without_buffer(tmp_path: Path) -> None:
    """A raw file is written to until it has all."""
    with (tmp_path / "x").open("wb", buffering=0) as file:
        assert write_file(file, PIECES) == len(WHOLE)
    assert (tmp_path / "x").read_bytes() == WHOLE


def test_pipe_without_buffer() -> None:
    """A raw pipe takes less at a time than it is given; the rest follows."""
    read, write = os.pipe()
    big = [memoryview(bytes(300_000)), memoryview(b"end")]
    with open(read, "rb") as reader, open(write, "wb", buffering=0) as writer:  # noqa: PTH123
        reading = Thread(reader.read)
        assert write_file(writer, big) == 300_003
        writer.close()
        assert reading.result() == b"".join(big)


def test_pipe_that_would_block() -> None:
    """A raw pipe that takes nothing more without blocking is a short write, not a success."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with open(read, "rb"), open(write, "wb", buffering=0) as writer:  # noqa: PTH123
        with pytest.raises(OSError, match="short write: the file took None of"):
            write_file(writer, [memoryview(bytes(10_000_000))])


def test_writer_that_writes_short() -> None:
    """A write that takes a part is given the rest."""
    writer = Writer(3, 10, 3, 2990, 10)
    assert write_file(writer, PIECES) == len(WHOLE)
    assert writer.got == WHOLE


def test_writer_that_returns_nothing() -> None:
    """A write that returns None has taken all."""

    class Quiet(Writer):
        def write(self, data: memoryview) -> None:
            self.got += data

    writer = Quiet()
    assert write_file(writer, PIECES) == len(WHOLE)
    assert writer.got == WHOLE


@pytest.mark.parametrize("answer", [0, -1, 17, "5", 1.5])
def test_writer_that_answers_nonsense(answer: Any) -> None:
    """A write that takes nothing, or says that it took what it cannot have, is an OSError."""

    class Odd(Writer):
        def write(self, data: memoryview) -> Any:
            return answer

    with pytest.raises(OSError, match=r"short write: the file took .* of 16 bytes after 0 bytes"):
        write_file(Odd(), PIECES)


def test_writer_that_raises() -> None:
    """What a write raises is what the caller gets."""
    fault = RuntimeError("mine")
    with pytest.raises(RuntimeError) as caught:
        write_file(Writer(16, fault), PIECES)
    assert caught.value is fault


@pytest.mark.parametrize("what", ["closed", "read only", "text"])
def test_files_that_cannot_be_written(tmp_path: Path, what: str) -> None:
    """A closed, a read-only and a text file each give their own error."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    file: Any
    if what == "closed":
        file = io.BytesIO()
        file.close()
    else:
        file = path.open("r" if what == "text" else "rb")
    with pytest.raises((ValueError, OSError, TypeError)):
        write_file(file, PIECES)
    file.close()
    assert path.read_bytes() == b"old"


# ---- through the recorder


def test_write_to_returns_what_it_wrote(make_recorder: MakeRecorder, tmp_path: Path) -> None:
    """To a path and to a file, the number returned is that of the bytes that are there."""
    recorder = make_recorder()
    recorder.start()
    path = tmp_path / "x.trace"
    assert recorder.write_to(path) == path.stat().st_size > 16
    file = io.BytesIO()
    assert recorder.write_to(file) == len(file.getvalue()) > 16
    recorder.stop()
    assert path.read_bytes()[:5] == b"go 1."


def test_failed_write_leaves_the_recorder_as_it_was(
    make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    """After a write that failed the recorder records on, and the next write succeeds."""
    recorder = make_recorder()
    recorder.start()
    fault = RuntimeError("mine")
    with pytest.raises(RuntimeError) as caught:
        recorder.write_to(Writer(fault))
    assert caught.value is fault
    with pytest.raises(FileNotFoundError):
        recorder.write_to(tmp_path / "no" / "x")
    assert recorder.enabled
    assert recorder.write_to(tmp_path / "x") > 16
    recorder.stop()


def test_native_memory_is_let_go_after_a_write(make_recorder: MakeRecorder, tmp_path: Path) -> None:
    """A write holds the window's memory while it runs, and not afterwards, failed or not."""
    recorder = make_recorder()
    recorder.start()
    generations = recorder.runtime.cdll.flightrec_generation_count

    class Failing:
        def write(self, data: memoryview) -> None:
            raise RuntimeError

    for file in (tmp_path / "x", io.BytesIO(), Failing()):
        with contextlib.suppress(RuntimeError):
            recorder.write_to(file)
        assert generations() == recorder.stats().generations  # the window's own
    recorder.stop()


def test_writing_does_not_need_the_gil_of_others(
    make_recorder: MakeRecorder,
) -> None:
    """While a write is stuck in its file, other threads take snapshots and statistics."""
    recorder = make_recorder()
    recorder.start()
    entered, leave = threading.Event(), threading.Event()

    class Stuck:
        def write(self, data: memoryview) -> None:
            entered.set()
            assert leave.wait(DEADLINE)

    writing = Thread(recorder.write_to, Stuck())
    assert entered.wait(DEADLINE)
    assert Thread(recorder.snapshot).result().generations
    assert Thread(recorder.stats).result().enabled
    with pytest.raises(flightrec.SnapshotActiveError):
        recorder.write_to(io.BytesIO())
    leave.set()
    assert writing.result() > 16
    recorder.stop()
