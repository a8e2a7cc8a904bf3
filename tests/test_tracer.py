"""Streams: the full trace from one moment to another, beside recorders and beside each other."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import flightrec
from flightrec import output
from tests.conftest import MakeRecorder
from tests.helpers import DEADLINE, Child, Thread, fill_until, running, until
from tests.helpers_go import Judge

MIB = 1 << 20


@pytest.fixture
def tracer(runtime: flightrec.GoRuntime) -> flightrec.Tracer:
    """Return a tracer with the smallest buffer."""
    return flightrec.Tracer(runtime, buffer_bytes=MIB)


class Gate:
    """A binary file whose writes wait until it is opened."""

    def __init__(self) -> None:
        self.held = io.BytesIO()
        self.reached = threading.Event()
        self.open = threading.Event()

    def write(self, data: memoryview) -> int:
        """Wait, and write."""
        self.reached.set()
        assert self.open.wait(DEADLINE)
        return self.held.write(data)


class Full:
    """A binary file that takes nothing."""

    def write(self, data: memoryview) -> int:
        """Fail."""
        raise OSError(errno.ENOSPC, "no space")


@pytest.mark.go_versions
def test_from_start_to_stop(
    runtime: flightrec.GoRuntime, tracer: flightrec.Tracer, judge: Judge, tmp_path: Path
) -> None:
    """A stream beside a recorder has what happens from start to stop, and nothing before or after.

    So has one that is alone; and neither ends the recording.
    """
    with flightrec.FlightRecorder(runtime) as recorder:
        runtime.log("mark", "before")
        with tracer.start(tmp_path / "a.trace"):
            runtime.log("mark", "first")
            runtime.run("pingpong", pairs=1, duration=0.01)
            runtime.log("mark", "last")
        runtime.log("mark", "after")
        ours = recorder.snapshot()
    with tracer.start(tmp_path / "b.trace") as stream:
        runtime.log("mark", "alone")
    assert judge.messages(tmp_path / "a.trace", "mark") == ["first", "last"]
    assert judge.messages(tmp_path / "b.trace", "mark") == ["alone"]
    assert judge.messages(ours, "mark") == ["before", "first", "last", "after"]
    assert stream.files == (tmp_path / "b.trace",)
    assert names(tmp_path) == ["a.trace", "b.trace"]
    assert (tmp_path / "a.trace").stat().st_mode & 0o777 == 0o600


def test_stream_outlives_its_recorder(
    runtime: flightrec.GoRuntime, make_recorder: MakeRecorder, judge: Judge
) -> None:
    """recorder.stream_to writes to a file object, and goes on when the recorder is stopped."""
    recorder = make_recorder()
    with pytest.raises(flightrec.NotEnabledError):
        recorder.stream_to(io.BytesIO())
    recorder.start()
    runtime.log("mark", "before")
    file = io.BytesIO()
    with recorder.stream_to(file) as stream:
        runtime.log("mark", "both")
        recorder.stop()
        runtime.log("mark", "stream")
        stream.flush()
        assert judge.messages(file.getvalue(), "mark") == ["both", "stream"]
    assert not file.closed
    judge.check(file.getvalue())


def _drain(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["descriptor", "fifo"])
def test_pipes(
    runtime: flightrec.GoRuntime,
    tracer: flightrec.Tracer,
    judge: Judge,
    tmp_path: Path,
    kind: str,
) -> None:
    """A pipe and a named pipe are written to while the program runs; a pipe is left open."""
    if kind == "fifo":
        path = tmp_path / "fifo"
        os.mkfifo(path)
        reader = Thread(path.read_bytes)
        stream = tracer.start(path)
    else:
        reading, writing = os.pipe()
        reader = Thread(_drain, reading)
        stream = tracer.start(f"/dev/fd/{writing}")
    with stream:
        runtime.log("mark", "piped")
    if kind == "descriptor":
        os.close(writing)  # it is still open
    assert judge.messages(reader.result(), "mark") == ["piped"]


def test_rotation_by_size(
    runtime: flightrec.GoRuntime, tracer: flightrec.Tracer, judge: Judge, tmp_path: Path
) -> None:
    """Each file of a stream that is rotated is a trace; together they have everything, once."""
    (tmp_path / "t-0003.trace").write_text("older")
    with tracer.start(tmp_path / "t.trace", rotate_bytes=1) as stream:
        for number in range(3):
            runtime.log("mark", str(number))
            stream.flush()
    assert [f.name for f in stream.files][:3] == ["t.trace", "t-0002.trace", "t-0004.trace"]
    found = [message for file in stream.files for message in judge.messages(file, "mark")]
    assert found == ["0", "1", "2"]
    assert (tmp_path / "t-0003.trace").read_text() == "older"
    assert stream.stats().written_generations == len(stream.files)
    sizes = sum(file.stat().st_size - 16 for file in stream.files)
    assert stream.stats().written_bytes == sizes


def test_rotation_keeps_below_the_limit(
    runtime: flightrec.GoRuntime, tracer: flightrec.Tracer, tmp_path: Path
) -> None:
    """A file gets another generation as long as it stays below the size."""
    with tracer.start(tmp_path / "t.trace", rotate_bytes=MIB) as stream:
        for _ in range(4):
            stream.flush()
    assert len(stream.files) == 1
    assert stream.stats().written_generations >= 4


def test_rotation_sets_the_size_of_generations(
    runtime: flightrec.GoRuntime, make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    """Generations end at a fifth of rotate_bytes, so that a file has several and stays below it."""
    recorder = make_recorder(max_bytes=128 * MIB)
    recorder.start()
    tracer = flightrec.Tracer(runtime)
    assert recorder.stats().advance_bytes > 10 * MIB
    with tracer.start(tmp_path / "t.trace", rotate_bytes=12 * MIB) as stream:
        assert recorder.stats().advance_bytes <= 12 * MIB / 5
        fill_until(runtime, lambda: len(stream.files) >= 2, "there are two files")
    assert recorder.stats().advance_bytes > 10 * MIB
    assert stream.stats().written_generations > len(stream.files)


def test_rotation_by_time(
    runtime: flightrec.GoRuntime, tracer: flightrec.Tracer, judge: Judge, tmp_path: Path
) -> None:
    """A new file begins with the first generation after the time."""
    with tracer.start(tmp_path / "t.trace", rotate_seconds=1e-9) as stream:
        for number in range(2):
            runtime.log("mark", str(number))
            stream.flush()
    assert len(stream.files) == stream.stats().written_generations > 1
    assert [m for f in stream.files for m in judge.messages(f, "mark")] == ["0", "1"]
    with tracer.start(tmp_path / "u.trace", rotate_seconds=3600) as stream:
        for _ in range(2):
            stream.flush()
    assert len(stream.files) == 1


def test_error_reaches_its_caller_only(
    runtime: flightrec.GoRuntime,
    tracer: flightrec.Tracer,
    recorder: flightrec.FlightRecorder,
    judge: Judge,
    tmp_path: Path,
) -> None:
    """What writing raises ends that stream and is raised by its stop; nobody else notices."""
    broken = tracer.start(Full())
    with tracer.start(tmp_path / "good.trace"):
        runtime.log("mark", "a")
        with pytest.raises(OSError, match="no space"):
            broken.flush(timeout=DEADLINE)
        assert not broken.active
        runtime.log("mark", "b")
        snapshot = recorder.snapshot()
        with pytest.raises(OSError, match="no space") as raised:
            broken.stop()
        assert broken.failure is raised.value
    assert judge.messages(tmp_path / "good.trace", "mark") == ["a", "b"]
    assert judge.messages(snapshot, "mark") == ["a", "b"]
    with pytest.raises(flightrec.NotEnabledError):
        broken.stop()


def test_error_while_it_is_stopped(
    tracer: flightrec.Tracer, recorder: flightrec.FlightRecorder
) -> None:
    """A write that fails after the stop has begun is the last, and the stop raises its error."""
    writes = 0

    class Gone(Gate):
        def write(self, data: memoryview) -> int:
            nonlocal writes
            writes += 1
            super().write(data)
            raise BrokenPipeError("the reader has gone")

    gone = Gone()
    stream = tracer.start(gone)
    recorder.snapshot()  # ends a generation
    assert gone.reached.wait(DEADLINE)
    with pytest.raises(TimeoutError, match="the file did not take all of the trace"):
        stream.stop(timeout=0.01)
    gone.open.set()
    with pytest.raises(BrokenPipeError, match="the reader has gone"):
        stream.stop()
    assert writes == 1


def test_blocked_consumer(
    runtime: flightrec.GoRuntime,
    tracer: flightrec.Tracer,
    recorder: flightrec.FlightRecorder,
    judge: Judge,
) -> None:
    """A file that blocks disturbs nobody and bounds its memory; what it misses is counted.

    What it has got is a valid trace, and stop says that it is not all.
    """
    gate = Gate()
    stream = tracer.start(gate)
    recorder.snapshot()  # ends a generation
    assert gate.reached.wait(DEADLINE)
    fill_until(runtime, lambda: stream.stats().missed_generations >= 3, "some are missed")
    assert stream.stats().buffered_bytes < 8 * MIB
    with pytest.raises(TimeoutError, match="the file did not take all of the trace"):
        stream.flush(timeout=0.01)
    for act in (stream.flush, stream.stop):
        with pytest.raises(ValueError, match="timeout must be a positive number of seconds"):
            act(timeout=-1)
    snapshot = recorder.snapshot()
    with pytest.raises(TimeoutError, match="the file did not take all of the trace"):
        stream.stop(timeout=0.01)
    gate.open.set()
    with pytest.raises(flightrec.StreamOverrunError) as raised:
        stream.stop()
    assert raised.value.missed >= 3
    assert stream.stats().missed_generations >= 3
    judge.check(gate.held.getvalue())
    judge.check(snapshot)
    assert recorder.enabled


def test_gap_begins_another_file(
    runtime: flightrec.GoRuntime,
    tracer: flightrec.Tracer,
    judge: Judge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At a path a new file begins after what was missed on a slow disk: each is a valid trace."""
    reached, ready = threading.Event(), threading.Event()
    write = output.write_descriptor

    def slow(*arguments: Any) -> int:
        reached.set()
        assert ready.wait(DEADLINE)
        return write(*arguments)

    monkeypatch.setattr("flightrec.partialfile.write_descriptor", slow)
    with tracer.start(tmp_path / "t.trace") as stream:
        fill_until(runtime, reached.is_set, "one is being written")
        fill_until(runtime, lambda: stream.stats().missed_generations >= 1, "one is missed")
        ready.set()
        stream.flush()
        runtime.log("mark", "in the end")
    assert len(stream.files) == 2
    judge.check(stream.files[0])
    assert judge.messages(stream.files[1], "mark") == ["in the end"]


