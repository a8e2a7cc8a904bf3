"""Every kind of step has words of its own, and each is told of a real trace that has it."""

from __future__ import annotations

import re

import pytest

from flightrec import trace
from flightrec.trace.why import explain
from flightrec.trace.why.words import step_text
from tests.why.cases import CASES, PYTHON_CASES
from tests.why.conftest import Corpus

# Which words, by the program that they are told of; "it" is a goroutine.
_WORDS = (
    ("mutex_across_io", r"^it waited for a sync\.Mutex at .*, until goroutine \d+ unlocked it at "),
    ("mutex_across_io", r"^it was in a system call \(syscall\.read\) in main\.slowRead"),
    ("rwmutex", r"^it waited for a sync\.RWMutex \(to read\) at .* unlocked it at "),
    ("writer", r"^it waited for a sync\.RWMutex \(to write\) at .* unlocked it at "),
    ("convoy", r", which had waited there itself: \d+ waits of \d+ goroutines, one after another$"),
    ("once", r"^it waited for a sync\.Once at .* unlocked it at sync\.\(\*Once\)"),
    ("cond", r"^it waited for a sync\.Cond at .*, until goroutine \d+ signalled it at "),
    ("waitgroup", r"^it waited for a sync\.WaitGroup at .* was the last to be done at "),
    ("slow_receiver", r"^it waited for a channel \(to send\) at .* received at main\.receive"),
    ("slow_sender", r"^it waited for a channel \(to receive\) at .* sent at main\.compute"),
    ("afterfunc", r"^it waited for a channel \(to receive\) at .* closed it at main\.finishLate"),
    ("deadline", r"^it waited for a channel \(to receive\) at .* closed it at context\."),
    ("select", r"^it waited in a select at .* sent at main\.answerLate"),
    (
        "io_pipe",
        r"^it waited for the other end of an io\.Pipe at .* sent or received in a select at ",
    ),
    (
        "iter_pull",
        r"a coroutine \(iter\.Pull\) .*, the coroutine made at main\.pull .* switched back$",
    ),
    ("sleep", r"^it slept in main\.nap"),
    ("timer", r"^it waited for a timer in main\.waitForTimer"),
    ("running", r"^it ran in main\.spin .*, called from main\.computeLong"),
    (
        "cpu_hog",
        r"^it was ready to run, while main\.spin .*, called from main\.hog .* ran on its P$",
    ),
    ("collector", r"^it was ready to run, while the garbage collector marked .* on its P$"),
    ("collector", r"^it waited for the garbage collector to finish in main\.collector"),
    ("gc_assist", r"^it allocated and had to help the garbage collector \(mark assist\) in "),
    (
        "read_mem_stats",
        r"^the world was stopped for runtime\.ReadMemStats, by main\.pollStatistics",
    ),
    ("stop_the_world", r"^the world was stopped for debug\.WriteHeapDump, by main\.dumpHeap"),
    ("stops", r"^the world was stopped for a stack trace of all goroutines, by main\.stops"),
    ("stops", r"^the world was stopped for a goroutine profile, by main\.stops"),
    ("stops", r"^the world was stopped for a change of GOMAXPROCS, by main\.stops"),
    ("stops", r"^the world was stopped for the garbage collector: the begin of a cycle, by main\."),
    ("stops", r"^it waited for the garbage collector to begin a cycle at main\.stops"),
    ("finalizer", r" until goroutine \d+ \(runtime\.run[a-zA-Z]+\) closed it at main\.finalizer"),
    ("late_collection", r"^it, which runs the finalizers, had none to run until the garbage coll"),
    ("late_cleanup", r"^it, which runs the cleanups, had none to run until the garbage collector"),
    ("stopped", r"^it was ready to run, while main\.handOver \(scheduler\.go:\d+\) ran on its P$"),
    ("cgo", r"^it was in C \(linger\) in main\.callC"),
    ("file_lock", r"^it was in a system call \(syscall\.Flock\) in main\.lockFile"),
    ("network", r"^it waited for the network in main\.awaitAnswer"),
    (
        "python_task",
        r"^it waited for the Go workload that it started at task 'request', until .* ended",
    ),
    ("gil", r"^it was outside Go \(Python or C\) in region 'render'"),
)
# Go 1.24 runs cleanups with the finalizers.
_SINCE = {case.name: case.since for case in (*CASES, *PYTHON_CASES)} | {"late_cleanup": 25}


@pytest.mark.go_versions
@pytest.mark.parametrize(("program", "words"), _WORDS, ids=[f"{p}-{w}" for p, w in _WORDS])
def test_words(program: str, words: str, corpus: Corpus, go_minor: int) -> None:
    """A step is told in the words for its kind."""
    if go_minor < _SINCE.get(program, 0):
        pytest.skip(f"needs Go 1.{_SINCE[program]}")
    told = [step_text(part, "it").rstrip(",") for part in corpus.explained(program).parts]
    assert any(re.search(words, text) for text in told), told


@pytest.mark.go_versions
def test_no_cpu(corpus: Corpus) -> None:
    """Where a process got no CPU, which no trace records, the explanation says what is odd."""
    explanation = corpus.explained("stopped")
    assert any("no goroutine was interrupted" in note for note in explanation.notes), str(
        explanation
    )


@pytest.mark.go_versions
def test_since_before_the_window(corpus: Corpus, go_minor: int) -> None:
    """Of a wait that began before the window only the stack is known, and not even that on 1.22."""
    path = corpus.path("stopped")
    first: dict[int, trace.GoroutineTransition] = {}
    for event in trace.read(path):
        if isinstance(event, trace.GoroutineTransition) and event.goid is not None:
            first.setdefault(event.goid, event)
    waiting = [goid for goid, event in first.items() if event.to_state is trace.GoState.WAITING]
    told = " ".join(" ".join(str(explain(path, goroutine=goid)).split()) for goid in waiting)
    if go_minor < 23:
        assert "waited for what the trace does not say, as it began before the window" in told
    else:
        assert "waited for a channel (to receive) at main.awaitForever" in told
