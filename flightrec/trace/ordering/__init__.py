"""The rules by which events of different Ms are put in order, and by which a trace is refused.

Every M writes its own events, in order; the order between Ms has to be worked out. Timestamps
nearly do it. What settles it is that an event can only come when the goroutine or proc that it
names is in the state that the event starts from, and its sequence number is next. So there is
one rule for each event type: it says "not yet", "yes" (and changes the state), or that
no valid trace can have this event here.

The rules are those of ``ordering`` in Go's ``internal/trace/order.go``, so that both readers
accept the same traces.
"""

from __future__ import annotations

from flightrec.trace.events import Generation
from flightrec.trace.ordering.gc import gc_rules
from flightrec.trace.ordering.goroutines import goroutine_rules
from flightrec.trace.ordering.misc import misc_rules
from flightrec.trace.ordering.procs import proc_rules
from flightrec.trace.ordering.state import BrokenOrderError, MState, OrderState, Rule
from flightrec.trace.ordering.syscalls import syscall_rules
from flightrec.trace.ordering.user import user_rules
from flightrec.trace.spec import EVENT_TYPES
from flightrec.trace.tables import Tables

__all__ = ["BrokenOrderError", "MState", "OrderState", "Rule", "rules_for"]


def rules_for(state: OrderState, tables: Tables, generation: Generation) -> list[Rule]:
    """The rule for each event type, by its number, over one generation's tables.

    They are closures and made anew for a generation: what they use is then a local variable's
    reach away, which a loop over millions of events feels.
    """

    def no_rule(ms: MState, record: tuple[object, ...], time: int) -> None:
        raise BrokenOrderError(f"event type {record[1]} has no place in the order of events")

    rules: list[Rule] = [no_rule] * 256
    for make in (proc_rules, goroutine_rules, syscall_rules, gc_rules, user_rules, misc_rules):
        for name, rule in make(state, tables, generation).items():
            rules[EVENT_TYPES[name]] = rule
    return rules
