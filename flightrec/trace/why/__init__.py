"""Why was it slow? The critical path of a task, a goroutine or a wait, and its causes.

Two passes: the first says what there is and what stands out, the second reads the generations
that the subject lies in again, and keeps numbers of them, no events.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from typing import Any

from flightrec.errors import TraceFormatError
from flightrec.trace.events import Event
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.reader import Reader
from flightrec.trace.source import HasBytes, Source, WritesItself
from flightrec.trace.why.answer import answer, goroutine_subject, load, log_subject
from flightrec.trace.why.choose import (
    NotInTraceError,
    longest_of,
    outstanding,
    slowest,
    task_subject,
    tasks_named,
)
from flightrec.trace.why.fired import fired, task_of
from flightrec.trace.why.lives import Lives
from flightrec.trace.why.model import (
    Cause,
    Certainty,
    Explanation,
    Part,
    Place,
    Step,
    StepKind,
    Subject,
    SubjectKind,
    Usual,
    Waker,
)
from flightrec.trace.why.survey import Survey

__all__ = [
    "Cause",
    "Certainty",
    "Explanation",
    "NotInTraceError",
    "Part",
    "Place",
    "Step",
    "StepKind",
    "Subject",
    "SubjectKind",
    "Usual",
    "Waker",
    "explain",
    "explain_surveyed",
    "explain_task",
]


def explain(
    source: Source,
    *,
    task: int | str | None = None,
    slowest_task: bool = False,
    goroutine: int | None = None,
    log: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Explanation:
    """Why something in a trace took as long as it did.

    *source* is what :func:`flightrec.trace.read` takes. At most one of these says what is to be
    explained:

    :param task: the task with this number, or the slowest with this name.
    :param slowest_task: the slowest task of all.
    :param goroutine: this goroutine's time.
    :param log: the time up to the first log with this message, or if there is none with this in its
        message: its task's, else its goroutine's.
    :param since: ns on the trace clock: only what was going on then or later.
    :param until: ns on the trace clock: only what was going on then or earlier.

    Without any of these, the subject of the rule that saved the snapshot is explained, if the JSON
    file beside it names one: a task, or the longest delay, stop-the-world or wait for a lock. If
    there is none, what stands out is explained: the slowest task if it took far longer than the
    others of its name, else the longest wait, delay or stop-the-world if that is far beyond its
    kind. If nothing stands out, the explanation says so.

    What is not in the trace raises :class:`NotInTraceError`, and a broken trace
    TraceFormatError; two subjects, or an ``until`` before ``since``, raise ValueError. The trace
    is read twice, so a file that is not seekable is kept in memory meanwhile.
    """
    wanted = [task is not None, slowest_task, goroutine is not None, log is not None]
    if sum(wanted) > 1:
        raise ValueError("only one of task, slowest_task, goroutine and log can be explained")
    if since is not None and until is not None and until < since:
        raise ValueError("until is before since")
    again = _reopened(source)
    survey = Survey(
        waits=not any(wanted),
        wanted_log=log,
        since=since,
        until=until,
    )
    failure: TraceFormatError | None = None
    with Reader(again(), plain=True) as reader:
        try:
            for chunk in reader.chunks():
                survey.add(chunk)
        except TraceFormatError as error:
            if not survey.generations:
                raise
            failure = error
    _check_stretch(survey)
    if goroutine is not None:
        lives = load(again(), survey, survey.begin, survey.end)
        subject = goroutine_subject(lives, survey, goroutine, since, until)
    elif log is not None:
        subject = log_subject(survey, log)
        lives = load(again(), survey, subject.begin_ns, subject.end_ns)
    elif task is not None or slowest_task:
        found = tasks_named(survey, task)
        subject = task_subject(survey, slowest(survey, found))
        lives = load(again(), survey, subject.begin_ns, subject.end_ns)
    else:
        return _outstanding(source, again, survey, failure)
    return answer(lives, survey, subject, _failed(failure))


def explain_surveyed(
    source: Source, survey: Survey, failure: TraceFormatError | None = None
) -> Explanation:
    """What :func:`explain` says of a source alone, if *survey* has seen its events already.

    *survey* is one with ``waits``, and *failure* is what ended the reading. The part in question
    is read again.
    """
    if failure is not None and not survey.generations:
        raise failure
    return _outstanding(source, _reopened(source), survey, failure)


def _check_stretch(survey: Survey) -> None:
    """Refuse a stretch in which the trace has nothing.

    :raises NotInTraceError: it is before the trace's begin or after its end.
    """
    if survey.is_outside:
        took = ns_text(survey.end - survey.begin)
        raise NotInTraceError(
            f"there is no event in that stretch; the trace lasts {took}, from {survey.begin} to "
            f"{survey.end} ns on its clock",
            None,
        )


def _outstanding(
    source: Source,
    again: Callable[[], Source],
    survey: Survey,
    failure: TraceFormatError | None,
) -> Explanation:
    """What the snapshot was saved for, or what stands out."""
    subject = _noticed(survey, source) or outstanding(survey)
    if subject.kind is SubjectKind.NOTHING:
        return Explanation(subject, (), (), (), (), survey.begin, _failed(failure))
    lives = load(again(), survey, subject.begin_ns, subject.end_ns)
    return answer(lives, survey, subject, _failed(failure))


def explain_task(events: Sequence[Event], task: int) -> Explanation:
    """Why a task took as long as it did, from all events of a trace, which are at hand.

    Raises :class:`NotInTraceError` if there is no such task.
    """
    survey = Survey(waits=False)
    survey.add(events)
    (found,) = tasks_named(survey, task)
    lives = Lives()
    lives.add(events)
    lives.finish()
    return answer(lives, survey, task_subject(survey, found))


def _noticed(survey: Survey, source: Source) -> Subject | None:
    """What the rule was about that saved the snapshot; None if nothing says so."""
    if not survey.everything:
        return None
    for found in fired(source):
        why = f"saved because {found.reason}"
        task = task_of(survey, found)
        if task is not None:
            return task_subject(survey, task, why)
        if found.kind is not None:
            longest = longest_of(survey, found.kind, why)
            if longest is not None:
                return longest
    return None


def _failed(failure: TraceFormatError | None) -> str:
    return "" if failure is None else f"the trace is not valid to its end: {failure}"


def _reopened(source: Source) -> Callable[[], Source]:
    """How to read a source more than once."""
    if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)):
        return lambda: source
    read_it: Any = getattr(source, "read", None)
    if read_it is None:
        if isinstance(source, (WritesItself, HasBytes)):
            return lambda: source
        raise TypeError(
            "a trace is read from a path, a binary file, bytes or a snapshot, "
            f"not from {type(source).__name__}"
        )
    seek: Any = getattr(source, "seek", None)
    seekable: Any = getattr(source, "seekable", None)
    if seek is not None and seekable is not None and seekable():
        start = source.tell()  # type: ignore[union-attr]

        def rewound() -> Source:
            seek(start)
            return source

        return rewound
    held = io.BytesIO()
    while data := read_it(1 << 20):
        held.write(data)
    return held.getvalue
