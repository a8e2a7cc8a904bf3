"""Rules: what to wait for, so that the right moment is on disk afterwards.

The language is :mod:`flightrec.rules.grammar`'s; docs/rules.md shows it by examples. Conditions can
be made, combined and tried without a recorder:

    condition = parse("goroutines > 10000") & parse("sched.p99 > 10ms for 5s")
    Trial(condition).at(Moment(now=0.0, values={…}))
"""

from flightrec.rules.conditions import Condition, Measure
from flightrec.rules.grammar import parse
from flightrec.rules.moment import Event, Moment
from flightrec.rules.trial import Trial

__all__ = ["Condition", "Event", "Measure", "Moment", "Trial", "parse"]
