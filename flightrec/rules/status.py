"""The status of a rule: the answer to "why did it not fire?"."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from flightrec.rules.quantity import shown

__all__ = ["RuleStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatus:
    """A rule's state at one moment. Counts are since the rule was added.

    :ivar name: the rule's.
    :ivar condition: as text.
    :ivar armed: whether it would fire.
    :ivar why: why it would not, or what it waits for, in a sentence.
    :ivar values: of each measure, the last value; times in seconds, sizes in bytes.
    :ivar dimensions: of each measure: ``count``, ``percent``, ``time`` or ``bytes``.
    :ivar read_ago: seconds since values were last read; None if never.
    :ivar tried: how often the condition was looked at.
    :ivar times_true: how often it was true then.
    :ivar fired: how often the rule fired.
    :ivar saved: how many snapshots are its, those that it joined included.
    :ivar joined: how many of these another rule had asked for.
    :ivar suppressed: how often nothing was saved, by the limit that prevented it.
    :ivar missed: how many tasks, requests and calls of ``gobridge.RequestSnapshot`` were not looked
        at, because there were too many at a time. Some may have been this rule's.
    :ivar last_fired: when, in seconds since the epoch; None if never.
    :ivar last_saved: the path of its last snapshot; empty if there is none.
    :ivar last_error: what went wrong last; empty if nothing did.
    """

    name: str
    condition: str
    armed: bool
    why: str
    values: Mapping[str, float]
    dimensions: Mapping[str, str]
    read_ago: float | None
    tried: int
    times_true: int
    fired: int
    saved: int
    joined: int
    suppressed: Mapping[str, int]
    missed: int
    last_fired: float | None
    last_saved: str
    last_error: str

    def __str__(self) -> str:
        """One line for people."""
        state = "armed" if self.armed else "not armed"
        parts = [f"{self.name}: {state}, {self.why}"]
        parts += [
            f"{name} = {shown(value, self.dimensions.get(name, 'count'))}"
            for name, value in self.values.items()
        ]
        if self.values and self.read_ago is not None:
            parts[-1] += f" ({self.read_ago:.1f} s ago)"
        parts.append(f"true {self.times_true} of {self.tried}, fired {self.fired}")
        if self.last_fired is not None:
            parts[-1] += f" (last {max(0.0, time.time() - self.last_fired):.1f} s ago)"
        parts.append(f"saved {self.saved}")
        if self.suppressed:
            limits = ", ".join(f"{n} by {limit}" for limit, n in self.suppressed.items())
            parts.append(f"suppressed {limits}")
        if self.missed:
            parts.append(f"{self.missed} tasks or requests were missed: too many at a time")
        if self.last_error:
            parts.append(f"last error: {self.last_error}")
        return "; ".join(parts)
