"""From readings to values: intervals begin and end with readings that were taken."""

from __future__ import annotations

import pytest

from flightrec.rules.catalog import Catalog, Metric
from flightrec.rules.conditions import Measure
from flightrec.rules.measuring import Measures
from flightrec.rules.sources import Reading

CALLS = "/cgo/calls:calls"
COUNT, RATE = Measure(CALLS), Measure(CALLS, rate=True)

pytestmark = pytest.mark.pythons


@pytest.fixture
def measures() -> Measures:
    """Return the measures of a counter and of its rate."""
    measures = Measures(Catalog({CALLS: Metric(CALLS, "uint64", cumulative=True)}))
    measures.set([COUNT, RATE])
    return measures


def calls(at: float, count: int) -> Reading[dict[str, int]]:
    """A reading of the counter."""
    return Reading(at, {CALLS: count})


def test_a_first_value_at_once(measures: Measures) -> None:
    """Before the first interval there is the count, and no rate."""
    measures.fill("go", calls(0.0, 10))
    assert measures.moment(0.0, 0.0).values == {COUNT: 10}


def test_an_interval_is_from_tick_to_tick(measures: Measures) -> None:
    """A reading between two ticks neither ends the interval nor begins one."""
    measures.take("go", calls(0.0, 10))
    measures.take("go", calls(1.0, 20))
    measures.fill("go", calls(1.001, 30))
    assert measures.moment(1.0, 0.0).values == {COUNT: 20, RATE: 10}
    measures.take("go", calls(2.0, 40))
    assert measures.moment(2.0, 0.0).values == {COUNT: 40, RATE: 20}
