"""``flightrec run``, end to end in child processes: any Go code, and every way in which it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from flightrec.tables import read_columns
from flightrec.toolchain import Toolchain, find_toolchain, validate_trace
from tests.gomodules import fingerprint
from tests.helpers import DEADLINE, ROOT, until
from tests.helpers_go import Event, Judge
from tests.helpers_run import PROGRAMS, Ended, Libraries, Runner, Running
from tests.trace.toolchains import Toolchain as FoundToolchain
from tests.trace.toolchains import toolchains

OLDEST_AND_NEWEST = list(dict.fromkeys([*toolchains()[:1], *toolchains()[-1:]]))


@pytest.fixture(scope="session")
def libraries(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what builds one of the tests' programs, once."""
    return Libraries(go, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def ends(libraries: Callable[[str], Path]) -> Path:
    """Build the program that ends in every way."""
    return libraries("ends")


@pytest.fixture(scope="session")
def native(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the same program as Go does."""
    program = tmp_path_factory.mktemp("native") / "ends"
    go.run("build", "-o", program, ".", cwd=PROGRAMS / "ends")
    return program


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Return what starts ``flightrec run``; all is over at the end."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


def natively(program: Path, *arguments: str) -> Ended:
    """Run a program that Go has built."""
    return Running([program, *arguments]).finish()


def last_words(events: list[Event]) -> bool:
    """Say whether a trace has what the program put there before its end."""
    return any(e.kind == "Log" and e.value("Category") == "last" for e in events)


def complaint(err: str) -> str:
    """Return what Go says of a crash before it shows goroutines, without numbers that differ."""
    lines = [line for line in err.splitlines() if not line.startswith("flightrec:")]
    text = "\n".join(lines).strip().partition("\n\ngoroutine ")[0]
    return re.sub(r"\bpc=0x[0-9a-f]+|\bgoroutine \d+", "…", text)


# ---- a program that nobody prepared


class AppRun:
    """One run of the ordinary program, in a read-only folder under git."""

    def __init__(self, folder: Path) -> None:
        source = folder / "app"
        shutil.copytree(PROGRAMS / "app", source)
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", str(source)]
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
            subprocess.run([*git, *words], check=True)
        for path in (source, *source.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
        before = fingerprint(source)
        work = folder / "work"
        work.mkdir()
        self.runner = Runner(work)
        running = self.runner.start(
            "../app", "-status=3", "a b", "--c", env={"APP_SETTING": "passed on"}
        )
        running.write("some\nlines\n")
        self.ended = running.finish()
        self.untouched = fingerprint(source) == before
        self.status = subprocess.run(
            [*git, "status", "--porcelain", "--ignored"], capture_output=True, check=True
        ).stdout
        self.left = sorted(path.name for path in work.rglob("*"))
        for path in (source, *source.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)


@pytest.fixture(scope="session")
def app_run(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> AppRun:
    """Run the ordinary program once, with the Go that the tests use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLIGHTREC_GO", str(go.go))
        patch.setenv("GOPROXY", "off")
        return AppRun(tmp_path_factory.mktemp("app"))


def test_standard_streams_are_the_programs(app_run: AppRun) -> None:
    """Arguments, environment, stdin up to its end, stdout and stderr are the program's own."""
    assert app_run.ended.out == "hello a b,--c passed on embedded\n\n"
    assert "9 letters\n" in app_run.ended.err.splitlines(keepends=True)


def test_status_is_the_programs(app_run: AppRun) -> None:
    """The program's exit status becomes ours."""
    assert app_run.ended.status == 3


def test_snapshot_is_left(app_run: AppRun, judge: Judge) -> None:
    """The snapshot is valid, and is all that the run leaves; we say where it is."""
    assert app_run.left == ["s.trace", "temporary"]
    assert judge.check(app_run.runner.snapshot) > 20
    assert f"flightrec: {app_run.runner.snapshot}: " in app_run.ended.said


def test_tree_is_untouched(app_run: AppRun) -> None:
    """The program's read-only folder is as it was, and clean to git."""
    assert app_run.untouched
    assert app_run.status == b""


def test_snapshot_is_named_after_the_program(runner: Runner, ends: Path) -> None:
    """Without -o the snapshot is NAME.trace in the current folder."""
    process = subprocess.run(
        [sys.executable, "-m", "flightrec", "run", "-q", ends, "--", "return"],
        cwd=runner.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert process.returncode == 0
    assert [path.name for path in runner.folder.glob("*.trace")] == ["libends.trace"]


# ---- ends


@pytest.mark.parametrize(
    "way",
    ["return", "exit", "exit elsewhere", "log.Fatal", "goexit", "exit twice", "leftover", "child"],
)
def test_ends_as_natively(way: str, runner: Runner, ends: Path, native: Path, judge: Judge) -> None:
    """Status, stdout and stderr of an orderly end are those of the ordinary program."""
    ended = runner.run(ends, way)
    assert ended.own == natively(native, way)
    judge.check(runner.snapshot)
    if way in ("exit", "exit elsewhere", "log.Fatal", "goexit"):
        assert last_words(judge.events(runner.snapshot))


@pytest.mark.parametrize(
    "way",
    [
        "panic",
        "panic elsewhere",
        "panic with error",
        "panic in panic",
        "panic with locks",
        "nil pointer",
        "nil elsewhere",
        "unlock",
        "map writes",
    ],
)
def test_crashes_as_natively(
    way: str, runner: Runner, ends: Path, native: Path, judge: Judge
) -> None:
    """A crash has Go's status, message and stack, and the snapshot reaches up to it."""
    ended = runner.run(ends, way)
    expected = natively(native, way)
    assert (ended.status, ended.out) == (2, "")
    assert expected.status == 2
    assert complaint(ended.err) == complaint(expected.err)
    assert "main.go:" in ended.err
    assert last_words(judge.events(runner.snapshot))


def test_stack_overflow(runner: Runner, ends: Path) -> None:
    """An error inside the runtime ends with Go's status and message, and without a snapshot."""
    ended = runner.run(ends, "stack overflow")
    assert ended.status == 2
    assert "fatal error: stack overflow" in ended.err
    assert not runner.snapshot.exists()


def test_exit_at_once(runner: Runner, ends: Path, judge: Judge) -> None:
    """A program that calls os.Exit as the first thing of all leaves its snapshot each time."""
    for _ in range(5):
        assert runner.run(ends, "exit at once").status == 3
        judge.check(runner.snapshot)
        runner.snapshot.unlink()


def test_exit_in_init(runner: Runner, ends: Path) -> None:
    """os.Exit before main has its status; nothing has been recorded then."""
    ended = runner.run(ends, "return", env={"EXIT_IN_INIT": "yes"})
    assert ended == Ended(9, "", "")
    assert [path.name for path in runner.folder.iterdir()] == ["temporary"]


def test_killed(runner: Runner, ends: Path) -> None:
    """SIGKILL leaves neither a snapshot nor half of one; its folder is removed by a later run."""
    running = runner.start(ends, "forever")
    running.expect("ready")
    running.signal(signal.SIGKILL)
    assert running.finish().status == -signal.SIGKILL
    assert [path.name for path in runner.folder.iterdir()] == ["temporary"]
    (left,) = runner.temporary.iterdir()
    os.utime(left, (0, 0))
    runner.run(ends, "exit")
    assert list(runner.temporary.iterdir()) == []


def test_main_outlives_goexit_of_main(runner: Runner, ends: Path) -> None:
    """runtime.Goexit in main ends main and not the program, as in Go."""
    assert runner.run(ends, "goexit").out == "others go on\n"


@pytest.mark.matrix
def test_the_programs_main_is_the_programs(runner: Runner, ends: Path, judge: Judge) -> None:
    """The goroutine of main is main.main; that of the bridge, which only waits, is not."""
    runner.run(ends, "exit")
    judge.check(runner.snapshot)
    columns = read_columns(runner.snapshot, ["goroutines"])["goroutines"]
    found = dict(zip(columns["name"], columns["kind"], strict=True))
    ours = {name: kind for name, kind in found.items() if "Main." in name or name == "main.main"}
    assert ours == {"main.main": "program", "flightrec/gobridge.awaitMain.func1": "recorder"}
    # Nor does the bridge have a frame that is named after whoever registers main.
    functions = read_columns(runner.snapshot, ["frames"])["frames"]["function"]
    assert "flightrec/gobridge.RegisterMain.func1" in functions
    assert not [one for one in functions if "RegisterMain" in one and "gobridge" not in one]


@pytest.mark.parametrize("way", ["exit", "panic"])
def test_nothing_is_left_in_the_temporary_folder(way: str, runner: Runner) -> None:
    """The library that was built for the run is removed, however the program ends."""
    runner.run(PROGRAMS / "ends", way)
    assert list(runner.temporary.iterdir()) == []


@pytest.mark.matrix
@pytest.mark.parametrize("way", ["exit", "panic", "map writes", "unlock"])
@pytest.mark.parametrize("tool", OLDEST_AND_NEWEST, ids=str)
def test_ends_with_other_versions_of_go(tool: FoundToolchain, way: str, runner: Runner) -> None:
    """The oldest and the newest Go found have the hooks for the end as well."""
    ended = runner.run(PROGRAMS / "ends", way, options=["--go", tool.go])
    assert ended.status == (7 if way == "exit" else 2)
    verdict = validate_trace(runner.snapshot, find_toolchain(tool.go))
    assert verdict.valid, verdict.error


# ---- signals


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_signal_stops(name: str, runner: Runner, ends: Path, judge: Judge) -> None:
    """A signal that the program has not asked for stops it, with the snapshot written."""
    running = runner.start(ends, "forever")
    running.expect("ready")
    running.signal(signal.Signals[name])
    assert running.finish().status == 128 + signal.Signals[name]
    assert last_words(judge.events(runner.snapshot))


@pytest.mark.parametrize(("name", "text"), [("SIGINT", "interrupt"), ("SIGTERM", "terminated")])
def test_signal_that_the_program_asked_for(
    name: str, text: str, runner: Runner, ends: Path, judge: Judge
) -> None:
    """A signal given to signal.Notify is the program's, which ends as it likes."""
    running = runner.start(ends, "notify")
    running.expect("ready")
    running.signal(signal.Signals[name])
    ended = running.finish()
    assert (ended.status, ended.out) == (5, f"ready\ngot {text}\n")
    assert last_words(judge.events(runner.snapshot))


def test_ignored_signal_stays_ignored(runner: Runner, ends: Path) -> None:
    """SIGINT that is ignored from the start, as in a shell's background job, stops nothing."""
    running = runner.start(ends, "dump", before=["sh", "-c", 'trap "" INT; exec "$@"', "sh"])
    running.expect("ready")
    running.signal(signal.SIGINT)
    running.write("\n")
    running.expect("done")
    assert running.finish().status == 0


def test_dump_while_it_runs(runner: Runner, ends: Path, judge: Judge) -> None:
    """SIGUSR1 has a snapshot written, each with the next number, and the program goes on."""
    running = runner.start(ends, "dump")
    running.expect("ready")
    for number in (1, 2):
        running.signal(signal.SIGUSR1)
        until((runner.folder / f"s-{number}.trace").exists, "the snapshot")
    assert not runner.snapshot.exists()
    assert last_words(judge.events(runner.folder / "s-1.trace"))
    running.write("\n")
    ended = running.finish()
    assert (ended.status, ended.out) == (0, "ready\ndone\n")
    assert ended.said.count("flightrec: ") == 3
    for name in ("s", "s-1", "s-2"):
        assert f"{name}.trace: " in ended.said
        judge.check(runner.folder / f"{name}.trace")


def test_dump_of_another_run_stays(runner: Runner, ends: Path) -> None:
    """A dump takes a number that no file has yet."""
    (runner.folder / "s-1.trace").write_bytes(b"of another run")
    running = runner.start(ends, "dump")
    running.expect("ready")
    running.signal(signal.SIGUSR1)
    until((runner.folder / "s-2.trace").exists, "the snapshot")
    assert (runner.folder / "s-1.trace").read_bytes() == b"of another run"
    running.write("\n")
    running.finish()


def test_dump_by_another_signal(runner: Runner, ends: Path, judge: Judge) -> None:
    """--dump-signal names another signal, for a program that uses SIGUSR1 itself."""
    running = runner.start(ends, "dump", options=["--dump-signal", "usr2"])
    running.expect("ready")
    running.signal(signal.SIGUSR2)
    until((runner.folder / "s-1.trace").exists, "the snapshot")
    judge.check(runner.folder / "s-1.trace")
    running.signal(signal.SIGUSR1)  # is nobody's now, as without flightrec
    assert running.finish().status in (-signal.SIGUSR1, 128 + signal.SIGUSR1)


def test_dump_that_cannot_be_written(runner: Runner, ends: Path) -> None:
    """A dump that fails is told, and costs the program nothing."""
    gone = runner.folder / "gone"
    gone.mkdir()
    running = runner.start(ends, "dump", options=["-o", gone / "s.trace"])
    running.expect("ready")
    gone.rmdir()
    running.signal(signal.SIGUSR1)
    until(lambda: running.said("no snapshot"), "the message")
    gone.mkdir()
    running.write("\n")
    assert running.finish().status == 0
    assert (gone / "s.trace").exists()


def test_duration(runner: Runner, ends: Path, judge: Judge) -> None:
    """--duration stops a program that would run for ever, with status 0."""
    ended = runner.run(ends, "forever", options=["--duration", "300ms"])
    assert ended.status == 0
    assert last_words(judge.events(runner.snapshot))


# ---- what programs may do to it


def test_much_output(runner: Runner, ends: Path) -> None:
    """Output that is larger than any pipe comes through whole."""
    assert len(runner.run(ends, "much output").out) == 512 << 16


def test_reader_that_goes_away(runner: Runner, ends: Path, judge: Judge) -> None:
    """A write to a pipe that nobody reads ends the program by SIGPIPE, with a snapshot."""
    running = runner.start(ends, "yes", before=["sh", "-c", '"$@" | head -1; :', "sh"])
    assert running.finish().out == "y\n"
    assert last_words(judge.events(runner.snapshot))


def test_program_that_traces(runner: Runner, ends: Path, judge: Judge) -> None:
    """trace.Start in the program works beside the recording, which goes on."""
    ended = runner.run(ends, "traces")
    assert (ended.status, ended.out) == (5, "")
    assert last_words(judge.events(runner.snapshot))


def test_program_that_stops_the_trace(runner: Runner, ends: Path, judge: Judge) -> None:
    """trace.Stop in the program does not end the recording."""
    ended = runner.run(ends, "stops trace")
    assert ended.status == 5
    assert last_words(judge.events(runner.snapshot))


def test_program_that_changes_the_folder(runner: Runner, ends: Path, judge: Judge) -> None:
    """A relative -o counts from where the run began."""
    ended = runner.run(ends, "chdir", options=["-o", "relative.trace"])
    assert ended.own == (0, "<nil>\n", "")
    judge.check(runner.folder / "relative.trace")


@pytest.mark.parametrize("target", ["built", "folder"])
def test_name_of_the_program(target: str, runner: Runner, ends: Path) -> None:
    """os.Args[0] is an executable file with the program's name."""
    ended = runner.run(ends if target == "built" else PROGRAMS / "ends", "name", "x")
    assert re.fullmatch(r"/.*/flightrec-run-\w+/ends \[name x\]\n", ended.out), ended


def test_program_that_runs_itself(runner: Runner, ends: Path, native: Path, judge: Judge) -> None:
    """A program that starts os.Args[0] gets itself, unrecorded, with the ends that it has."""
    ended = runner.run(ends, "itself")
    assert ended.own == natively(native, "itself")
    assert ended.out == "exit status 7 exit status 2 signal: interrupt\n"
    judge.check(runner.snapshot)
    assert sorted(path.name for path in runner.folder.iterdir()) == ["s.trace", "temporary"]


def test_folder_of_another_run_stays(runner: Runner, ends: Path) -> None:
    """The folder of a run that is still on is not removed, however old it is."""
    running = runner.start(ends, "forever")
    running.expect("ready")
    (folder,) = runner.temporary.iterdir()
    os.utime(folder, (0, 0))
    other = Runner(runner.folder / "other", runner.temporary)
    assert other.run(ends, "exit").status == 7
    assert list(runner.temporary.iterdir()) == [folder]


# ---- libraries and workloads


def test_workload_with_arguments(runner: Runner, judge: Judge) -> None:
    """KEY=VALUE are a bundled workload's arguments, and its result is printed as JSON."""
    process = runner.start("pingpong", options=["pairs=2", "duration=0.1"])
    ended = process.finish()
    assert ended.status == 0, ended
    assert json.loads(ended.out)["roundtrips"] > 0
    judge.check(runner.snapshot)


def test_workload_stopped(runner: Runner, libraries: Callable[[str], Path], judge: Judge) -> None:
    """A signal cancels a workload's context, and it may say so."""
    running = runner.start(libraries("works"), options=["--workload", "wait"])
    running.expect("ready")
    running.signal(signal.SIGTERM)
    assert running.finish().status == 128 + signal.SIGTERM
    judge.check(runner.snapshot)


@pytest.mark.parametrize(
    ("workload", "status", "text"),
    [("fail", 1, "'fail' failed: as the test wants"), ("panic", 2, "panic: as the test wants")],
)
def test_workload_that_fails(
    workload: str,
    status: int,
    text: str,
    runner: Runner,
    libraries: Callable[[str], Path],
    judge: Judge,
) -> None:
    """An error of a workload has status 1, a panic 2, and both leave a snapshot."""
    ended = runner.run(libraries("works"), options=["--workload", workload])
    assert ended.status == status
    assert text in ended.err
    judge.check(runner.snapshot)


def test_one_workload_needs_no_name(
    runner: Runner, ends: Path, libraries: Callable[[str], Path]
) -> None:
    """A library with several workloads says which there are; a program has one, its main."""
    ended = runner.run(libraries("works"))
    assert ended.status == 2
    assert "several workloads; choose with --workload: echo, fail, panic, sum, wait" in (ended.said)
    assert runner.run(ends, "return", options=["--workload", "main"]).status == 0


def test_workload_of_a_package(runner: Runner, judge: Judge) -> None:
    """A package that registers workloads is built and run as a program is."""
    ended = runner.run(
        PROGRAMS / "works", options=["--workload", "echo", "n=1", "list=[1, 2]", "word=some text"]
    )
    assert ended.status == 0, ended.err
    assert json.loads(ended.out) == {"n": 1, "list": [1, 2], "word": "some text"}
    assert any(e.kind == "Log" for e in judge.events(runner.snapshot))


def test_workload_with_typed_arguments(
    runner: Runner, libraries: Callable[[str], Path], judge: Judge
) -> None:
    """Where text is wanted, a value that looks like a number is text."""
    given = ["--workload", "sum", "first=1", "more=[2, 3]", "label=5"]
    ended = runner.run(libraries("works"), options=given)
    assert (ended.status, ended.out) == (0, "6\n"), ended.err
    judge.check(runner.snapshot)


def test_duration_of_a_workload_without_one(
    runner: Runner, libraries: Callable[[str], Path], judge: Judge
) -> None:
    """A workload that has no duration is cancelled after --duration, with status 0."""
    options = ["--workload", "wait", "--duration", "300ms"]
    assert runner.run(libraries("works"), options=options).status == 0
    judge.check(runner.snapshot)


# ---- what cannot be run


@pytest.mark.parametrize("option", ["--instrument=net/http", "--race", "--tags=x", "--go=go"])
def test_build_options_without_a_build(
    libraries: Callable[[str], Path], runner: Runner, option: str
) -> None:
    """Options of a build are refused where nothing is built, and nothing is run."""
    for target, named in (("pingpong", "the bundled workload pingpong"), (libraries("ends"), "")):
        ended = runner.run(target, options=[option])
        assert ended.status == 2
        assert f"{option.partition('=')[0]} is about building, and {named}" in ended.said
        assert not runner.snapshot.exists()


def test_library_of_c_functions(runner: Runner, libraries: Callable[[str], Path]) -> None:
    """A library with nothing to run is refused, with the way to use it."""
    ended = runner.run(libraries("calls"))
    assert ended.status == 2
    assert "nothing to run: it is a library of C functions. Load it in Python" in ended.said


@pytest.mark.parametrize(
    ("target", "words", "message"),
    [
        ("no_such_thing", [], "no folder, library or bundled workload 'no_such_thing'; the work"),
        ("./nowhere", [], "there is no folder ./nowhere"),
        ("text.so", [], "cannot load text.so: "),
        ("main.go", [], "main.go is a file; name the folder of its package"),
        ("pingpong", ["pairs"], "not an argument: 'pairs'; write KEY=VALUE"),
        ("pingpong", ["--", "x"], "a workload's arguments are KEY=VALUE: 'x'"),
        ("pingpong", ["--workload"], "expected one argument"),
        ("pingpong", ["-o", "text.so/s.trace"], "text.so/s.trace: Not a directory"),
        ("pingpong", ["-o", "."], "Is a directory"),
        ("pingpong", ["-o", "/dev/fd/99"], "Bad file descriptor"),
        ("pingpong", ["--workload", "x"], "pingpong is itself a workload: --workload x is for"),
        ("pingpong", ["pears=1"], "there is no argument pears; did you mean pairs? There is dur"),
        ("pingpong", ["pairs=x"], 'pairs must be a whole number, not "x"'),
        ("pingpong", ["pairs=0"], "pairs must be at least 1, not 0"),
        ("pingpnog", [], "bundled workload 'pingpnog'; did you mean pingpong? The workloads are"),
        ("pingpong", ["pairs=1", "pairs=2"], "pairs is given twice"),
        ("pingpong", ["--max-bytes", "10"], "needs its unit: '10'; write it as 10MiB"),
        ("pingpong", ["--dump-signal", "x"], "there is no signal 'x'; write it as SIGUSR2"),
        ("pingpong", ["--dump-signal", "SIGKILL"], "SIGKILL cannot ask for a dump"),
        ("pingpong", ["--max-bytes", "0MiB"], "a size must be at least one byte"),
        ("pingpong", ["--duration", "3"], "write it with its unit"),
        ("pingpong", ["--experiment", "x"], "invalid choice"),
        ("{ends}", ["x=1"], "a program's arguments go behind --: x"),
        ("{ends}", ["--workload", "x"], "has no workload 'x', only main"),
    ],
)
def test_wrong_usage(
    target: str, words: list[str], message: str, tmp_path: Path, ends: Path
) -> None:
    """What cannot be run is refused with status 2 and a sentence, before any Go code runs."""
    (tmp_path / "text.so").write_text("not a library")
    (tmp_path / "main.go").write_text("package main")
    (tmp_path / "pingpong.trace").write_text("a good trace")
    ended = Running(
        [sys.executable, "-m", "flightrec", "run", target.format(ends=ends), *words], cwd=tmp_path
    ).finish()
    assert ended.status == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert (tmp_path / "pingpong.trace").read_text() == "a good trace"


# ---- the status line


def on_a_terminal(command: Sequence[object], folder: Path) -> tuple[int, str]:
    """Run a command whose standard error is a terminal; return its status and what it wrote."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # EIO: the other side is closed
                break
            if not piece:
                break
            written += piece
        os.close(ours)
        return process.wait(DEADLINE), written.decode()


RUN_FOREVER = ("-m", "flightrec", "run", "--duration", "500ms", "-o", "s.trace")


def test_status_line_on_a_terminal(runner: Runner, ends: Path) -> None:
    """On a terminal one line shows the window as it grows, and makes room for the last word."""
    command = [sys.executable, *RUN_FOREVER, "idle"]
    status, text = on_a_terminal(command, runner.folder)
    assert status == 0
    assert re.search(r"\r\x1b\[Kwindow \d.*; \d+ batches, \d+ generation", text)
    assert re.search(r"\r\x1b\[Kflightrec: s\.trace: [^\r\n]*\r\n\Z", text)


def test_status_line_of_a_program(runner: Runner, ends: Path) -> None:
    """With a program there is a status line only by --status."""
    command = [sys.executable, *RUN_FOREVER]
    _, text = on_a_terminal([*command, ends, "--", "forever"], runner.folder)
    assert len(text.splitlines()) == 1
    _, text = on_a_terminal([*command, "--status", ends, "--", "forever"], runner.folder)
    assert "\x1b[Kwindow " in text


def test_no_status_line_elsewhere(runner: Runner, ends: Path) -> None:
    """Where standard error is no terminal, the last word is all that is said."""
    ended = runner.run(ends, "forever", options=["--duration", "500ms"])
    assert len(ended.err.splitlines()) == 1


def test_quiet(runner: Runner, ends: Path) -> None:
    """-q says nothing, on a terminal neither."""
    command = [sys.executable, *RUN_FOREVER, "-q", ends, "--", "forever"]
    assert on_a_terminal(command, runner.folder) == (0, "")
    assert (runner.folder / "s.trace").exists()
