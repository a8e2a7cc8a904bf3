"""Events as text, in the form that ``go tool trace -d=parsed`` has (Go 1.26)."""

from __future__ import annotations

import datetime
import re
from typing import Final

from flightrec.trace.events import (
    Event,
    Experimental,
    GoroutineTransition,
    Label,
    Log,
    Metric,
    ProcTransition,
    RangeActive,
    RangeBegin,
    RangeEnd,
    RegionBegin,
    RegionEnd,
    Sync,
    TaskBegin,
    TaskEnd,
)
from flightrec.trace.stacks import Stack
from flightrec.trace.tables import ClockSnapshot

__all__ = ["go_quote", "go_text"]

_NO_TASK: Final = (1 << 64) - 1


def go_text(event: Event, *, stacks: bool = True) -> str:
    r"""One event in Go's form: a line, then its stacks, each frame on two lines.

    A stack with no frames is left out. Text that was not UTF-8 stands in frames as surrogate
    escapes, as in :class:`~flightrec.trace.stacks.Frame`, and as ``\x..`` in quoted strings.
    ``stacks=False`` gives the line alone. Mirrors ``Event.String`` of Go's ``internal/trace``.
    """
    line = (
        f"M={_or_none(event.thread)} P={_or_none(event.proc)} G={_or_none(event.goroutine)}"
        f" {event.kind} Time={event.time}{_details(event)}"
    )
    if not stacks:
        return line
    if isinstance(event, GoroutineTransition):
        line += _stack("TransitionStack", event.transition_stack)
    return line + _stack("Stack", event.stack)


def go_quote(text: str) -> str:
    """``text`` as Go's ``strconv.Quote`` writes it."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{_SPECIAL.sub(_escape, text)}"'


# Everything that might need escaping; the rest is printable ASCII.
_SPECIAL: Final = re.compile(r"""[^ !#-\[\]-~]""")
_SHORT: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _or_none(number: int | None) -> int:
    return -1 if number is None else number


def _details(event: Event) -> str:
    if isinstance(event, GoroutineTransition):
        return (
            f" GoID={_or_none(event.goid)} {event.from_state}->{event.to_state}"
            f" Reason={go_quote(event.reason)}"
        )
    if isinstance(event, ProcTransition):
        return f' ProcID={_or_none(event.procid)} {event.from_state}->{event.to_state} Reason=""'
    if isinstance(event, Metric):
        return f" Name={go_quote(event.name)} Value={_value(event.value)}"
    if isinstance(event, Label):
        return f" Label={go_quote(event.label)} Resource=Goroutine({_or_none(event.goroutine)})"
    if isinstance(event, (RangeBegin, RangeActive, RangeEnd)):
        text = f" Name={go_quote(event.name)} Scope={event.scope}"
        if isinstance(event, RangeEnd):
            values = (f"{go_quote(name)}={_value(value)}" for name, value in event.attributes)
            text += f" Attributes=[{' '.join(values)}]"
        return text
    if isinstance(event, (TaskBegin, TaskEnd)):
        parent = _NO_TASK if event.parent is None else event.parent
        return f" ID={event.task} Parent={parent} Type={go_quote(event.name)}"
    if isinstance(event, (RegionBegin, RegionEnd)):
        return f" Task={event.task} Type={go_quote(event.name)}"
    if isinstance(event, Log):
        return (
            f" Task={event.task} Category={go_quote(event.category)}"
            f" Message={go_quote(event.message)}"
        )
    if isinstance(event, Experimental):
        values = (f"{name}={_value(value)}" for name, value in event.arguments.items())
        return f" Name={event.name} Args=[{', '.join(values)}]"
    if isinstance(event, Sync):
        return f" N={event.n}{'' if event.clock is None else _clock(event.clock)}"
    return ""


def _value(number: int) -> str:
    return f"Value{{Uint64({number})}}"


def _clock(clock: ClockSnapshot) -> str:
    seconds, ns = divmod(clock.wall_ns, 1_000_000_000)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    try:
        wall = (epoch + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    except OverflowError:
        wall = f"{seconds}s"  # Go has years that Python has not.
    fraction = f".{ns:09d}".rstrip("0").rstrip(".")
    return f" Trace={clock.time} Mono={clock.mono_ns} Wall={wall}{fraction}Z"


def _stack(title: str, stack: Stack) -> str:
    if not stack:
        return ""
    frames = "".join(
        f"\t{frame.function} @ 0x{frame.pc:x}\n\t\t{frame.file}:{frame.line}\n" for frame in stack
    )
    return f"\n{title}=\n{frames}"
