"""The words for each kind of step, and a slow program in which each is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from flightrec.trace.why import Explanation
from flightrec.trace.why.words import step_text
from tests.why.cases import CASES, PYTHON_CASES

__all__ = ["NOTES", "SINCE", "WORDS", "has_words", "missing"]

#: Which words, by the program that they are told of; "it" is a goroutine.
WORDS: Final = (
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
    ("deadline", r"^the timer that started it had not fired yet$"),
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
    ("sleep", r"^it ran up to main\.request"),
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
    (
        "stops",
        r"^the world was stopped for the garbage collector: the beginning of a cycle, by main\.",
    ),
    (
        "stops",
        r"^it waited (for the garbage collector to (begin a cycle|end marking)|to stop the world,)",
    ),
    ("finalizer", r" until goroutine \d+ \(runtime\.run[a-zA-Z]+\) closed it at main\.finalizer"),
    ("late_collection", r"^it, which runs the finalizers, had none to run until the garbage coll"),
    ("late_cleanup", r"^it, which runs the cleanups, had none to run until the garbage collector"),
    ("stopped", r"^it was ready to run, while main\.handOver \(scheduler\.go:\d+\) ran on its P$"),
    ("cgo", r"^it was in C \(linger\) in main\.callC"),
    ("file_lock", r"^it was in a system call \(syscall\.Flock\) in main\.lockFile"),
    ("network", r"^it waited for the network in main\.awaitAnswer"),
    ("dial", r"^it waited for the network \(to connect\) in main\.dialInVain"),
    ("accept", r"^it waited for the network \(to accept a connection\) in main\.awaitClient"),
    ("pipe", r"^it waited for a pipe or device \(to read\) in main\.readPipe"),
    ("full_pipe", r"^it waited for a pipe or device \(to write\) in main\.fillPipe"),
    (
        "python_task",
        r"^it waited for the Go workload that it started at task 'request', until .* ended",
    ),
    ("gil", r"^it was outside Go \(Python or C\) in region 'render'"),
)
#: The first Go minor version that has a program. Go 1.24 runs cleanups with the finalizers.
SINCE: Final = {case.name: case.since for case in (*CASES, *PYTHON_CASES)} | {"late_cleanup": 25}

#: What is noted of programs: that a process got no CPU, and that the garbage collector had it.
NOTES: Final = {
    "stopped": "no goroutine was interrupted",
    "collector": "the garbage collector was marking for",
}


def has_words(explanation: Explanation, words: str) -> bool:
    """Whether a step is told in these words."""
    told = (step_text(part, "it").rstrip(",") for part in explanation.parts)
    return any(re.search(words, text) for text in told)


def missing(program: str, explanation: Explanation) -> Iterator[str]:
    """The words that a program's explanation should have and has not."""
    for name, words in WORDS:
        if name == program and not has_words(explanation, words):
            yield words
    for name, words in NOTES.items():
        if name == program and not any(words in note for note in explanation.notes):
            yield words
