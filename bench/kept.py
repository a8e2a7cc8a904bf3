"""Are the snapshots that rules have left what they must be? For :mod:`bench.published`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flightrec import trace

__all__ = ["Kept", "check_folder", "check_sum"]

#: The trace clock's unit on Linux; times in traces are rounded down to it.
_TICK_NS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the snapshots must be, besides of requests that were slow.

    :ivar slow: the name of the page that is always slow.
    :ivar slower_ns: what counts as slow.
    :ivar tail_ns: how much of what followed each must have.
    :ivar max_files: how many there may be,
    :ivar max_bytes: and how large.
    """

    slow: str
    slower_ns: int
    tail_ns: int
    max_files: int
    max_bytes: int


def check_sum(status: Mapping[str, Any], load: Mapping[str, float]) -> tuple[str, list[str]]:
    """Account for every slow request that the client saw: in a sentence, and what is wrong.

    :param status: the rule's, as ``flightrec stat --json`` has it, once nothing is on its way.
    :param load: what the client found.
    """
    true, saved, joined = status["times_true"], status["saved"], status["joined"]
    suppressed = status["suppressed"]
    asked, found = int(load["asked_slow"]), int(load["found_slow"])
    limits = ", ".join(f"{n} by {limit}" for limit, n in suppressed.items()) or "none"
    text = (
        f"slow requests: {asked} asked for, {true} found by the rule, {found} seen by the client; "
        f"{saved - joined} saved, {joined} joined one of these, suppressed: {limits}"
    )
    wrong = []
    # The client's clock begins before the server's and ends after it.
    if not asked <= true <= found:
        wrong.append("the rule found other requests slow than the client")
    if status["missed"] or saved + sum(suppressed.values()) != true:
        wrong.append(f"the counts do not add up: {dict(status)}")
    return text, wrong


def check_folder(folder: Path, kept: Kept) -> tuple[str, list[str]]:
    """Look at each snapshot in the folder: say what there is in a sentence, and what is wrong."""
    wrong = []
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    nbytes = sum(path.stat().st_size for path in files)
    traces = sorted(path for path in files if path.suffix == ".trace")
    if not 0 < len(traces) <= kept.max_files or nbytes > kept.max_bytes:
        wrong.append(f"{len(traces)} snapshots, {nbytes} bytes are kept")
    other = 0
    for path in traces:
        facts = json.loads(path.with_suffix(".json").read_text())
        events = [reason["event"] for reason in facts["reasons"]]
        if any(event["end_ns"] - event["start_ns"] <= kept.slower_ns for event in events):
            wrong.append(f"{path.name} is of a request that was not slow: {events}")
        of_slow = [event for event in events if event["name"] == kept.slow]
        other += len(events) - len(of_slow)
        if of_slow and not _has_all(path, of_slow):
            wrong.append(f"{path.name} lacks a request that it was saved for")
        if facts["window"]["end_ns"] - events[0]["end_ns"] < kept.tail_ns:
            wrong.append(f"{path.name} lacks what followed")
    text = f"{len(traces)} snapshots kept, {nbytes / 2**20:.1f} MiB"
    if other:
        text += f"; {other} of their requests were for the quick page, and slow"
    return text, wrong


def _has_all(path: Path, events: list[Mapping[str, Any]]) -> bool:
    """Say whether a snapshot has each request's task from its begin to its end, by its name.

    Behind middleware the route is known late: the task has the method, a region in it the route.
    """
    names = {f"http {event['name']}" for event in events}
    begun: dict[int, int] = {}
    ended: dict[int, int] = {}
    named = set()
    for each in trace.read(path):
        if isinstance(each, trace.TaskBegin) and each.name.startswith("http "):
            begun[each.task] = each.time
            if each.name in names:
                named.add(each.task)
        elif isinstance(each, trace.RegionBegin) and each.name in names:
            named.add(each.task)
        elif isinstance(each, trace.TaskEnd):
            ended[each.task] = each.time
    whole = [(begun[task], ended[task]) for task in named if task in begun and task in ended]
    # The rule's clock is read just before the task begins and just after it ends.
    return all(
        any(
            event["start_ns"] - _TICK_NS <= begin and end <= event["end_ns"] for begin, end in whole
        )
        for event in events
    )
