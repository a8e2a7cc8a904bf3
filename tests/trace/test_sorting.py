"""Sorting leaves equals in the order that Go's slices.SortFunc does."""

from __future__ import annotations

import random
import subprocess

import pytest

from flightrec.trace.sorting import sort_by_time
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import TraceMaker


def _cases() -> list[list[int]]:
    rng = random.Random(20261121)
    cases = []
    for _ in range(600):
        size = rng.choice([5, 12, 13, 20, 49, 50, 51, 130, 600])
        keys = [rng.randrange(rng.choice([2, 7, size])) for _ in range(size)]
        shape = rng.randrange(5)
        if shape == 0:
            keys.sort()
        elif shape == 1:
            keys.sort(reverse=True)
        elif shape == 2:
            keys.sort()
            for _ in range(3):
                i, j = rng.randrange(size), rng.randrange(size)
                keys[i], keys[j] = keys[j], keys[i]
        elif shape == 3:
            keys = [i * i % 11 for i in range(size)]
        cases.append(keys)
    return cases


@pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")
def test_equals_end_up_as_in_go(maker: TraceMaker) -> None:
    """For lists of all sizes and shapes the permutation is Go's."""
    cases = _cases()
    process = subprocess.run(
        [maker.program(toolchains()[-1], "gosort")],
        input="".join(" ".join(map(str, keys)) + "\n" for keys in cases),
        capture_output=True,
        text=True,
        check=True,
    )
    for keys, line in zip(cases, process.stdout.splitlines(), strict=True):
        places = list(range(len(keys)))
        sort_by_time(places, keys)
        assert places == [int(word) for word in line.split()]


def test_sorts() -> None:
    """Whatever the order among equals, times ascend."""
    for keys in _cases():
        found = list(keys)
        sort_by_time(found, keys)
        assert found == sorted(keys)
