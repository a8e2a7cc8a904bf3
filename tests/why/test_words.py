"""Every kind of step has words of its own, and each is told of a real trace that has it."""

from __future__ import annotations

import pytest

from flightrec import trace
from flightrec.trace.why import explain
from tests.why.conftest import Corpus
from tests.why.words import NOTES, SINCE, WORDS, has_words


@pytest.mark.go_versions
@pytest.mark.parametrize(("program", "words"), WORDS, ids=[f"{p}-{w}" for p, w in WORDS])
def test_words(program: str, words: str, corpus: Corpus, go_minor: int) -> None:
    """A step is told in the words for its kind."""
    if go_minor < SINCE.get(program, 0):
        pytest.skip(f"needs Go 1.{SINCE[program]}")
    explanation = corpus.explained(program)
    assert has_words(explanation, words), str(explanation)


@pytest.mark.go_versions
@pytest.mark.parametrize("program", NOTES)
def test_notes(program: str, corpus: Corpus) -> None:
    """A note says what the steps do not: that the process or the program got less CPU."""
    explanation = corpus.explained(program)
    assert any(NOTES[program] in note for note in explanation.notes), str(explanation)


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
