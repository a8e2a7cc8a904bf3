"""The second pass: the explanation of a chosen subject."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from flightrec.errors import TraceFormatError
from flightrec.trace.names import quoted
from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.reader import Reader
from flightrec.trace.source import Source
from flightrec.trace.why.build import Builder
from flightrec.trace.why.choose import NotInTraceError, task_subject
from flightrec.trace.why.lives import Lives, State
from flightrec.trace.why.model import (
    Cause,
    Certainty,
    Explanation,
    Step,
    StepKind,
    Subject,
    SubjectKind,
)
from flightrec.trace.why.path import Path, Wait
from flightrec.trace.why.places import place_of
from flightrec.trace.why.sections import Section
from flightrec.trace.why.survey import Survey

__all__ = ["answer", "goroutine_subject", "load", "log_subject"]

# Of what was before the subject, so many events are kept: they pair the ends of connections. Where
# there are nearly no waits for the network, there is nothing to pair.
_HISTORY = 300_000
_NETWORK_WAITS = 20

# Go's sysmon interrupts what has run for 10 ms, and looks every 10 ms at least. Nothing for so long
# (ns), in so much of the time that is explained, is told of.
_SILENT = 40_000_000
_MUCH = 0.2

# A cause of at least this share is worth a note.
_LARGE = 0.2


def load(source: Source, survey: Survey, begin: int, end: int) -> Lives:
    """What goroutines did in a stretch, and shortly before.

    Whole generations are read for it: only from its begin on can one be put in order.
    """
    generations = survey.generations
    times = [time for _, time in generations]
    whole = max(1, survey.end - survey.begin)
    history = _HISTORY if survey.network_waits() >= _NETWORK_WAITS else 0
    keep_from = begin - history * whole // max(1, survey.events)
    first = max(0, bisect_right(times, keep_from) - 1)
    last = bisect_right(times, end)
    lives = Lives(keep_from)
    stop = generations[last][0] if last < len(generations) else None
    section = Section(source, generations[first][0], stop)
    try:
        with Reader(section, plain=True) as reader:
            for chunk in reader.chunks():
                lives.add(chunk)
                # One chunk more says what was running at the end.
                if chunk[0][0] > end:
                    break
    except TraceFormatError:
        # The first pass has met it too, and the explanation says so.
        pass
    finally:
        section.close()
    lives.finish()
    return lives


def goroutine_subject(
    lives: Lives, survey: Survey, goid: int, since: int | None, until: int | None
) -> Subject:
    """A goroutine's time, within what was asked for."""
    rows = lives.own.get(goid)
    if rows is None:
        raise NotInTraceError(f"the trace has no goroutine {goid}", goid)
    created = lives.before(rows[0]) == State.NOT_EXIST
    ended = lives.after(rows[-1]) == State.NOT_EXIST
    begin = lives.times[rows[0]] if created else survey.begin
    end = lives.times[rows[-1]] if ended else survey.end
    if since is not None:
        begin = max(begin, since)
    if until is not None:
        end = min(end, until)
    if end <= begin:
        raise NotInTraceError(f"goroutine {goid} did not exist at that time", goid)
    return Subject(
        SubjectKind.GOROUTINE,
        lives.name(goid),
        goid,
        goid,
        begin,
        end,
        complete=ended or until is not None,
        began_before=not created and since is None,
    )


def log_subject(survey: Survey, message: str) -> Subject:
    """The time up to a log: its task's whole time, else its goroutine's up to it."""
    log = survey.log
    if log is None:
        raise NotInTraceError(f"the trace has no log {quoted(message)}", message)
    task = survey.tasks.get(log.task) if log.task else None
    if task is not None:
        return task_subject(survey, task, f"it logged {quoted(log.message)}")
    return Subject(SubjectKind.LOG, log.message, None, log.goroutine, survey.begin, log.time)


def answer(
    lives: Lives, survey: Survey, subject: Subject, broken: str = "", path: Path | None = None
) -> Explanation:
    """The explanation of a subject. Several of one trace may share a path."""
    goid = subject.goid
    if subject.kind is SubjectKind.TASK and subject.id is not None:
        moments = lives.tasks.get(subject.id)
        if moments is not None:
            known = (moments.end_goid, moments.touched, moments.begin_goid)
            goid = next((found for found in known if found is not None), goid)
            subject = dataclasses.replace(subject, goid=goid)
    if goid is None:
        note = "no goroutine is known to have worked on it."
        return Explanation(subject, (), (), (), (note,), survey.begin, broken)
    builder = Builder()
    path = path or Path(lives)
    builder.add(path.walk(goid, subject.begin_ns, subject.end_ns))
    parts, steps, causes = builder.parts(lambda wait: _sharers(lives, wait))
    notes = (
        *_silence(lives, steps, subject),
        *_collected(lives, causes, subject),
        *_limits(causes),
    )
    return Explanation(subject, steps, parts, causes, notes, survey.begin, broken)