def test_killed(child: Child, judge: Judge, tmp_path: Path) -> None:
    """When the process is killed, the partial file has all until the last generation."""
    path = tmp_path / "t.trace"
    path.write_text("older")
    done = child.run(
        """
        import signal
        runtime = flightrec.load()
        stream = flightrec.Tracer(runtime).start(sys.argv[1])
        runtime.log("mark", "written")
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        path,
        check=False,
    )
    assert done.returncode == -9
    assert path.read_text() == "older"
    assert judge.messages(tmp_path / "t.trace.partial", "mark") == ["written"]


def test_go_panic(libraries: Callable[[str], Path], judge: Judge, tmp_path: Path) -> None:
    """When a Go panic ends the process, the partial file has all until the last generation."""
    done = Child(libraries("ends")).run(
        """
        runtime = flightrec.load()
        stream = flightrec.Tracer(runtime).start(sys.argv[1])
        runtime.log("mark", "written")
        stream.flush()
        runtime.run("main", args=["ends", "panic elsewhere"])
        """,
        tmp_path / "t.trace",
        check=False,
    )
    assert done.returncode in (2, -6), done
    assert "panic: elsewhere" in done.stderr
    assert names(tmp_path) == ["t.trace.partial"]
    assert judge.messages(tmp_path / "t.trace.partial", "mark") == ["written"]


def test_end_of_the_interpreter(child: Child, judge: Judge, tmp_path: Path) -> None:
    """A stream that is not stopped is complete when the interpreter has ended."""
    child.run(
        """
        runtime = flightrec.load()
        stream = flightrec.Tracer(runtime).start(sys.argv[1])
        runtime.log("mark", "written")
        """,
        tmp_path / "t.trace",
    )
    assert judge.messages(tmp_path / "t.trace", "mark") == ["written"]
    assert names(tmp_path) == ["t.trace"]


def test_fork(child: Child, judge: Judge, tmp_path: Path) -> None:
    """In a forked child a stream refuses at once, and its end leaves the parent's files alone.

    It asks the bridge for nothing there, whose locks another thread may have held.
    """
    child.run(
        """
        runtime = flightrec.load()
        tracer = flightrec.Tracer(runtime)
        streams = [tracer.start(path) for path in sys.argv[1:]]
        streams[0].flush()  # nothing is in the other one yet
        pid = fork()
        if pid == 0:
            for stream in streams:
                for act in (stream.stop, stream.flush):
                    try:
                        act()
                    except flightrec.ForkedProcessError:
                        continue
                    os._exit(1)
                with stream:
                    pass
                assert stream.stats() == flightrec.StreamStats()
            del stream, streams, act
            sys.exit()
        assert os.waitpid(pid, 0)[1] == 0
        runtime.log("mark", "after the fork")
        for stream in streams:
            stream.stop()
        """,
        tmp_path / "a.trace",
        tmp_path / "b.trace",
    )
    assert names(tmp_path) == ["a.trace", "b.trace"]
    for path in tmp_path.iterdir():
        assert judge.messages(path, "mark") == ["after the fork"]


def test_disk_full(child: Child, judge: Judge, tmp_path: Path) -> None:
    """Where the disk is full, the file has whole generations and stays partial."""
    path = tmp_path / "t.trace"
    path.write_text("older")
    child.run(
        """
        import errno, resource
        runtime = flightrec.load()
        tracer = flightrec.Tracer(runtime)
        stream = tracer.start(sys.argv[1])
        stream.flush()
        size = os.path.getsize(sys.argv[1] + ".partial")
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, size + 1000))
        try:
            stream.flush()
        except OSError as exc:
            assert exc.errno == errno.EFBIG
        else:
            raise SystemExit("it was written")
        try:
            stream.stop()
        except OSError as exc:
            assert exc.errno == errno.EFBIG
        assert os.path.getsize(sys.argv[1] + ".partial") == size
        assert str(stream.partial) == sys.argv[1] + ".partial"
        """,
        path,
    )
    assert path.read_text() == "older"
    judge.check(tmp_path / "t.trace.partial")


def test_stop_by_several(runtime: flightrec.GoRuntime, tracer: flightrec.Tracer) -> None:
    """Each of several callers of stop waits as long as it asked for; one of them stops it."""
    gate = Gate()
    stream = tracer.start(gate)
    waiting = Thread(stream.stop)
    assert gate.reached.wait(DEADLINE)
    with pytest.raises(TimeoutError):
        stream.stop(timeout=0.01)
    gate.open.set()
    waiting.result()
    with pytest.raises(flightrec.NotEnabledError):
        stream.stop()


def test_partial_files_are_kept(tracer: flightrec.Tracer, tmp_path: Path) -> None:
    """A partial file that somebody left is not touched, nor has another stream its number."""
    left = [tmp_path / "t.trace.partial", tmp_path / "t-0002.trace.partial"]
    for path in left:
        path.write_text("left")
    with tracer.start(tmp_path / "t.trace", rotate_bytes=1) as stream:
        assert stream.partial == tmp_path / "t.trace.partial-2"
        stream.flush()
        stream.flush()
    assert stream.partial is None
    assert [path.read_text() for path in left] == ["left", "left"]
    assert [path.name for path in stream.files][:2] == ["t.trace", "t-0003.trace"]
    assert names(tmp_path) == sorted(path.name for path in (*left, *stream.files))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t, p: t.start(p / "no" / "t"), FileNotFoundError, "no"),
        (lambda t, p: t.start(p), IsADirectoryError, "directory"),
        (lambda t, p: t.start(3), TypeError, "a path or a binary file"),
        (lambda t, p: t.start(io.StringIO()), TypeError, "a path or a binary file"),
        (lambda t, p: t.start(p / "t", rotate_bytes=0), ValueError, "rotate_bytes"),
        (lambda t, p: t.start(p / "t", rotate_seconds=float("nan")), ValueError, "rotate_seconds"),
        (lambda t, p: t.start(io.BytesIO(), rotate_bytes=9), ValueError, "rotated"),
        (lambda t, p: flightrec.Tracer(t.runtime, buffer_bytes=0), ValueError, "buffer_bytes"),
        (lambda t, p: flightrec.Tracer(t.runtime, experiments=("x",)), ValueError, "unknown"),
        (lambda t, p: flightrec.Tracer(cast("Any", "x")), TypeError, "flightrec.load"),
    ],
)
def test_refused(
    tracer: flightrec.Tracer,
    tmp_path: Path,
    call: Callable[[Any, Path], object],
    error: type[Exception],
    words: str,
) -> None:
    """What cannot work is refused at the start, by a sentence, and leaves nothing behind."""
    with pytest.raises(error, match=words):
        call(tracer, tmp_path)
    assert names(tmp_path) == []


def test_exception_in_the_block(tracer: flightrec.Tracer) -> None:
    """An exception inside a with statement is not replaced by the stream's."""
    with pytest.raises(KeyError), tracer.start(Full()):
        raise KeyError


