"""``@pytest.mark.go_limits``: what the Go runtime may not do during a test."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pytest

from flightrec.pytest_plugin.plugin import LIMITS

if TYPE_CHECKING:
    from flightrec.testing import Window

__all__ = ["Limits", "read_limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits for a test; None is without.

    :ivar max_pause: of a stop of the world, in seconds.
    :ivar max_scheduling_delay: of the program's goroutines, in seconds.
    :ivar max_goroutines: of the program, at a time.
    :ivar no_leak: whether what the test creates must have ended after its tear-down.
    """

    max_pause: float | None = None
    max_scheduling_delay: float | None = None
    max_goroutines: int | None = None
    no_leak: bool = False

    @property
    def limits_call(self) -> bool:
        """Whether there is anything to judge as soon as the test's function has returned."""
        return (self.max_pause, self.max_scheduling_delay, self.max_goroutines) != (None,) * 3

    def judge_call(self, window: Window, since: int, until: int) -> None:
        """Judge all but leaks, in a time in ns on the trace clock.

        :raises WindowAssertionError: something was beyond its limit.
        """
        __tracebackhide__ = True
        if self.max_pause is not None:
            window.assert_max_pause(self.max_pause, since=since, until=until)
        if self.max_scheduling_delay is not None:
            window.assert_max_scheduling_delay(self.max_scheduling_delay, since=since, until=until)
        if self.max_goroutines is not None:
            window.assert_max_goroutines(self.max_goroutines, since=since, until=until)


def read_limits(item: pytest.Item) -> Limits | None:
    """Return the limits of a test's markers, of which the closest count; None without.

    :raises pytest.UsageError: a limit that there is not, or makes no sense.
    """
    given: dict[str, Any] = {}
    marked = False
    for marker in item.iter_markers("go_limits"):
        marked = True
        unknown = sorted(set(marker.kwargs) - {field.name for field in fields(Limits)})
        if marker.args or unknown:
            what = ", ".join(unknown) or "an argument without a name"
            raise pytest.UsageError(f"{item.nodeid}: go_limits has no {what}; {LIMITS}")
        given = {**marker.kwargs, **given}
    for name, value in given.items():
        if (
            name != "no_leak"
            and value is not None
            and (type(value) not in (int, float) or value < 0)
        ):
            raise pytest.UsageError(
                f"{item.nodeid}: go_limits: {name} must be a number, not {value!r}"
            )
    return Limits(**given) if marked else None
