"""Rules for goroutines outside of syscalls: status, creation, start, stop and switch."""

from __future__ import annotations

from flightrec.trace.decode import Record
from flightrec.trace.events import Event, Generation
from flightrec.trace.ordering.state import (
    BrokenOrderError,
    GState,
    MState,
    OrderState,
    Rule,
    need_goroutine,
    need_proc,
)
from flightrec.trace.stacks import NO_STACK
from flightrec.trace.states import GO_STATES, GoState, GoStatus
from flightrec.trace.tables import Tables

__all__ = ["goroutine_rules"]


def goroutine_rules(state: OrderState, tables: Tables, generation: Generation) -> dict[str, Rule]:
    """The rules by event name."""
    new, transition = tuple.__new__, state.transition
    gs, gen = state.gs, generation.number
    strings, stacks = tables.strings, tables.stacks
    # Constants as locals: these rules see most of a trace's events.
    g_runnable, g_running, g_waiting = GoStatus.RUNNABLE, GoStatus.RUNNING, GoStatus.WAITING
    not_exist, runnable, running = GoState.NOT_EXIST, GoState.RUNNABLE, GoState.RUNNING
    waiting = GoState.WAITING

    def go_status(ms: MState, record: Record, time: int) -> Event | None:
        g, m = record[2], record[3]
        status = record[4] & 0xFF  # Go keeps it in a byte.
        stack = stacks[record[5]] if len(record) > 5 else NO_STACK
        if status >= len(GO_STATES):
            raise BrokenOrderError(f"goroutine {g} has the invalid status {status}")
        before = after = GO_STATES[status]
        found = gs.get(g)
        if found is not None:
            if found.status != status:
                raise BrokenOrderError(
                    f"goroutine {g} has status {status} but had {found.status} before"
                )
            found.gen = gen
            found.seq = 0
        elif gen == state.initial:
            gs[g] = GState(status, gen)
            before = GoState.UNDETERMINED
        else:
            raise BrokenOrderError(f"goroutine {g} is new but was not created")
        goroutine, proc, thread = ms.g, ms.p, ms.m
        if status == GoStatus.RUNNING:
            ms.g = g
        elif status == GoStatus.SYSCALL:
            if m is None:
                raise BrokenOrderError(f"goroutine {g} is in a syscall without an M")
            if m == thread:
                # After the initial generation something must have bound it to this M already.
                if gen != state.initial and goroutine != g:
                    raise BrokenOrderError(
                        f"goroutine {g} is in a syscall on M {m}, which has goroutine {goroutine}"
                    )
                ms.g = g
            else:
                # It has been in its syscall for a whole generation, and another M tells of it.
                other = state.ms.get(m)
                if other is None:
                    other = state.ms[m] = MState(m)
                    other.g = g
                elif other.g != g:
                    raise BrokenOrderError(
                        f"goroutine {g} is in a syscall on M {m}, which has goroutine {other.g}"
                    )
                else:
                    goroutine = g
                thread = m
        return new(
            transition,
            (time, goroutine, proc, thread, stack, generation, g, before, after, "", stack),
        )

    def create(status: int, after: GoState) -> Rule:
        def go_create(ms: MState, record: Record, time: int) -> Event | None:
            need_proc(ms)
            creator = gs.get(ms.g)
            if creator is not None and creator.status != g_running:
                raise BrokenOrderError(f"goroutine {ms.g} creates another but is not running")
            g = record[2]
            if g in gs:
                raise BrokenOrderError(f"goroutine {g} is created but exists")
            gs[g] = GState(status, gen)
            return new(
                transition,
                (
                    time,
                    ms.g,
                    ms.p,
                    ms.m,
                    stacks[record[4]],
                    generation,
                    g,
                    not_exist,
                    after,
                    "",
                    stacks[record[3]],
                ),
            )

        return go_create

    def running_on(ms: MState) -> GState:
        """The goroutine that runs on the M; what stops or switches needs one."""
        need_goroutine(ms)
        found = gs.get(ms.g)
        if found is None:
            raise BrokenOrderError(f"goroutine {ms.g} does not exist")
        if found.status != g_running:
            raise BrokenOrderError(f"goroutine {ms.g} is not running")
        return found

    def go_destroy(ms: MState, record: Record, time: int) -> Event | None:
        running_on(ms)
        g = ms.g
        del gs[g]
        ms.g = None
        return new(
            transition,
            (time, g, ms.p, ms.m, NO_STACK, generation, g, running, not_exist, "", NO_STACK),
        )

    def stop(status: int, after: GoState) -> Rule:
        def go_stop(ms: MState, record: Record, time: int) -> Event | None:
            g, p = ms.g, ms.p
            found = gs.get(g)
            if found is None or found.status != g_running or p is None or g is None:
                found = running_on(ms)
            found.status = status
            ms.g = None
            stack = stacks[record[3]]
            return new(
                transition,
                (
                    time,
                    g,
                    p,
                    ms.m,
                    stack,
                    generation,
                    g,
                    running,
                    after,
                    strings[record[2]],
                    stack,
                ),
            )

        return go_stop

    def go_start(ms: MState, record: Record, time: int) -> Event | None:
        _, _, g, seq = record
        found = gs.get(g)
        if found is None or found.status != g_runnable or seq != found.seq + 1 or found.gen != gen:
            return None
        p = ms.p
        if p is None or ms.g is not None:
            need_proc(ms)
            raise BrokenOrderError(f"goroutine {g} starts on an M that has goroutine {ms.g}")
        found.status = g_running
        found.seq = seq
        ms.g = g
        return new(
            transition,
            (time, None, p, ms.m, NO_STACK, generation, g, runnable, running, "", NO_STACK),
        )

    def go_unblock(ms: MState, record: Record, time: int) -> Event | None:
        # Anything can unblock a goroutine, even what has no proc, so the M is not looked at.
        _, _, g, seq, stack = record
        found = gs.get(g)
        if found is None or found.status != g_waiting or seq != found.seq + 1 or found.gen != gen:
            return None
        found.status = g_runnable
        found.seq = seq
        return new(
            transition,
            (
                time,
                ms.g,
                ms.p,
                ms.m,
                stacks[stack],
                generation,
                g,
                waiting,
                runnable,
                "",
                NO_STACK,
            ),
        )

    def switch(*, destroy: bool) -> Rule:
        # A coroutine switch is three events: the next one is unblocked, the current one blocks
        # or ends, the next one starts. The sequence number is the next one's.
        def go_switch(ms: MState, record: Record, time: int) -> Event | None:
            current = running_on(ms)
            g, seq = record[2], record[3]
            found = gs.get(g)
            if (
                found is None
                or found.status != g_waiting
                or seq != found.seq + 1
                or found.gen != gen
            ):
                return None
            here, p, m = ms.g, ms.p, ms.m
            if destroy:
                del gs[here]
            else:
                current.status = g_waiting
            found.status = g_running
            found.seq = seq
            ms.g = g
            where = (NO_STACK, generation)
            gone = not_exist if destroy else waiting
            state.extra += (
                new(
                    transition,
                    (time, here, p, m, *where, here, running, gone, "", NO_STACK),
                ),
                new(
                    transition,
                    (time, None, p, m, *where, g, runnable, running, "", NO_STACK),
                ),
            )
            return new(
                transition,
                (time, here, p, m, *where, g, waiting, runnable, "", NO_STACK),
            )

        return go_switch

    return {
        "GoBlock": stop(g_waiting, waiting),
        "GoCreate": create(g_runnable, runnable),
        "GoCreateBlocked": create(g_waiting, waiting),
        "GoDestroy": go_destroy,
        "GoStart": go_start,
        "GoStatus": go_status,
        "GoStatusStack": go_status,
        "GoStop": stop(g_runnable, runnable),
        "GoSwitch": switch(destroy=False),
        "GoSwitchDestroy": switch(destroy=True),
        "GoUnblock": go_unblock,
    }
