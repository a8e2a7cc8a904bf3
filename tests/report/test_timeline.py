"""The timeline and the tables in a real browser, used as people do, against the trace's tables.

All tests of one trace share a page; each begins with the whole trace in view and nothing selected.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flightrec.report import write_report
from tests.helpers_go import Judge
from tests.report.browser import Browser
from tests.report.conftest import HOSTILE
from tests.report.lanes import hover, lane, lanes, pixels, x_of
from tests.tables.rows import each, tables_of
from tests.trace.toolchains import toolchains
from tests.trace.tracemaker import TraceMaker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only tried on Linux")

_TALL = {"width": 1280, "height": 2000}
_UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}


@pytest.fixture
def page(browser: Browser, fired_report: Path) -> Iterator[Browser]:
    """The browser with the report of the slow job, in a high window; it may not complain."""
    browser.begin(fired_report, viewport=_TALL)
    yield browser
    assert browser.said() == []


@pytest.fixture(scope="module")
def tables(fired_trace: Path) -> dict[str, dict[str, list[Any]]]:
    """The tables of that trace."""
    return tables_of(fired_trace)


def begin_of(tables: dict[str, dict[str, list[Any]]]) -> int:
    """The trace's first event, from which the page counts."""
    found: int = tables["snapshots"]["begin_ns"][0]
    return found


def kinds_of(tables: dict[str, dict[str, list[Any]]]) -> dict[int, str]:
    """Each goroutine's kind."""
    return {row["goroutine"]: row["kind"] for row in each(tables, "goroutines")}


def go(page: Browser, link: str) -> None:
    """Go to a place by its link."""
    page.evaluate("link => { location.hash = link }", link)
    page.wait(f"location.hash === {json.dumps(link)}")


def place(page: Browser) -> dict[str, str]:
    """What the address says of the place, once it is up to date."""
    text: str = page.evaluate("new Promise(done => setTimeout(() => done(location.hash), 300))")
    return dict(part.split("=", 1) for part in text.removeprefix("#").split("&") if part)


def ns(text: str) -> float:
    """A duration that the page shows, in ns."""
    number, unit = text.split()
    return float(number) * _UNITS[unit]


def cells(page: Browser) -> list[list[str]]:
    """The text of the open table's rows."""
    found: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('#tab-panel .grid-row')]"
        ".map(row => [...row.children].map(cell => cell.innerText))"
    )
    return found


def test_says_which_rule_fired_and_its_values(page: Browser, fired_trace: Path) -> None:
    """The first screen names the rule, when it fired, what was slow, and the values it read."""
    (reason,) = json.loads(fired_trace.with_suffix(".json").read_text())["reasons"]
    told = page.text("#story .rule").replace("\u202f", "")
    assert told.startswith("Rule slow job fired at ")
    assert "task job took" in told
    assert f"goroutines = {reason['values']['goroutines']:.0f}" in told
    # The moment is marked in the timeline, and a click goes there.
    page.call("page.click", "#story .rule button")
    begin, end = map(int, place(page)["t"].split("-"))
    assert end - begin < 5_000_000


def test_first_screen_tells_what_was_slow(page: Browser) -> None:
    """It has the slow task and what its time went to, the longest pause and the longest delay."""
    assert "'job' took " in page.text("#story .headline")
    assert "outside Go (Python or C) in region 'step'" in page.text("#story .why")
    titles = page.evaluate("[...document.querySelectorAll('.card-title')].map(t => t.innerText)")
    wanted = ["Slowest task", "Longest stop-the-world", "Longest wait for a P"]
    assert titles == [*wanted, "Garbage collections"]


