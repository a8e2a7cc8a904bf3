"""Whether an explanation names the cause that a program was written to have."""

from __future__ import annotations

from flightrec.trace.why import Explanation, SubjectKind
from tests.why.cases import Case

__all__ = ["check_cause"]


def check_cause(explanation: Explanation, case: Case) -> None:
    """Check that the slow request is what is explained, and its cause."""
    subject = explanation.subject
    assert (subject.kind, subject.name) == (SubjectKind.TASK, "request"), str(explanation)
    first = explanation.causes[0]
    # A stretch of running has the stack of its end, where the inner function may have returned.
    assert first.function in (case.function, case.caller), str(explanation)
    assert first.kind in (case.kind, case.or_kind), str(explanation)
    if case.caller and first.function == case.function:
        assert first.place is not None
        assert case.caller in [frame.function for frame in first.place.stack], str(explanation)
