"""Rules for the garbage collector and for stopping the world: ranges of time."""

from __future__ import annotations

from typing import Final

from flightrec.trace.decode import Record
from flightrec.trace.events import (
    Event,
    Generation,
    RangeActive,
    RangeBegin,
    RangeEnd,
    Resource,
    ResourceKind,
)
from flightrec.trace.ordering.state import (
    BrokenOrderError,
    GCState,
    GState,
    MState,
    OrderState,
    Rule,
    need_goroutine,
    need_proc,
)
from flightrec.trace.spec import EVENT_TYPES
from flightrec.trace.stacks import NO_STACK
from flightrec.trace.tables import Tables

__all__ = ["gc_rules"]

_WORD: Final = 1 << 64
_MARK: Final = "GC concurrent mark phase"
_SWEEP: Final = "GC incremental sweep"
_ASSIST: Final = "GC mark assist"
_STW_BEGIN: Final = EVENT_TYPES["STWBegin"]
_SWEEP_BEGIN: Final = EVENT_TYPES["GCSweepBegin"]
_ASSIST_BEGIN: Final = EVENT_TYPES["GCMarkAssistBegin"]
_GLOBAL: Final = Resource(ResourceKind.NONE, None)


def gc_rules(state: OrderState, tables: Tables, generation: Generation) -> dict[str, Rule]:
    """The rules by event name."""
    gs, ps = state.gs, state.ps
    strings, stacks = tables.strings, tables.stacks
    initial = generation.number == state.initial

    # The mark phase begins and ends on any M, and so has sequence numbers of its own.

    def gc_active(ms: MState, record: Record, time: int) -> Event | None:
        seq = record[2]
        if initial:
            if state.gc != GCState.UNDETERMINED:
                raise BrokenOrderError("GCActive is not the first GC event of the trace")
            state.gc = GCState.ON
        else:
            if seq != (state.gc_seq + 1) % _WORD:
                return None
            if state.gc != GCState.ON:
                raise BrokenOrderError("the GC is said to be active but is not")
            need_goroutine(ms)
        state.gc_seq = seq
        return RangeActive(time, ms.g, ms.p, ms.m, NO_STACK, generation, _MARK, _GLOBAL)

    def gc_begin(ms: MState, record: Record, time: int) -> Event | None:
        seq = record[2]
        if state.gc != GCState.UNDETERMINED:
            if seq != (state.gc_seq + 1) % _WORD:
                return None
            if state.gc == GCState.ON:
                raise BrokenOrderError("the GC begins but is active")
            need_goroutine(ms)
        state.gc_seq = seq
        state.gc = GCState.ON
        stack = stacks[record[3]]
        return RangeBegin(time, ms.g, ms.p, ms.m, stack, generation, _MARK, _GLOBAL)

    def gc_end(ms: MState, record: Record, time: int) -> Event | None:
        seq = record[2]
        if seq != (state.gc_seq + 1) % _WORD:
            return None
        if state.gc != GCState.ON:
            raise BrokenOrderError("the GC ends but is not known to be active")
        need_goroutine(ms)
        state.gc_seq = seq
        state.gc = GCState.OFF
        return RangeEnd(time, ms.g, ms.p, ms.m, NO_STACK, generation, _MARK, _GLOBAL, ())

    # A sweep belongs to a proc.

    def sweep_begin(ms: MState, record: Record, time: int) -> Event | None:
        need_proc(ms)
        ps[ms.p].begin_range(_SWEEP_BEGIN, 0, _SWEEP)
        scope = Resource(ResourceKind.PROC, ms.p)
        stack = stacks[record[2]]
        return RangeBegin(time, ms.g, ms.p, ms.m, stack, generation, _SWEEP, scope)

    def sweep_active(ms: MState, record: Record, time: int) -> Event | None:
        p = record[2]
        found = ps.get(p)
        if found is None:
            raise BrokenOrderError(f"a sweep is active on proc {p}, which does not exist")
        found.active_range(_SWEEP_BEGIN, _SWEEP, initial=initial)
        scope = Resource(ResourceKind.PROC, p)
        return RangeActive(time, ms.g, ms.p, ms.m, NO_STACK, generation, _SWEEP, scope)

    def sweep_end(ms: MState, record: Record, time: int) -> Event | None:
        need_proc(ms)
        ps[ms.p].end_range(_SWEEP_BEGIN, _SWEEP)
        scope = Resource(ResourceKind.PROC, ms.p)
        swept = (("bytes swept", record[2]), ("bytes reclaimed", record[3]))
        return RangeEnd(time, ms.g, ms.p, ms.m, NO_STACK, generation, _SWEEP, scope, swept)

    # A mark assist and a stop-the-world belong to a goroutine.

    def goroutine_on(ms: MState) -> GState:
        need_goroutine(ms)
        found = gs.get(ms.g)
        if found is None:
            raise BrokenOrderError(f"goroutine {ms.g} does not exist")
        return found

    def assist_begin(ms: MState, record: Record, time: int) -> Event | None:
        goroutine_on(ms).begin_range(_ASSIST_BEGIN, 0, _ASSIST)
        scope = Resource(ResourceKind.GOROUTINE, ms.g)
        stack = stacks[record[2]]
        return RangeBegin(time, ms.g, ms.p, ms.m, stack, generation, _ASSIST, scope)

    def assist_active(ms: MState, record: Record, time: int) -> Event | None:
        # Like a status it may tell of a goroutine that is not running.
        g = record[2]
        found = gs.get(g)
        if found is None:
            raise BrokenOrderError(f"goroutine {g} assists the GC but does not exist")
        found.active_range(_ASSIST_BEGIN, _ASSIST, initial=initial)
        scope = Resource(ResourceKind.GOROUTINE, g)
        return RangeActive(time, ms.g, ms.p, ms.m, NO_STACK, generation, _ASSIST, scope)

    def assist_end(ms: MState, record: Record, time: int) -> Event | None:
        goroutine_on(ms).end_range(_ASSIST_BEGIN, _ASSIST)
        scope = Resource(ResourceKind.GOROUTINE, ms.g)
        return RangeEnd(time, ms.g, ms.p, ms.m, NO_STACK, generation, _ASSIST, scope, ())

    def stw_begin(ms: MState, record: Record, time: int) -> Event | None:
        goroutine = goroutine_on(ms)
        kind = record[2]
        name = f"stop-the-world ({strings[kind]})"
        goroutine.begin_range(_STW_BEGIN, kind, name)
        scope = Resource(ResourceKind.GOROUTINE, ms.g)
        stack = stacks[record[3]]
        return RangeBegin(time, ms.g, ms.p, ms.m, stack, generation, name, scope)

    def stw_end(ms: MState, record: Record, time: int) -> Event | None:
        # The name is the one the range began with. Go's reader looks the kind's string id up in
        # the current generation, which is wrong where the range began in the one before.
        name = goroutine_on(ms).end_range(_STW_BEGIN, "stop-the-world")
        scope = Resource(ResourceKind.GOROUTINE, ms.g)
        return RangeEnd(time, ms.g, ms.p, ms.m, NO_STACK, generation, name, scope, ())

    return {
        "GCActive": gc_active,
        "GCBegin": gc_begin,
        "GCEnd": gc_end,
        "GCMarkAssistActive": assist_active,
        "GCMarkAssistBegin": assist_begin,
        "GCMarkAssistEnd": assist_end,
        "GCSweepActive": sweep_active,
        "GCSweepBegin": sweep_begin,
        "GCSweepEnd": sweep_end,
        "STWBegin": stw_begin,
        "STWEnd": stw_end,
    }
