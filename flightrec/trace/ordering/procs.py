"""Rules for procs: status, start, stop and stealing."""

from __future__ import annotations

from flightrec.trace.decode import Record
from flightrec.trace.events import Event, Generation, ProcTransition
from flightrec.trace.ordering.state import (
    BrokenOrderError,
    MState,
    OrderState,
    PState,
    Rule,
    need_proc,
    need_thread,
)
from flightrec.trace.stacks import NO_STACK
from flightrec.trace.states import PROC_STATES, ProcState, ProcStatus
from flightrec.trace.tables import Tables

__all__ = ["proc_rules"]


def proc_rules(state: OrderState, tables: Tables, generation: Generation) -> dict[str, Rule]:
    """The rules by event name."""
    new = tuple.__new__
    ps, gen = state.ps, generation.number
    idle, running = ProcState.IDLE, ProcState.RUNNING

    def proc_status(ms: MState, record: Record, time: int) -> Event | None:
        p = record[2]
        status = record[3] & 0xFF  # Go keeps it in a byte.
        if status >= len(PROC_STATES):
            raise BrokenOrderError(f"proc {p} has the invalid status {status}")
        before = after = PROC_STATES[status]
        found = ps.get(p)
        promoted = False
        if found is None:
            ps[p] = PState(status, gen)
            first = gen == state.initial
            before = ProcState.UNDETERMINED if first else ProcState.NOT_EXIST
        else:
            if status == ProcStatus.ABANDONED and found.status == ProcStatus.SYSCALL:
                # Nothing is lost after all: the M in the syscall is known.
                promoted = True
                before = after = running
            elif found.status != status:
                raise BrokenOrderError(
                    f"proc {p} has status {status} but had {found.status} before"
                )
            found.gen = gen
            found.seq = 0
        thread, proc, goroutine = ms.m, ms.p, ms.g
        if promoted:
            # The status tells of a proc on another M, and running binds it to an M: that one.
            for other in state.ms.values():
                if other.p == p:
                    thread, proc, goroutine = other.m, p, other.g
                    break
            else:
                raise BrokenOrderError(f"proc {p} is about to be stolen from an unknown M")
        event = new(
            ProcTransition,
            (time, goroutine, proc, thread, NO_STACK, generation, p, before, after),
        )
        if status in (ProcStatus.RUNNING, ProcStatus.SYSCALL):
            ms.p = p
        return event

    def proc_start(ms: MState, record: Record, time: int) -> Event | None:
        p, seq = record[2], record[3]
        found = ps.get(p)
        # An M that has a proc still is in a syscall, and the theft of that proc comes first.
        if (
            found is None
            or found.status != ProcStatus.IDLE
            or seq != found.seq + 1
            or found.gen != gen
            or ms.p is not None
        ):
            return None
        need_thread(ms)
        found.status = ProcStatus.RUNNING
        found.seq = seq
        ms.p = p
        return new(ProcTransition, (time, ms.g, None, ms.m, NO_STACK, generation, p, idle, running))

    def proc_stop(ms: MState, record: Record, time: int) -> Event | None:
        p = ms.p
        found = ps.get(p)
        if found is None:
            raise BrokenOrderError("a proc stops that does not exist")
        if found.status not in (ProcStatus.RUNNING, ProcStatus.SYSCALL):
            raise BrokenOrderError(f"proc {p} stops but has status {found.status}")
        need_proc(ms)
        found.status = ProcStatus.IDLE
        ms.p = None
        return new(ProcTransition, (time, ms.g, p, ms.m, NO_STACK, generation, p, running, idle))

    def proc_steal(ms: MState, record: Record, time: int) -> Event | None:
        p, seq, m = record[2], record[3], record[4]
        found = ps.get(p)
        if found is None or seq != found.seq + 1 or found.gen != gen:
            return None
        status = found.status
        if status not in (ProcStatus.SYSCALL, ProcStatus.ABANDONED):
            return None
        need_thread(ms)
        found.status = ProcStatus.IDLE
        found.seq = seq
        abandoned = status == ProcStatus.ABANDONED
        event = new(
            ProcTransition,
            (
                time,
                ms.g,
                ms.p,
                ms.m,
                NO_STACK,
                generation,
                p,
                idle if abandoned else running,
                idle,
            ),
        )
        if abandoned:
            # Its M is not known and may be doing something else by now.
            return event
        victim = ms if m == ms.m else state.ms.get(m)
        if victim is None:
            raise BrokenOrderError(f"proc {p} is stolen from M {m}, which does not exist")
        if victim.p != p:
            raise BrokenOrderError(f"proc {p} is stolen from M {m}, which has proc {victim.p}")
        # Now the victim may go on: it could not leave its syscall while it had the proc.
        victim.p = None
        return event

    return {
        "ProcStart": proc_start,
        "ProcStatus": proc_status,
        "ProcSteal": proc_steal,
        "ProcStop": proc_stop,
    }
