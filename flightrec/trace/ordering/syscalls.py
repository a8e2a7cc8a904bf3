"""Rules for syscalls, and for goroutines that a C thread's call into Go brings up."""

from __future__ import annotations

from flightrec.trace.decode import Record
from flightrec.trace.events import Event, Generation, ProcTransition
from flightrec.trace.ordering.state import (
    BrokenOrderError,
    GState,
    MState,
    OrderState,
    PState,
    Rule,
    need_goroutine,
    need_thread,
)
from flightrec.trace.stacks import NO_STACK
from flightrec.trace.states import GoState, GoStatus, ProcState, ProcStatus
from flightrec.trace.tables import Tables

__all__ = ["syscall_rules"]


def syscall_rules(state: OrderState, tables: Tables, generation: Generation) -> dict[str, Rule]:
    """The rules by event name."""
    new, transition = tuple.__new__, state.transition
    gs, ps, gen = state.gs, state.ps, generation.number
    stacks = tables.stacks
    not_exist, runnable, running = GoState.NOT_EXIST, GoState.RUNNABLE, GoState.RUNNING
    syscall = GoState.SYSCALL

    def goroutine_in(ms: MState, status: int, words: str) -> GState:
        """The goroutine on the M, which must have the status that ``words`` tell."""
        found = gs.get(ms.g)
        if found is None:
            raise BrokenOrderError(f"goroutine {ms.g} does not exist")
        if found.status != status:
            raise BrokenOrderError(f"goroutine {ms.g} is not {words}")
        return found

    def proc_on(ms: MState) -> PState:
        found = ps.get(ms.p)
        if found is None:
            raise BrokenOrderError(f"proc {ms.p} does not exist")
        return found

    def begin(ms: MState, record: Record, time: int) -> Event | None:
        need_goroutine(ms)
        goroutine = goroutine_in(ms, GoStatus.RUNNING, "running")
        proc = proc_on(ms)
        # The number is the proc's: it tells this syscall from others that the same proc could
        # be stolen from. The proc is running here, so unlike a thief this event cannot wait.
        seq = record[2]
        if seq != proc.seq + 1 or proc.gen != gen:
            raise BrokenOrderError(
                f"a syscall has proc {ms.p}'s sequence number {seq}; the last was {proc.seq}"
            )
        goroutine.status = GoStatus.SYSCALL
        proc.status = ProcStatus.SYSCALL
        proc.seq = seq
        g, stack = ms.g, stacks[record[3]]
        return new(
            transition,
            (time, g, ms.p, ms.m, stack, generation, g, running, syscall, "", stack),
        )

    def end(ms: MState, record: Record, time: int) -> Event | None:
        need_goroutine(ms)
        goroutine = goroutine_in(ms, GoStatus.SYSCALL, "in a syscall")
        proc = proc_on(ms)
        if proc.status != ProcStatus.SYSCALL:
            raise BrokenOrderError(f"a syscall ends on proc {ms.p}, which is not in one")
        goroutine.status = GoStatus.RUNNING
        proc.status = ProcStatus.RUNNING
        g = ms.g
        return new(
            transition,
            (time, g, ms.p, ms.m, NO_STACK, generation, g, syscall, running, "", NO_STACK),
        )

    def end_blocked(ms: MState, record: Record, time: int) -> Event | None:
        # The event says that the proc was lost, so until that is seen it has to wait. Another
        # proc that the M has got meanwhile does no harm.
        if ms.p is not None and proc_on(ms).status == ProcStatus.SYSCALL:
            return None
        if ms.g is None:
            raise BrokenOrderError("a syscall ends on an M without a goroutine")
        goroutine = goroutine_in(ms, GoStatus.SYSCALL, "in a syscall")
        goroutine.status = GoStatus.RUNNABLE
        g = ms.g
        ms.g = None
        return new(
            transition,
            (time, g, ms.p, ms.m, NO_STACK, generation, g, syscall, runnable, "", NO_STACK),
        )

    def create(ms: MState, record: Record, time: int) -> Event | None:
        need_thread(ms)
        if ms.g is not None:
            raise BrokenOrderError(f"a goroutine comes up on an M that has goroutine {ms.g}")
        g = record[2]
        if g in gs:
            raise BrokenOrderError(f"goroutine {g} is created in a syscall but exists")
        gs[g] = GState(GoStatus.SYSCALL, gen)
        ms.g = g
        return new(
            transition,
            (time, None, ms.p, ms.m, NO_STACK, generation, g, not_exist, syscall, "", NO_STACK),
        )

    def destroy(ms: MState, record: Record, time: int) -> Event | None:
        if ms.g is None:
            raise BrokenOrderError("a goroutine ends on an M without one")
        goroutine_in(ms, GoStatus.SYSCALL, "in a syscall")
        g, p, m = ms.g, ms.p, ms.m
        del gs[g]
        ms.g = None
        event = new(
            transition,
            (time, g, p, m, NO_STACK, generation, g, syscall, not_exist, "", NO_STACK),
        )
        if p is None:
            return event
        # The C thread may go away and its M's id be used anew, so the proc is released here,
        # as if the M had stolen it from itself; a later theft must not look for this M.
        proc = proc_on(ms)
        if proc.status != ProcStatus.SYSCALL:
            raise BrokenOrderError(f"a goroutine ends in a syscall on proc {p}, which is in none")
        proc.status = ProcStatus.ABANDONED
        ms.p = None
        state.extra.append(event)
        return new(
            ProcTransition,
            (time, g, p, m, NO_STACK, generation, p, ProcState.RUNNING, ProcState.IDLE),
        )

    return {
        "GoCreateSyscall": create,
        "GoDestroySyscall": destroy,
        "GoSyscallBegin": begin,
        "GoSyscallEnd": end,
        "GoSyscallEndBlocked": end_blocked,
    }