def test_ages_of_several(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder) -> None:
    """Each of several recorders reaches back as far as its own min_age, at the same generations."""
    short, long = make_recorder(min_age=1e-6), make_recorder(min_age=600)
    short.start()
    long.start()
    for _ in range(5):
        short.snapshot()
    last, all_ = short.snapshot().generations, long.snapshot().generations
    assert len(last) < 3
    assert len(all_) > 5
    assert last[-1].number in [each.number for each in all_]


def test_memory_of_several(runtime: flightrec.GoRuntime, make_recorder: MakeRecorder) -> None:
    """Each of several recorders keeps its ceiling; together they need no more than the largest.

    Their generations are shared, and the smallest window sets the size of those.
    """
    recorders = [
        make_recorder(max_bytes=size * MIB, min_age=600, strict=True) for size in (24, 8, 4)
    ]
    for each in recorders:
        each.start()
    stream = flightrec.Tracer(runtime).start(io.BytesIO())
    with stream, running(runtime, "pingpong", pairs=2, duration=600):
        until(lambda: recorders[0].stats().window_bytes > 20 * MIB, "the largest is full")
        native = max(each.stats().native_bytes for each in recorders)
    found = [each.stats() for each in recorders]
    for stats in found:
        assert stats.peak_window_bytes <= stats.ceiling_bytes
        # However late advances are, two generations fit into the smallest window.
        assert stats.advance_bytes <= found[-1].ceiling_bytes / 2 < 24 * MIB / 5
    assert native < sum(stats.ceiling_bytes for stats in found)
    assert native <= found[0].ceiling_bytes + 8 * MIB


