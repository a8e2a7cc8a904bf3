"""Rules for events that change nothing: metrics, labels and experiments."""

from __future__ import annotations

from flightrec.trace.decode import Record
from flightrec.trace.events import Event, Experimental, Generation, Label, Metric
from flightrec.trace.ordering.state import (
    MState,
    OrderState,
    Rule,
    need_goroutine,
    need_proc,
    need_thread,
)
from flightrec.trace.spec import SPECS
from flightrec.trace.stacks import NO_STACK
from flightrec.trace.tables import Tables

__all__ = ["misc_rules"]


def misc_rules(state: OrderState, tables: Tables, generation: Generation) -> dict[str, Rule]:
    """The rules by event name."""
    new = tuple.__new__
    strings, stacks = tables.strings, tables.stacks

    def procs_change(ms: MState, record: Record, time: int) -> Event | None:
        need_goroutine(ms)
        return Metric(
            time,
            ms.g,
            ms.p,
            ms.m,
            stacks[record[3]],
            generation,
            "/sched/gomaxprocs:threads",
            record[2],
        )

    def heap_metric(name: str) -> Rule:
        def heap(ms: MState, record: Record, time: int) -> Event | None:
            need_proc(ms)
            return new(Metric, (time, ms.g, ms.p, ms.m, NO_STACK, generation, name, record[2]))

        return heap

    def label(ms: MState, record: Record, time: int) -> Event | None:
        need_goroutine(ms)
        return Label(time, ms.g, ms.p, ms.m, NO_STACK, generation, strings[record[2]])

    def experimental(ms: MState, record: Record, time: int) -> Event | None:
        need_thread(ms)
        return new(
            Experimental,
            (time, ms.g, ms.p, ms.m, NO_STACK, generation, record[1], record[2:]),
        )

    rules: dict[str, Rule] = {
        "GoLabel": label,
        "HeapAlloc": heap_metric("/memory/classes/heap/objects:bytes"),
        "HeapGoal": heap_metric("/gc/heap/goal:bytes"),
        "ProcsChange": procs_change,
    }
    rules.update((spec.name, experimental) for spec in SPECS.values() if spec.experiment)
    return rules
