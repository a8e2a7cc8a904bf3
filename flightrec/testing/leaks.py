"""Goroutines that were left behind: equal ones together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from flightrec.testing.live import LiveGoroutine
from flightrec.testing.wording import goroutine_text

__all__ = ["NAMELESS", "goroutines_text", "leak_groups"]

# Of a group so many ids are shown.
_IDS: Final = 8

#: What to say where some have no name.
NAMELESS: Final = (
    "Some have no name, so they may be the runtime's own: before Go 1.23 a trace does not repeat "
    'the stacks of goroutines that do nothing. Take the second snapshot sooner, or pass ignore="" '
    "to leave them out."
)


def leak_groups(leaked: Iterable[LiveGoroutine]) -> list[list[LiveGoroutine]]:
    """Those that started, wait and were created in the same places together, most first."""
    groups: dict[object, list[LiveGoroutine]] = {}
    for found in leaked:
        created = None if found.created is None else found.created.stack
        key = found.name, found.state, found.reason, found.stack, created
        groups.setdefault(key, []).append(found)
    return sorted(groups.values(), key=lambda group: -len(group))


def goroutines_text(group: Sequence[LiveGoroutine]) -> str:
    """A group by its members' ids and their start function."""
    if len(group) == 1:
        return goroutine_text(group[0].goid, group[0].name)
    ids = ", ".join(str(found.goid) for found in group[:_IDS])
    more = ", …" if len(group) > _IDS else ""
    return f"{len(group)} goroutines ({group[0].name or 'no name'}; {ids}{more})"