def test_many_streams(child: Child, tmp_path: Path) -> None:
    """Streams that begin and end at random under load leave nothing behind.

    No blocks, goroutines, threads, descriptors or files. FLIGHTREC_STREAMS says how many; by
    default few, so that it is quick.
    """
    child.run(
        """
        import gc, io, random
        from flightrec.rules.sources import MetricsReader
        runtime = flightrec.load()
        cdll = runtime._library.cdll

        class Full:
            def write(self, data):
                raise OSError(28, "full")

        def goroutines():
            name = "/sched/goroutines:goroutines"
            return MetricsReader(runtime._library).read([name])[name]

        def descriptors():
            return len(os.listdir("/proc/self/fd"))

        def some(number, count):
            chance = random.Random(number)
            tracer = flightrec.Tracer(runtime, buffer_bytes=chance.choice([1 << 20, 64 << 20]))
            running = []
            for each in range(count):
                kind = chance.choice(["path", "file", "full", "events"])
                if kind == "events":
                    stream = recorder.events()
                    if chance.random() < 0.5:
                        next(stream, None)
                else:
                    path = f"{folder}/{number}-{each % 3}"
                    target = dict(path=path, file=io.BytesIO(), full=Full())[kind]
                    stream = tracer.start(target)
                running.append(stream)
                while len(running) > chance.randrange(4):
                    end(running.pop(chance.randrange(len(running))))
            for stream in running:
                end(stream)

        def end(stream):
            if not isinstance(stream, flightrec.TraceStream):
                return stream.close()
            try:
                stream.stop()
            except OSError as exc:
                assert "full" in str(exc)

        def several(count):
            busy = runtime.start("http_server", duration=600)
            workers = [threading.Thread(target=some, args=(n, count // 4)) for n in range(4)]
            for each in workers:
                each.start()
            for each in workers:
                each.join()
            busy.cancel()
            busy.result(50)

        folder = sys.argv[1]
        recorder = flightrec.FlightRecorder(runtime)
        with recorder:  # what stays once it was there: threads, goroutines
            several(20)
        threads = threading.active_count()
        before = goroutines(), descriptors()
        with recorder:
            several(int(sys.argv[2]))
        deadline = time.monotonic() + 20
        while True:
            gc.collect()
            left = (
                cdll.flightrec_session_count(),
                cdll.flightrec_generation_count(),
                # Go keeps one for each thread that was in it at the same time as others.
                goroutines() > before[0] + 4,
                max(descriptors() - before[1], 0),
                threading.active_count() - threads,
            )
            if not any(left):
                break
            assert time.monotonic() < deadline, left
            time.sleep(0.01)
        assert not [name for name in os.listdir(folder) if "partial" in name]
        """,
        tmp_path,
        os.environ.get("FLIGHTREC_STREAMS", "100"),
    )