def _silence(lives: Lives, steps: Sequence[Step], subject: Subject) -> Iterator[str]:
    """That no goroutine was interrupted for long, though some ran."""
    busy = (StepKind.RUNNING, StepKind.RUNNABLE)
    silent = sum(
        min(end, step.end_ns) - max(begin, step.begin_ns)
        for step in steps
        if step.kind in busy and step.duration_ns >= _SILENT
        for begin, end in lives.gaps(step.begin_ns, step.end_ns, _SILENT)
    )
    if silent >= _MUCH * subject.duration_ns:
        yield (
            f"for {ns_text(silent)} of this no goroutine was interrupted or did anything that is "
            "recorded, though Go interrupts one that has run for 10 ms. Either the process got no "
            "CPU (a CPU limit, other processes, a stop signal), or it ran what cannot be "
            "interrupted; the trace does not tell which."
        )


def _collected(lives: Lives, causes: Sequence[Cause], subject: Subject) -> Iterator[str]:
    """That the garbage collector marked for most of it, which leaves less CPU to the program."""
    busy = (StepKind.RUNNING, StepKind.RUNNABLE, StepKind.GC)
    if sum(cause.share for cause in causes if cause.kind in busy) < _LARGE:
        return
    marked = sum(
        max(0, min(end, subject.end_ns) - max(begin, subject.begin_ns))
        for begin, end in lives.marks
    )
    if 2 * marked >= subject.duration_ns:
        yield (
            f"the garbage collector was marking for {ns_text(marked)} of this: it takes a quarter "
            "of the CPU or more, and slows down what allocates."
        )


def _sharers(lives: Lives, wait: Wait) -> int:
    """How many other goroutines waited at the same place for most of a wait."""
    if wait.row is None or wait.place is None:
        return 0
    function = wait.place.function
    reason = lives.reasons[wait.row]
    same: dict[int, bool] = {}
    found = set()
    half = (wait.end - wait.begin) // 2
    last = lives.row_at(wait.end)
    for row in range(last):
        if lives.codes[row] & 7 != State.WAITING or lives.reasons[row] != reason:
            continue
        number = lives.stacks[row]
        if number not in same:
            place = place_of(lives.stack_numbered(number))
            same[number] = place is not None and place.function == function
        if not same[number]:
            continue
        goid = lives.goids[row]
        own = lives.own[goid]
        at = bisect_right(own, row)
        until = lives.times[own[at]] if at < len(own) else lives.end
        overlap = min(until, wait.end) - max(lives.times[row], wait.begin)
        if overlap >= half and goid != wait.goid:
            found.add(goid)
    return len(found)


def _limits(causes: tuple[Cause, ...]) -> tuple[str, ...]:
    """What the trace cannot tell about the largest causes."""
    notes = []
    large = [cause for cause in causes[:3] if cause.share >= _LARGE]
    kinds = {cause.kind for cause in large}
    if StepKind.NETWORK in kinds:
        notes.append(
            "the trace records neither who is at the other end, which may be another process, nor "
            "whether such a wait ended because a deadline passed."
        )
    if StepKind.GC_ASSIST in kinds:
        notes.append(
            "who allocates while a collection runs has to help it (mark assist). Fewer allocations "
            "there, or a larger GOGC or GOMEMLIMIT, make that less."
        )
    if StepKind.BLOCKED in kinds:
        notes.append(
            "a wait that had not ended when the trace did says neither who holds the lock nor who "
            "would have sent."
        )
    if StepKind.OUTSIDE in kinds:
        notes.append(
            "outside Go nothing is recorded: it may be Python, C, or a wait for the GIL. Regions "
            "and tasks from Python name such stretches."
        )
    if any(c.kind is StepKind.RUNNABLE and c.function is None for c in large):
        notes.append(
            "no goroutine ran on the P meanwhile; other processes may have had the CPU, or a CPU "
            "limit held this one up, which a Go trace does not record."
        )
    if any(cause.certainty is Certainty.INFERRED for cause in large):
        notes.append("what is inferred is marked; the rest is recorded.")
    return tuple(notes)