def test_show_it_lands_on_the_right_life_of_an_id(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Where Go gave a goroutine's id again, the one of the slow job's time is shown."""
    (slow,) = (one for one in each(tables, "goroutines") if "slow-worker" in one["name"])
    lives = [one for one in each(tables, "goroutines") if one["goid"] == slow["goid"]]
    assert len(lives) > 1, "Go gave no id again"
    page.call("page.click", "text=Show it in the timeline")
    found = place(page)
    assert found["g"] == found["pin"].split(",")[0] == str(slow["goroutine"])
    assert "slow-worker" in page.text("#details h3")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1440, 900)])
def test_the_answer_stays_in_view_with_its_place(page: Browser, width: int, height: int) -> None:
    """On a laptop "Show it in the timeline" shows the place, and what happened stays above it."""
    page.call("page.set_viewport_size", {"width": width, "height": height})
    page.call("page.click", "text=Show it in the timeline")
    for selector in ("#story .headline", "#story .rule", "#story .why", "#lanes"):
        top, bottom = page.evaluate(
            "selector => { const box = document.querySelector(selector).getBoundingClientRect();"
            " return [box.top, box.bottom] }",
            selector,
        )
        assert 0 <= top < bottom <= height, selector
    page.call("page.set_viewport_size", _TALL)
    # The part of the chain is a button, too.
    page.press("t", "0")
    page.call("page.click", "#story .why button")
    assert "slow-worker" in page.text("#details h3")


def test_has_lanes_for_everything(page: Browser, tables: dict[str, dict[str, list[Any]]]) -> None:
    """There are lanes for counts, heap, collector, Ps, tasks, threads by name, goroutines."""
    labels = [found.label for found in lanes(page)]
    for wanted in ("Goroutines", "Heap", "GC mark", "Stop the world", "job (9)"):
        assert wanted in labels
    procs = {f"P{proc}" for proc in tables["proc_states"]["proc"]}
    assert procs <= set(labels)
    threads = [label for label in labels if "Python thread" in label]
    names = [re.sub(r"^G\d+ Python thread | \(\d+\)$", "", label) for label in threads]
    assert {"MainThread", "slow-worker", *(f"quick-{n}" for n in range(8))} <= set(names)
    assert not [label for label in labels if "cgocallback" in label]
    assert [label for label in labels if "workloads.gcChurn" in label]


def test_counts_and_heap_say_their_values(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Over the counts' lane there are the goroutines in each state, over the heap's its bytes."""
    begin = begin_of(tables)
    metric = [row for row in each(tables, "metrics") if "heap/objects" in row["name"]]
    time = metric[len(metric) // 2]["time_ns"] - begin
    go(page, f"#t={time - 200}-{time + 200}")
    x = x_of(page, time) + 3
    told = hover(page, x, lane(page, "Heap").middle)
    number, unit = re.search(r"([\d.]+) (KiB|MiB) in use", told).groups()  # type: ignore[union-attr]
    size = float(number) * {"KiB": 1 << 10, "MiB": 1 << 20}[unit]
    assert size == pytest.approx(metric[len(metric) // 2]["value"], rel=0.01)
    assert "collected at" in told
    kinds = kinds_of(tables)
    there = [
        row
        for row in each(tables, "goroutine_states")
        if row["begin_ns"] <= begin + time < row["end_ns"]
        and kinds[row["goroutine"]] not in ("runtime", "recorder")
    ]
    told = hover(page, x, lane(page, "Goroutines").middle)
    counted = sum(int(line.split()[0]) for line in told.splitlines()[1:])
    assert counted == len(there)


def test_hover_says_state_reason_and_stack(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Over a wait there are the goroutine, the state, the reason, and the stack's functions."""
    names = {row["goroutine"]: row["name"] for row in each(tables, "goroutines")}
    waits = [
        row
        for row in each(tables, "goroutine_states")
        if row["state"] == "Waiting" and "startWorkload" in names[row["goroutine"]]
    ]
    wait = max(waits, key=lambda row: row["end_ns"] - row["begin_ns"])
    begin, end = wait["begin_ns"] - begin_of(tables), wait["end_ns"] - begin_of(tables)
    go(page, f"#t={begin}-{end}&g={wait['goroutine']}")
    found = lane(page, "startWorkload")
    told = hover(page, x_of(page, (begin + end) / 2), found.middle)
    assert "startWorkload" in told
    assert f"Waiting ({wait['reason']}) for " in told
    assert "workloads.gcChurn:" in told
    assert "Woken by" in told


def test_threads_outside_go_say_so(page: Browser, tables: dict[str, dict[str, list[Any]]]) -> None:
    """A Python thread that is not in Go is told to be outside Go, and in which region."""
    (task,) = (
        row for row in each(tables, "tasks") if row["end_ns"] - row["begin_ns"] > 500_000_000
    )
    begin, end = task["begin_ns"] - begin_of(tables), task["end_ns"] - begin_of(tables)
    go(page, f"#t={begin}-{end}&g={task['goroutine']}")
    told = hover(page, x_of(page, (begin + end) / 2), lane(page, "slow-worker").middle)
    assert "Outside Go for " in told
    assert "proc lost" not in told
    assert "In region step" in told


def test_tasks_have_their_regions_and_logs(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """A task's lane has its regions below it and its logs as marks; each says what it is."""
    (task,) = (
        row for row in each(tables, "tasks") if row["end_ns"] - row["begin_ns"] > 500_000_000
    )
    (region,) = (row for row in each(tables, "regions") if row["task"] == task["task"])
    (log,) = (row for row in each(tables, "logs") if row["task"] == task["task"])
    begin, end = task["begin_ns"] - begin_of(tables), task["end_ns"] - begin_of(tables)
    go(page, f"#t={max(begin - 9_000_000, 0)}-{end + 9_000_000}")
    job = lane(page, "job (9)")
    middle = x_of(page, (begin + end) / 2)
    told = hover(page, middle, job.top + 11)
    assert f"Task {task['task']} job" in told
    assert "In region step" in told
    told = hover(page, middle, job.bottom - 8)
    assert "Region step" in told
    assert f"in task {task['task']}" in told
    assert "slow-worker" in told
    # Colours may be tinted, by a collection: a region is purple, its task is not, a log is red.
    for y, purple in ((job.bottom - 8, True), (job.top + 11, False)):
        _, green, blue = pixels(page, middle, y, 1, 1)[0]
        assert (blue - green > 60) is purple
    # The log is a mark where it was made, which says its message.
    x = x_of(page, log["time_ns"] - begin_of(tables))
    assert any(r - b > 80 and g < 120 for r, g, b in pixels(page, x - 2, job.top + 2, 5, 5))
    assert "stage: takes 0.6125 s" in hover(page, x + 1, job.top + 11)
    box = page.evaluate("document.getElementById('lanes').getBoundingClientRect().toJSON()")
    page.call("page.mouse.click", box["left"] + middle, box["top"] + job.bottom - 8)
    stretch = [region[key] - begin_of(tables) for key in ("begin_ns", "end_ns")]
    assert place(page)["s"] == "-".join(map(str, stretch))
    assert "slow-worker" in page.text("#details h3")


def test_collections_and_pauses_are_bands(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Where the collector marked, or stopped the world, all lanes are tinted; lanes say which."""
    begin = begin_of(tables)
    for words, label in (("concurrent mark", "GC mark"), ("stop-the-world (GC", "Stop the world")):
        ranges = [row for row in each(tables, "ranges") if words in row["name"]]
        longest = max(ranges, key=lambda row: row["end_ns"] - row["begin_ns"])
        length = longest["end_ns"] - longest["begin_ns"]
        middle = (longest["begin_ns"] + longest["end_ns"]) / 2 - begin
        # Some time before it is without any of its kind.
        # And less than all is in view, however long the machine made it.
        half = min(2 * length, (tables["snapshots"]["end_ns"][0] - begin) // 3)
        go(page, f"#t={max(int(middle - half), 0)}-{int(middle + half)}")
        x = x_of(page, middle)
        assert longest["name"] in hover(page, x, lane(page, label).middle)
        page.call("page.mouse.move", 5, 5)
        section = lane(page, "Goroutines").top - 12  # the bar of the section above
        tinted, plain = pixels(page, x, section, 1, 1)[0], pixels(page, 205, section, 1, 1)[0]
        assert tinted != plain, words


def test_arrows_show_who_woke_whom(page: Browser, tables: dict[str, dict[str, list[Any]]]) -> None:
    """Selecting a goroutine that another one woke draws an arrow between their lanes."""
    here = [found.label for found in lanes(page)]
    known = {
        row["goroutine"]: f"G{row['goid']} {row['name']}"
        for row in each(tables, "goroutines")
        if here.count(f"G{row['goid']} {row['name']}") == 1
    }
    wake = next(
        row
        for row in each(tables, "wakeups")
        if row["waker"] in known and row["goroutine"] in known and row["waker"] != row["goroutine"]
    )
    time = wake["time_ns"] - begin_of(tables)
    window = f"#t={max(time - 20000, 0)}-{time + 20000}"
    go(page, window)
    ends = sorted(lane(page, known[wake[key]]).middle for key in ("waker", "goroutine"))
    x = x_of(page, time)
    area = (x - 16, ends[0] + 4, 24, ends[1] - ends[0] - 8)
    assert area[3] > 4
    before = pixels(page, *area)
    go(page, f"{window}&g={wake['goroutine']}")
    accent = [0x2F, 0x5B, 0xD8]
    assert accent not in before
    assert accent in pixels(page, *area)


def test_a_selected_stretch_is_summed_up(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Dragging along the ruler sums up states, reasons and stacks as the tables have them."""
    box = page.evaluate("document.getElementById('lanes').getBoundingClientRect().toJSON()")
    page.call("page.mouse.move", box["left"] + 220, box["top"] + 10)
    page.call("page.mouse.down")
    page.call("page.mouse.move", box["left"] + 1270, box["top"] + 10)
    page.call("page.mouse.up")
    assert page.text("#details h3").startswith("All goroutines of the program: ")
    begin, end = (int(part) + begin_of(tables) for part in place(page)["s"].split("-"))
    kinds = kinds_of(tables)
    sums: Counter[str] = Counter()
    for row in each(tables, "goroutine_states"):
        kind = kinds[row["goroutine"]]
        time = min(row["end_ns"], end) - max(row["begin_ns"], begin)
        if time <= 0 or kind in ("runtime", "recorder"):
            continue
        outside = kind == "thread" and row["state"] == "Syscall" and row["stack"] is None
        reason = f" ({row['reason']})" if row["reason"] else ""
        sums["Outside Go" if outside else f"{row['state']}{reason}"] += time
    told = page.evaluate(
        "[...document.querySelectorAll('#details .sums tr')]"
        ".map(row => [...row.children].map(cell => cell.innerText))"
    )
    assert {row[0] for row in told} == set(dict(sums.most_common(14)))
    for name, time, _ in told:
        assert ns(time) == pytest.approx(sums[name], rel=0.01, abs=2), name
    page.call("page.click", "#details .buttons >> text=Waiting")
    flames = page.evaluate("[...document.querySelectorAll('.flame')].map(f => f.title)")
    assert any(re.search(r"workloads\.gcChurn: .*%", title) for title in flames)


def test_pins_a_goroutine(page: Browser) -> None:
    """A pinned goroutine stands first, the link has it, and "Unpin all" lets it go."""
    first = lanes(page)[0].label
    found = lane(page, "slow-worker")
    box = page.evaluate("document.getElementById('lanes').getBoundingClientRect().toJSON()")
    page.call("page.mouse.click", box["left"] + 20, box["top"] + found.middle)
    page.press("p")
    assert lanes(page)[0].label == found.label
    assert "pin" in place(page)
    page.call("page.click", "#unpin")
    assert lanes(page)[0].label == first
    assert "pin" not in place(page)


def test_filters_goroutines(page: Browser) -> None:
    """With "only these" the lanes of goroutines are those that the search finds."""
    page.call("page.fill", "#search", "quick")
    page.call("page.check", "#only")
    page.wait("document.getElementById('matches').textContent.includes('found')")
    labels = [found.label for found in lanes(page)]
    assert [label for label in labels if "quick-3" in label]
    assert not [label for label in labels if "slow-worker" in label or "gcChurn" in label]


def test_groups_open_and_close(page: Browser) -> None:
    """Goroutines are grouped by start function; a click on the group shows and hides them."""
    group = next(found for found in lanes(page) if " · " in found.label)
    before = len(lanes(page))
    box = page.evaluate("document.getElementById('lanes').getBoundingClientRect().toJSON()")
    click = ("page.mouse.click", box["left"] + 20, box["top"] + group.middle)
    page.call(*click)
    assert abs(len(lanes(page)) - before) >= 2
    page.call(*click)
    assert len(lanes(page)) == before


def test_says_aloud_what_a_lane_shows(page: Browser) -> None:
    """With keys alone a screen reader is told the lane, and with Enter what is in it."""
    spoken = "document.getElementById('spoken').textContent"
    page.press("t")
    for _ in range(80):
        page.press("ArrowUp")
        if page.evaluate(spoken) == "Overview, open":
            break
    page.press("ArrowDown")
    assert page.evaluate(spoken) == "Goroutines"
    page.press("Enter")
    assert re.search(r"Goroutines at .*\d+ (Running|Waiting|Outside Go)", page.evaluate(spoken))


def test_tables_sort_by_a_click(page: Browser) -> None:
    """A click on a column's head sorts by it, the largest first; another one turns it around."""
    page.call("page.click", "#tab-groups")
    for order in ("descending", "ascending"):
        page.call("page.click", "#tab-panel .grid-head >> text=runnable")
        head = "#tab-panel [aria-sort]:not([aria-sort=none])"
        assert page.evaluate(f"document.querySelector('{head}').ariaSort") == order
        values = [0.0 if row[4] == "0 s" else ns(row[4]) for row in cells(page)]
        assert len(set(values)) > 2
        assert values == sorted(values, reverse=order == "descending")


def test_groups_have_the_sums(page: Browser, tables: dict[str, dict[str, list[Any]]]) -> None:
    """Each start function has its goroutines' count and their time in each state."""
    called = {row["goroutine"]: (row["name"], row["kind"]) for row in each(tables, "goroutines")}
    counts = Counter(called.values())
    sums: Counter[tuple[str, str, str]] = Counter()
    for row in each(tables, "goroutine_states"):
        name, kind = called[row["goroutine"]]
        sums[name, kind, row["state"]] += row["end_ns"] - row["begin_ns"]
    page.call("page.click", "#tab-groups")
    rows = cells(page)
    assert len(rows) > 3
    for name, kind, count, *times in rows:
        if kind == "thread":
            continue  # what one does outside Go is no syscall, and not all have a name
        assert int(count.replace("\u202f", "")) == counts[name, kind]
        wanted = [sums[name, kind, s] for s in ("Running", "Runnable", "Syscall", "Waiting")]
        assert [ns(time) for time in times] == pytest.approx(wanted, rel=0.005)


def test_collections_and_pauses_have_their_times(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Every mark phase is a GC cycle of that length; every stop-the-world a pause, but ours."""
    ranges = each(tables, "ranges")
    for tab, column, wanted in (
        ("gc", 1, [row for row in ranges if row["name"] == "GC concurrent mark phase"]),
        ("pauses", 2, [row for row in ranges if row["name"].startswith("stop-the-world (GC")]),
    ):
        page.call("page.click", f"#tab-{tab}")
        rows = [row for row in cells(page) if tab == "gc" or "(GC" in row[0]]
        # The longest first; of many, only those in view are there.
        told = [ns(row[column]) for row in rows]
        lengths = sorted((row["end_ns"] - row["begin_ns"] for row in wanted), reverse=True)
        assert told
        if tab == "gc":
            assert page.text("#tab-panel .grid-bar [role=status]") == str(len(lengths))
        assert told == pytest.approx(lengths[: len(told)], rel=0.005)
    assert not [row for row in cells(page) if re.search(r"\((start|stop) trace\)", row[0])]


@pytest.mark.parametrize("tab", ["tasks", "regions"])
def test_percentiles(page: Browser, tables: dict[str, dict[str, list[Any]]], tab: str) -> None:
    """Tasks and regions have count, total, percentiles and longest by name, as the trace has."""
    lengths: dict[str, list[int]] = {}
    for row in each(tables, tab):
        lengths.setdefault(row["name"], []).append(row["end_ns"] - row["begin_ns"])
    page.call("page.click", f"#tab-{tab}")
    rows = page.evaluate(
        "[...document.querySelector('#tab-panel .grid').querySelectorAll('.grid-row')]"
        ".map(row => [...row.children].map(cell => cell.innerText))"
    )
    assert [row[0] for row in rows] == sorted(lengths, key=lambda name: -max(lengths[name]))[:20]
    for name, count, *times in rows:
        values = sorted(lengths[name])
        assert int(count.replace("\u202f", "")) == len(values)
        ranks = [math.ceil(share * len(values)) - 1 for share in (0.5, 0.9, 0.99, 1)]
        wanted = [sum(values), *(values[rank] for rank in ranks)]
        assert [ns(time) for time in times] == pytest.approx(wanted, rel=0.005)


def test_histogram_of_scheduling_latency(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Scheduling latency has a bar for each length of delay; together they are all delays."""
    kinds = kinds_of(tables)
    delays = [
        row["end_ns"] - row["begin_ns"]
        for row in each(tables, "goroutine_states")
        if row["state"] == "Runnable" and kinds[row["goroutine"]] not in ("runtime", "recorder")
    ]
    page.call("page.click", "#tab-latency")
    titles = page.evaluate("[...document.querySelectorAll('.hist-bar')].map(bar => bar.title)")
    found = {}
    for title in titles:
        low, high, count = re.fullmatch(r"(.+) to (.+): (.+)", title).groups()  # type: ignore[union-attr]
        found[ns(low), ns(high)] = int("".join(filter(str.isdigit, count)))
    assert sum(found.values()) == len(delays) > 10
    for (low, high), count in found.items():
        assert count == sum(low <= delay < high for delay in delays)
    # What is drawn is as high as there are many, and is told to who does not see it.
    heights = page.evaluate(
        "[...document.querySelectorAll('.hist-bar i')].map(i => i.offsetHeight)"
    )
    most = max(found.values())
    assert heights == pytest.approx(
        [max(count / most * 56, 2 if count else 0) for count in found.values()], abs=1
    )
    label = page.evaluate("document.querySelector('.hist').ariaLabel")
    assert all(f"{count}" in label.replace("\u202f", "") for count in found.values() if count)


def test_tables_filter_by_words(page: Browser) -> None:
    """Words in a table's filter leave the rows that have them all."""
    page.call("page.click", "#tab-logs")
    assert len(cells(page)) == 9
    page.call("page.fill", "#tab-panel input[type=search]", "STAGE 0.6125")
    assert [row[2] for row in cells(page)] == ["takes 0.6125 s"]
    page.call("page.fill", "#tab-panel input[type=search]", "nothing has this")
    assert cells(page) == [["Nothing matches."]]
    page.call("page.fill", "#tab-panel input[type=search]", "")


def test_blocking_ranks_the_programs_waits(
    page: Browser, tables: dict[str, dict[str, list[Any]]]
) -> None:
    """Blocking has the program's own waits; those of the recorder and the runtime on request."""
    page.call("page.click", "#tab-blocking")
    rows = cells(page)
    assert [row for row in rows if row[1].startswith("workloads.gcChurn:")]
    assert not [row for row in rows if "gobridge" in row[1] or row[1] == "no stack"]
    page.call("page.check", "#tab-panel .further input")
    more = cells(page)
    assert len(more) > len(rows)
    assert [row for row in more if "gobridge" in row[1]]
    # All that waited is there then.
    total = page.text("#tab-panel .grid-bar [role=status]")
    outside = {row["goroutine"] for row in each(tables, "goroutines") if row["kind"] == "thread"}
    waits = {
        (row["state"], row["reason"], row["stack"])
        for row in each(tables, "goroutine_states")
        if row["state"] == "Waiting"
        or (
            row["state"] == "Syscall" and not (row["goroutine"] in outside and row["stack"] is None)
        )
    }
    assert int(total) >= len(waits)


_PLACES = {
    "groups": "g",
    "blocking": "g",
    "latency": "g",
    "tasks": "task",
    "regions": "s",
    "logs": "g",
    "gc": "s",
    "pauses": "s",
}


@pytest.mark.parametrize("tab", _PLACES)
def test_each_table_leads_to_its_place(page: Browser, tab: str) -> None:
    """A row of each table selects its place, and brings the timeline into view."""
    page.call("page.set_viewport_size", {"width": 1280, "height": 800})
    page.call("page.click", f"#tab-{tab}")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.call("page.click", "#tab-panel .grid-row")
    found = place(page)
    assert _PLACES[tab] in found
    top = page.evaluate("document.getElementById('lanes').getBoundingClientRect().top")
    assert -1 < top < 400


@pytest.fixture(scope="module")
def profiled(
    browser: Browser, maker: TraceMaker, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Browser, Path]:
    """The browser with the report of a program that took CPU samples, and its trace."""
    trace = maker.trace(toolchains()[-1], "profile")
    judge.check(trace)
    report = tmp_path_factory.mktemp("profile") / "profile.html"
    with report.open("wb") as file:
        assert write_report(trace, file) is None
    browser.open(report, viewport=_TALL)
    return browser, trace


def test_cpu_samples_are_shown(profiled: tuple[Browser, Path]) -> None:
    """CPU samples have a lane that says their stacks, and a flame graph that counts them."""
    page, trace = profiled
    found = tables_of(trace)
    samples = [row for row in each(found, "samples") if row["stack"] is not None]
    assert samples
    begin = begin_of(found)
    strip = lane(page, f"CPU samples ({len(found['samples']['time_ns'])})")
    sample = samples[len(samples) // 2]
    time = sample["time_ns"] - begin
    go(page, f"#t={time - 5000}-{time + 5000}")
    told = hover(page, x_of(page, time), strip.middle)
    assert "CPU sample, at " in told
    depths = {
        row["depth"]: row["frame"]
        for row in each(found, "stack_frames")
        if row["stack"] == sample["stack"]
    }
    frames = {row["frame"]: row for row in each(found, "frames")}
    innermost = frames[depths[0]]
    assert f"{innermost['function'].rpartition('/')[2]}:{innermost['line']}" in told
    # All of the trace: the flame graph's lowest boxes are all samples together.
    end = found["snapshots"]["end_ns"][0] - begin
    go(page, f"#s=0-{end}")
    page.call("page.click", "#details .buttons >> text=CPU samples")
    titles = page.evaluate(
        "[...document.querySelectorAll('.flame')].filter(flame => flame.style.top === '0px')"
        ".map(flame => flame.title)"
    )
    counts = [int(re.search(r": (\d+) samples?, ", title)[1]) for title in titles]  # type: ignore[index]
    # What is narrower than two thousandths is left out.
    assert sum(counts) == pytest.approx(len(samples), rel=0.05)
    assert page.said() == []


def test_hostile_text_of_a_rule_is_text(
    browser: Browser, fired_trace: Path, tmp_path: Path
) -> None:
    """A file beside the snapshot that says anything at all is shown as text, or left out."""
    trace, report = tmp_path / "odd.trace", tmp_path / "odd.html"
    trace.write_bytes(fired_trace.read_bytes())
    reasons: list[Any] = [
        {"rule": HOSTILE, "reason": HOSTILE, "values": {HOSTILE: HOSTILE}, "trace_ns": "x"},
        {"rule": 1, "reason": [], "values": 3},
        None,
    ]
    trace.with_suffix(".json").write_text(json.dumps({"reasons": reasons}))
    with report.open("wb") as file:
        assert write_report(trace, file) is None
    browser.open(report)
    told = browser.text("#story .rule")
    assert "<script>alert(1)</script>" in told
    assert not set(told) & set("\x00\x1b\u202e")
    assert browser.said() == []
