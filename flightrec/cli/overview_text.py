"""The overview that ``flightrec info`` prints, from its facts: what is odd first, then the rest."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from flightrec.cli.layout import clean, wrapped
from flightrec.cli.places import frames_of, place_text, short
from flightrec.cli.tracefile import format_name
from flightrec.cli.units import format_size
from flightrec.trace.names import quoted
from flightrec.trace.nanoseconds import ns_text

__all__ = ["overview_text"]

Facts: TypeAlias = Mapping[str, Any]
_T = TypeVar("_T")

# How many of each list are shown.
_FEW: Final = 5
_FEWER: Final = 3

# The lines of one screen, and of one where lines are short. If there would be more, at most so many
# of each list are shown, and so many lines of each entry.
_SCREEN: Final = 60
_LONG_SCREEN: Final = 80
_TIGHTER: Final = ((_FEW, 8), (4, 6), (3, 5), (2, 4), (2, 3), (1, 2))

_TITLE: Final = 12
# From here on whole package paths fit; below the others, less is shown.
_WIDE: Final = 140
_MIDDLE: Final = 90
_USUAL: Final = 80
_TIGHT: Final = 70

_WORDS: Final = {
    "wait": "waiting",
    "syscall": "in a syscall",
    "delay": "ready, but not running",
    "pause": "the world stopped",
    "task": "task",
    "region": "region",
}


def overview_text(facts: Facts, *, width: int, everything: bool = False) -> str:
    """The facts for one screen of so many columns; with those of the runtime and the recorder if
    *everything*.
    """
    screen = _SCREEN if width >= _USUAL else _LONG_SCREEN
    lines: list[str] = []
    for entries, lines_each in _TIGHTER:
        page = _Page(facts, width, entries, lines_each, everything=everything)
        lines = page.lines()
        if len(lines) <= screen:
            break
    return clean("\n".join(lines)) + "\n"


class _Page:
    def __init__(
        self, facts: Facts, width: int, entries: int, lines_each: int, *, everything: bool
    ) -> None:
        self.facts = facts
        self.width = width
        self.lines_each = lines_each
        self.everything = everything
        self.wide = width >= _WIDE
        self.few = min(entries, _FEW if width >= _TIGHT else _FEWER)
        self.fewer = min(entries, _FEWER)

    def lines(self) -> list[str]:
        return [
            *self.head(),
            *self.outliers(),
            *self.annotations("tasks"),
            *self.annotations("regions"),
            *self.goroutines(),
            *self.scheduling(),
            *self.places("blocked", "blocking", self.few),
            *self.places("syscalls", "syscalls", self.fewer),
            *self.collector(),
            *self.pauses(),
            *self.samples(),
        ]

    # How things are written.

    def wrapped(self, prefix: str, text: str) -> list[str]:
        return wrapped(prefix, text, self.width, self.lines_each)

    def entry(self, title: str, text: str) -> list[str]:
        return self.wrapped(title.ljust(_TITLE), text)

    def at(self, ns: int) -> str:
        return f"at {(ns - self.facts['begin_ns']) / 1e9:.6f} s"

    def who(self, found: Facts) -> str:
        """A goroutine, by its id and start function."""
        number, name = found["goroutine"], found["name"]
        who = "no goroutine" if number is None else f"goroutine {number}"
        return f"{who} ({short(name, wide=self.wide)})" if name else who

    def where(self, stack: Iterable[Facts]) -> str:
        return place_text(frames_of(stack), wide=self.wide)

    def shown(self, found: Iterable[Facts], hidden: str = "system") -> list[Facts]:
        return [one for one in found if self.everything or not one[hidden]]

    # The sections.

    def head(self) -> list[str]:
        facts = self.facts
        generations = facts["generations"]
        procs = "" if facts["procs"] is None else f", GOMAXPROCS {facts['procs']}"
        version = format_name(int(facts["format"].partition(".")[2]))
        broken = "BROKEN, " if facts.get("error") else ""
        lines = self.wrapped(
            "", f"{facts['file']}: {broken}{format_size(facts['bytes'])}, {version} format{procs}"
        )
        if facts.get("error"):
            lines += self.entry("broken", f"{facts['error']}; what comes before is summarised")
        window = ns_text(facts["duration_ns"])
        if facts["wall_begin_ns"] is not None:
            wall = datetime.datetime.fromtimestamp(
                facts["wall_begin_ns"] / 1e9, tz=datetime.timezone.utc
            )
            window += f" from {wall:%Y-%m-%d %H:%M:%S.%f} UTC"
        lines += self.entry("window", f"{window} ({facts['begin_ns']} to {facts['end_ns']} ns)")
        if generations:
            longest = max(generation["duration_ns"] for generation in generations)
            first, last = generations[0]["number"], generations[-1]["number"]
            text = f"{len(generations)}, numbers {first} to {last}, longest {ns_text(longest)}"
            lines += self.entry("generations", text)
        kinds = sorted(facts["events"].items(), key=lambda entry: -entry[1])
        shown = ", ".join(f"{name}\xa0{count:,}" for name, count in kinds)
        text = f"{facts['event_count']:,}: {shown}"
        return lines + [line.replace("\xa0", " ") for line in self.entry("events", text)]

    def outliers(self) -> list[str]:
        found = self.facts["outliers"]
        if not found:
            return self.entry(
                "stands out", "nothing: no wait, delay, pause or task is far longer than its like"
            )
        lines = ["stands out"]
        few = self.few if self.width >= _MIDDLE else self.fewer
        for one in found[:few]:
            took = f"{ns_text(one['longest']['duration_ns']):>10}  "
            lines += self.wrapped(took, self.outlier(one))
        if len(found) > few:
            lines += self.entry("", f"and {len(found) - few} more (--json)")
        return lines

    def outlier(self, one: Facts) -> str:
        longest = one["longest"]
        kind, what = one["kind"], one["what"]
        text = _WORDS[kind]
        if kind in ("task", "region"):
            text += f" {quoted(what)}"
            if longest["task"]:
                text += f" (id {longest['task']})" if kind == "task" else ""
        elif kind in ("wait", "pause") and what:
            text += f" ({what})"
        if one["stack"]:
            text += f": {self.where(one['stack'])}"
        still = "" if longest["ended"] else ", and it goes on"
        usual = "The only one of its kind"
        if one["count"] > 1:
            long = f", {one['long']} at least half as long" if one["long"] > 1 else ""
            usual = f"{one['count']:,} such, median {ns_text(one['median_ns'])}{long}"
        return f"{text}; {self.who(longest)} {self.at(longest['begin_ns'])}{still}. {usual}"

    def annotations(self, kind: str) -> list[str]:
        longest, ended = self.facts[f"longest_{kind}"], self.facts[kind]
        names = sorted(
            {*ended, *longest},
            key=lambda name: (
                -max(
                    ended.get(name, {}).get("total_ns", 0),
                    longest.get(name, {}).get("duration_ns", 0),
                )
            ),
        )
        lines = []
        shown = _first(names, self.fewer)
        for i, name in enumerate(shown):
            title = kind if i == 0 else ""
            text = quoted(name)
            if name in ended:
                text = f"{ended[name]['count']:,} × {text}: {_quantiles(ended[name])}"
            one = longest.get(name)
            if one is not None and not one["ended"]:
                text += f"; one goes on since {ns_text(one['duration_ns'])}"
            lines += self.entry(title, text)
        if len(names) > len(shown):
            lines += self.entry("", f"and {len(names) - len(shown)} other names")
        return lines

    def goroutines(self) -> list[str]:
        goroutines = self.facts["goroutines"]
        lines = self.entry(
            "goroutines",
            f"{goroutines['seen']:,} seen, at most {goroutines['most']:,} at a time "
            f"({goroutines['most_runnable']:,} runnable), {goroutines['at_end']:,} at the end",
        )
        functions = self.shown(self.facts["functions"])
        if functions:
            lines.append("     count  running runnable  blocked  syscall  started in")
        shown = _first(functions, self.few if self.wide else self.fewer)
        for function in shown:
            lines += self.function(function)
        rest = len(functions) - len(shown)
        if rest:
            lines += self.wrapped(" " * 10, f"and {rest} other start functions")
        system = self.facts["system_functions"]
        if system["goroutines"] and not self.everything:
            lines += self.wrapped(
                " " * 10,
                f"and {system['goroutines']:,} of the runtime and the recorder, which ran for "
                f"{ns_text(system['execution_ns'])} (--all)",
            )
        return lines

    def function(self, function: Facts) -> list[str]:
        syscall = function["syscall_ns"] + function["syscall_blocked_ns"]
        blocked = sum(function["blocked_ns"].values())
        numbers = f"  {function['goroutines']:>8,}" + "".join(
            f" {ns_text(ns):>8}"
            for ns in (function["execution_ns"], function["runnable_ns"], blocked, syscall)
        )
        name = _start(function["name"], wide=self.wide)
        if len(numbers) + 2 + len(name) > self.width:
            lines = [numbers, *self.wrapped(" " * 10, name)]
        else:
            lines = self.wrapped(f"{numbers}  ", name)
        if function["goroutines"] == 1:
            return lines
        most = "".join(f" {ns_text(ns):>8}" for ns in function["most_of_one"].values())
        return [*lines[:1], f"{'at most':>10}{most}  for one", *lines[1:]]

    def scheduling(self) -> list[str]:
        key = "" if self.everything else "program_"
        scheduling, delays = self.facts[f"{key}scheduling"], self.facts[f"{key}delays"]
        if not scheduling["count"]:
            return []
        text = f"{scheduling['count']:,} times ready until running: {_quantiles(scheduling)}"
        lines = self.entry("scheduling", text)
        if delays:
            longest = delays[0]
            text = f"longest: {self.who(longest)} {self.at(longest['begin_ns'])}"
            lines += self.entry("", text)
        return lines

    def places(self, title: str, key: str, few: int) -> list[str]:
        merged: dict[tuple[str, str], dict[str, Any]] = {}
        for place in self.shown(self.facts[key]):
            reason = "" if key == "syscalls" else place["reason"] or "before the trace"
            text = (reason, self.where(place["stack"]))
            one = merged.setdefault(text, {"total": 0, "count": 0, "max": 0})
            one["total"] += place["total_ns"]
            one["count"] += place["count"]
            one["max"] = max(one["max"], place["max_ns"])
        if not merged:
            return []
        lines = [f"{title:<10}  longest    count"]
        found = sorted(merged.items(), key=lambda entry: -entry[1]["total"])
        shown = _first(found, few)
        for (reason, where), one in shown:
            numbers = f"{ns_text(one['total']):>9} {ns_text(one['max']):>9} {one['count']:>8,}  "
            lines += self.wrapped(numbers, f"{reason}: {where}" if reason else where)
        if len(found) > len(shown):
            more = "" if len(found) < 20 else " or more"
            rest = len(found) - len(shown)
            lines += self.wrapped(" " * 10, f"and {rest}{more} other places")
        return lines

    def collector(self) -> list[str]:
        gc = self.facts["gc"]
        text = f"{gc['cycles']} cycle{'' if gc['cycles'] == 1 else 's'}"
        if gc["cycles"]:
            text += (
                f", marking {ns_text(gc['mark_ns'])}, longest {ns_text(gc['longest_mark_ns'])}; "
                f"assists {ns_text(gc['assist_ns'])}"
            )
        lines = self.entry("GC", text)
        heap, goal = gc["heap_bytes"], gc["goal_bytes"]
        if heap["high"] is not None:
            text = f"{format_size(heap['low'])} to {format_size(heap['high'])}"
            if goal["high"] is not None:
                text += f", goal {format_size(goal['low'])} to {format_size(goal['high'])}"
            lines += self.entry("heap", text)
        return lines

    def pauses(self) -> list[str]:
        reasons = [
            {"reason": reason, **found} for reason, found in self.facts["pauses"]["reasons"].items()
        ]
        found = sorted(self.shown(reasons, hidden="recorder"), key=lambda one: -one["max_ns"])
        shown = _first(found, self.fewer)
        lines = []
        for i, one in enumerate(shown):
            text = f"{one['count']:,} × {one['reason']}: "
            if one["count"] > 1:
                text += f"median {ns_text(one['median_ns'])}, longest "
            text += f"{ns_text(one['max_ns'])} {self.at(one['begin_ns'])}"
            lines += self.entry("pauses" if i == 0 else "", text)
        if len(found) > len(shown):
            lines += self.entry("", f"and {len(found) - len(shown)} other reasons")
        return lines

    def samples(self) -> list[str]:
        samples = self.facts["samples"]
        if not samples["count"]:
            return []
        lines = self.entry("CPU samples", f"{samples['count']:,}")
        for (where,), count in _counted(samples["stacks"], lambda one: (self.where(one["stack"]),))[
            : self.fewer
        ]:
            lines += self.wrapped(f"  {count / samples['count']:>8.1%}  ", where)
        return lines


def _first(found: Sequence[_T], few: int) -> Sequence[_T]:
    """Those to show: all rather than to say that there is one other."""
    return found[: few + (len(found) == few + 1)]


def _counted(
    found: Iterable[Facts], key: Callable[[Facts], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], int]]:
    """Equal things together with their counts, most first."""
    counts: dict[tuple[str, ...], int] = {}
    for one in found:
        counts[key(one)] = counts.get(key(one), 0) + one["count"]
    return sorted(counts.items(), key=lambda entry: -entry[1])


def _start(name: str, *, wide: bool) -> str:
    if name == "runtime.cgocallback":
        return "C and Python threads that call Go"
    return short(name, wide=wide) or "(no stack in the trace)"


def _quantiles(durations: Mapping[str, int]) -> str:
    if durations["count"] == 1:
        return ns_text(durations["max_ns"])
    return (
        f"median {ns_text(durations['p50_ns'])}, 99 % {ns_text(durations['p99_ns'])}, "
        f"longest {ns_text(durations['max_ns'])}"
    )
