"""Retention: the ring keeps what Go's own flight recorder would keep."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from flightrec.ring import retain, trim


class Gen(NamedTuple):
    """A generation, as far as a policy sees it."""

    number: int
    nbytes: int
    start_ns: int


def generations(count: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Gen, ...]]:
    """Consecutive generations; sizes and gaps from nothing to more than any threshold below."""
    sizes = st.integers(0, 60) | st.integers(0, 4)
    gaps = st.integers(0, 60) | st.integers(0, 4)

    def build(parts: list[tuple[int, int]]) -> tuple[Gen, ...]:
        start = 1000
        out = []
        for number, (size, gap) in enumerate(parts, 1):
            start += gap
            out.append(Gen(number, size, start))
        return tuple(out)

    return count.flatmap(
        lambda n: st.lists(st.tuples(sizes, gaps), min_size=n, max_size=n).map(build)
    )


several = generations(st.integers(1, 12))
thresholds = st.integers(1, 200)


def reference(
    ring: tuple[Gen, ...], finished: Gen, max_bytes: int, min_age_ns: int, now_ns: int
) -> tuple[Gen, ...]:
    """Go's rule, said of each generation by itself.

    ``endGeneration`` builds the new ring from the newest back, and stops before a generation if
    what it has so far is larger than the size wanted or began longer ago than the age wanted. So a
    generation is kept if that holds at none of the places after it: for every younger one, it and
    all that are younger still are within the size, and it began within the age.
    """
    everything = (*ring, finished)

    def full_from(at: int) -> bool:
        size = sum(generation.nbytes for generation in everything[at:])
        return size > max_bytes or now_ns - everything[at].start_ns > min_age_ns

    return tuple(
        generation
        for at, generation in enumerate(everything)
        if not any(full_from(younger) for younger in range(at + 1, len(everything)))
    )


@given(several, thresholds, thresholds, st.integers(0, 60))
def test_same_as_go_one_step(
    everything: tuple[Gen, ...], max_bytes: int, min_age_ns: int, late_ns: int
) -> None:
    """After any generation has finished, the ring is what Go's rule leaves."""
    *ring, finished = everything
    now_ns = finished.start_ns + late_ns
    kept = retain(tuple(ring), finished, max_bytes=max_bytes, min_age_ns=min_age_ns, now_ns=now_ns)
    assert kept == reference(tuple(ring), finished, max_bytes, min_age_ns, now_ns)


@given(several, thresholds, thresholds, st.lists(st.integers(0, 30), min_size=12, max_size=12))
def test_same_as_go_whole_recording(
    everything: tuple[Gen, ...], max_bytes: int, min_age_ns: int, late: list[int]
) -> None:
    """A ring that begins empty and goes through many generations is Go's after each of them."""
    ours: tuple[Gen, ...] = ()
    theirs: tuple[Gen, ...] = ()
    for finished, late_ns in zip(everything, late, strict=False):
        now_ns = finished.start_ns + late_ns
        ours = retain(ours, finished, max_bytes=max_bytes, min_age_ns=min_age_ns, now_ns=now_ns)
        theirs = reference(theirs, finished, max_bytes, min_age_ns, now_ns)
        assert ours == theirs


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(-50, 50)), min_size=1, max_size=8),
    thresholds,
    thresholds,
)
def test_same_as_go_with_times_out_of_order(
    parts: list[tuple[int, int]], max_bytes: int, min_age_ns: int
) -> None:
    """Start times that do not grow, as from Ms whose batches come late, change nothing in that."""
    everything = tuple(Gen(n, size, 1000 + at) for n, (size, at) in enumerate(parts, 1))
    *ring, finished = everything
    kept = retain(tuple(ring), finished, max_bytes=max_bytes, min_age_ns=min_age_ns, now_ns=1050)
    assert kept == reference(tuple(ring), finished, max_bytes, min_age_ns, 1050)


@given(several, thresholds, thresholds, st.integers(0, 60))
def test_retain_properties(
    everything: tuple[Gen, ...], max_bytes: int, min_age_ns: int, late_ns: int
) -> None:
    """The new ring is an end of the old one and the finished generation, cut at a threshold."""
    *ring, finished = everything
    now_ns = finished.start_ns + late_ns
    kept = retain(tuple(ring), finished, max_bytes=max_bytes, min_age_ns=min_age_ns, now_ns=now_ns)
    assert kept
    assert kept == everything[len(everything) - len(kept) :]
    newer_than_oldest = kept[1:]
    if newer_than_oldest:  # the oldest crosses a threshold at most: without it all is within
        assert sum(g.nbytes for g in newer_than_oldest) <= max_bytes
        assert now_ns - newer_than_oldest[0].start_ns <= min_age_ns
    if len(kept) < len(everything):  # what went lay wholly outside
        assert sum(g.nbytes for g in kept) > max_bytes or now_ns - kept[0].start_ns > min_age_ns


def test_crossing_generation_stays() -> None:
    """The generation that crosses the size stays, and the next older one goes; so for the age."""
    ring = (Gen(1, 10, 100), Gen(2, 10, 200), Gen(3, 10, 300))
    finished = Gen(4, 10, 400)
    by_size = retain(ring, finished, max_bytes=15, min_age_ns=10**9, now_ns=500)
    assert [g.number for g in by_size] == [3, 4]
    exactly = retain(ring, finished, max_bytes=20, min_age_ns=10**9, now_ns=500)
    assert [g.number for g in exactly] == [2, 3, 4]
    by_age = retain(ring, finished, max_bytes=10**9, min_age_ns=150, now_ns=500)
    assert [g.number for g in by_age] == [3, 4]
    exactly = retain(ring, finished, max_bytes=10**9, min_age_ns=200, now_ns=500)
    assert [g.number for g in exactly] == [2, 3, 4]


def test_finished_generation_stays_whatever_its_size() -> None:
    """One complete generation is kept, however large and old."""
    finished = Gen(2, 10**12, 0)
    assert retain((Gen(1, 1, 0),), finished, max_bytes=1, min_age_ns=1, now_ns=10**18) == (
        finished,
    )


@given(several, st.integers(0, 300))
def test_trim_properties(everything: tuple[Gen, ...], limit: int) -> None:
    """A trimmed ring is its longest end that fits, or the newest generation."""
    kept = trim(everything, limit)
    assert kept
    assert kept == everything[len(everything) - len(kept) :]
    size = sum(g.nbytes for g in kept)
    assert size <= limit or len(kept) == 1
    if len(kept) < len(everything):
        assert size + everything[len(everything) - len(kept) - 1].nbytes > limit


def test_trim_of_nothing() -> None:
    """An empty ring stays empty."""
    assert trim((), 10) == ()
