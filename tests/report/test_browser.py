"""The report in a real browser: Chromium, of the system, by Playwright."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import flightrec
from flightrec.report import write_report
from tests.helpers import until
from tests.helpers_go import Judge
from tests.report.browser import ZOOM, Browser
from tests.report.conftest import HOSTILE
from tests.report.lanes import pixels
from tests.tables.conftest import WORKLOADS, recorded

__all__ = ["recorded"]  # a fixture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only tried on Linux")

MakeReport = Callable[[Path], Path]


@pytest.fixture(scope="module")
def report_of(tmp_path_factory: pytest.TempPathFactory) -> MakeReport:
    """What writes the report of a trace, once."""
    folder = tmp_path_factory.mktemp("reports")

    def made(file: Path) -> Path:
        report = folder / f"{file.stem}.html"
        if not report.exists() and file.stat().st_size < 4 << 20:
            with report.open("wb") as out:
                assert write_report(file, out) is None
        elif not report.exists():
            # In a process of its own, as the command does it: there, without garbage collection.
            subprocess.run(
                [sys.executable, "-m", "flightrec", "report", file, "-o", report],
                check=True,
                capture_output=True,
            )
        return report

    return made


@pytest.fixture(scope="module")
def large(
    runtime: flightrec.GoRuntime, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A snapshot of 10 MiB, of ``pingpong``."""
    file = tmp_path_factory.mktemp("large") / "large.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=16 << 20, min_age=60) as recorder:
        running = runtime.start("pingpong")
        try:
            until(lambda: recorder.stats().window_bytes > 11 << 20, "11 MiB in the window")
            recorder.write_to(file)
        finally:
            running.cancel()
            running.wait()
    judge.check(file)
    return file


@pytest.fixture(scope="module")
def many(
    runtime: flightrec.GoRuntime, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A snapshot of 10,000 goroutines."""
    file = tmp_path_factory.mktemp("many") / "many.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=10 << 20) as recorder:
        runtime.run("idle", goroutines=10_000, duration=0.1)
        recorder.write_to(file)
    judge.check(file)
    return file


@pytest.fixture
def opened(browser: Browser, hostile_report: Path) -> Iterator[Browser]:
    """The browser, with the report of hostile names open; it may not complain."""
    browser.begin(hostile_report)
    yield browser
    assert browser.said() == []


def selection(browser: Browser) -> str:
    """What the page says of the selection."""
    return browser.text("#details")


def hash_of(browser: Browser) -> str:
    """The part of the page's address that says the place, once it is up to date."""
    found: str = browser.evaluate("new Promise(done => setTimeout(() => done(location.hash), 300))")
    return found


@pytest.mark.parametrize("name", WORKLOADS)
def test_opens_each_workload(
    browser: Browser, report_of: MakeReport, recorded: dict[str, Path], judge: Judge, name: str
) -> None:
    """The report of each bundled workload opens, says what happened, and complains of nothing."""
    judge.check(recorded[name])
    browser.open(report_of(recorded[name]))
    assert browser.said() == []
    assert name in browser.text("h1")
    assert len(browser.text("#story")) > 50
    assert browser.evaluate("document.querySelectorAll('.grid-row').length") > 3


def test_opens_ten_mebibytes(browser: Browser, report_of: MakeReport, large: Path) -> None:
    """The report of 10 MiB is less than 15 MB, and its timeline is painted soon after it opens."""
    assert large.stat().st_size > 10 << 20
    report = report_of(large)
    assert report.stat().st_size < 15_000_000
    browser.open(report)
    assert browser.said() == []
    # bench.page measures it (docs/report.md); here the machine may be busy.
    assert int(browser.evaluate("document.documentElement.dataset.painted")) < 20_000


@pytest.mark.parametrize("what", ["large", "many"])
def test_zooms(
    browser: Browser, report_of: MakeReport, request: pytest.FixtureRequest, what: str
) -> None:
    """Zooming moves the view, many times a second, with 10 MiB and with 10,000 goroutines."""
    browser.open(report_of(request.getfixturevalue(what)))
    browser.call("page.focus", "#scroller")
    assert browser.evaluate(ZOOM) > 5
    browser.press("0", "+")
    assert hash_of(browser).startswith("#t=")
    assert browser.said() == []


def test_finds_each_of_ten_thousand_goroutines(
    browser: Browser, report_of: MakeReport, many: Path
) -> None:
    """All of 10,000 goroutines are in the tables, and in the search."""
    browser.open(report_of(many))
    row = browser.evaluate(
        "[...document.querySelectorAll('.grid-row')].map(row => row.innerText)"
        ".find(text => text.includes('idle'))"
    )
    assert "10" in row
    browser.call("page.fill", "#search", "idle")
    browser.wait("document.getElementById('matches').textContent.includes('found')")
    digits = "".join(filter(str.isdigit, browser.text("#matches")))
    assert int(digits) >= 10_000
    assert browser.said() == []


def test_opens_an_empty_snapshot(
    browser: Browser, hostile_trace: Path, runtime: flightrec.GoRuntime, tmp_path: Path
) -> None:
    """A snapshot in which nothing happened, and a trace that is only its header, can be opened."""
    idle, header = tmp_path / "idle.trace", tmp_path / "header.trace"
    with flightrec.FlightRecorder(runtime, max_bytes=1 << 20) as recorder:
        recorder.write_to(idle)
    header.write_bytes(hostile_trace.read_bytes()[:16])
    for file in (idle, header):
        report = file.with_suffix(".html")
        with report.open("wb") as out:
            assert write_report(file, out) is None
        browser.open(report)
        assert browser.text("h1") == file.name
        for tab in browser.evaluate("[...document.querySelectorAll('[role=tab]')].map(t => t.id)"):
            browser.call("page.click", f"#{tab}")
        assert browser.said() == []


def test_search_finds_a_log(opened: Browser) -> None:
    """Searching for a message's words finds it; choosing it goes to where it was logged."""
    opened.press("/")
    opened.call("page.keyboard.type", "message script")
    opened.wait("!document.getElementById('results').hidden")
    assert "log" in opened.text("#results li")
    opened.press("Enter")
    assert "Python thread" in selection(opened)
    assert hash_of(opened).startswith("#t=")


def test_row_lands_on_its_place(opened: Browser) -> None:
    """A row of a table shows its place: the view has the pause, which is selected."""
    opened.call("page.click", "#tab-pauses")
    opened.call("page.click", ".grid-row")
    begin, end = map(int, hash_of(opened).split("t=")[1].split("&")[0].split("-"))
    stretch = hash_of(opened).split("s=")[1].split("&")[0].split("-")
    assert begin <= int(stretch[0]) < int(stretch[1]) <= end
    assert "All goroutines" in selection(opened)


def test_link_restores_the_place(opened: Browser, hostile_report: Path) -> None:
    """What a link names is there again in a new window: view, goroutine, table and selection."""
    opened.call("page.click", "#tab-logs")
    opened.call("page.click", ".grid-row")
    link, chosen = hash_of(opened), selection(opened)
    assert "&g=" in link
    assert "tab=logs" in link
    opened.open(hostile_report, link)
    assert selection(opened) == chosen
    assert opened.evaluate("document.querySelector('[aria-selected=true]').id") == "tab-logs"
    assert hash_of(opened) == link


def test_wrong_link_is_harmless(opened: Browser, hostile_report: Path) -> None:
    """A link that names nothing opens the report all the same, and leads nowhere later."""
    opened.open(hostile_report, "#t=9-1&g=99999999&tab=none&s=1-&pin=a,,1&%")
    assert len(opened.text("#story")) > 50
    for link in ("#t=9-1", "#g=99999999&t=x", "#tab=none&s=1-", "#%", "#pin=a,,1"):
        opened.evaluate("link => { location.hash = link }", link)
        assert hash_of(opened) in ("", link)


def test_keyboard_only(opened: Browser) -> None:
    """Everything can be done with keys: help, timeline, a state, its table, and back."""
    opened.press("?")
    assert opened.evaluate("document.getElementById('help').open")
    opened.press("Escape", "t")
    assert opened.evaluate("document.activeElement.id") == "scroller"
    opened.press("+", "ArrowRight")
    assert hash_of(opened).startswith("#t=")
    opened.press("0")
    assert hash_of(opened) == ""
    for _ in range(60):
        opened.press("ArrowDown")
        if "MainThread" in str(opened.evaluate("document.getElementById('spoken').textContent")):
            break
    opened.press("Enter", "]")
    assert "MainThread" in selection(opened)
    assert "g=" in hash_of(opened)
    opened.evaluate("document.getElementById('tab-groups').focus()")
    opened.press("ArrowRight")
    assert opened.evaluate("document.activeElement.id") == "tab-blocking"
    # Tab goes on from there into the table, whose rows the arrows choose.
    for _ in range(12):
        opened.press("Tab")
        if opened.evaluate("document.activeElement.getAttribute('role')") == "grid":
            break
    opened.press("ArrowDown", "Enter")
    assert opened.evaluate("document.querySelectorAll('.grid-row.chosen').length") == 1
    assert "Stack" in selection(opened)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(
    browser: Browser, fired_report: Path, scheme: str
) -> None:
    """axe-core finds nothing serious on any tab, light and dark, nor in the help."""
    browser.begin(fired_report, color_scheme=scheme)
    browser.call("page.click", "text=Show it in the timeline")
    faults = browser.call("axe", "html")
    tabs = browser.evaluate("[...document.querySelectorAll('[role=tab]')].map(t => t.id)")
    # All tables have the same colours.
    for tab in tabs if scheme == "light" else ["tab-latency"]:
        browser.call("page.click", f"#{tab}")
        faults += browser.call("axe", ".tables")
    browser.press("?")
    faults += browser.call("axe", "#help")
    browser.press("Escape")
    assert [fault for fault in faults if fault[0] in ("serious", "critical")] == []


def test_dark(opened: Browser, hostile_report: Path) -> None:
    """Where the system is dark the page is, canvas included."""
    opened.begin(hostile_report, color_scheme="dark")
    back = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(opened.evaluate(back)) < 60
    assert max(pixels(opened, 2, 2, 1, 1)[0]) < 60


def test_laptop_width(opened: Browser) -> None:
    """At 1280 pixels nothing is wider than the window, and the timeline is in view at once."""
    root = "document.documentElement"
    assert opened.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    top = opened.evaluate("document.getElementById('scroller').getBoundingClientRect().top")
    assert top < 500


def test_hostile_text_is_text(opened: Browser) -> None:
    """Names with markup, controls and direction marks are shown as text, and marked."""
    before = opened.evaluate("document.querySelectorAll('script').length")
    for tab in ("tasks", "regions", "logs"):
        opened.call("page.click", f"#tab-{tab}")
        text = opened.text("#tab-panel")
        assert "<script>alert(1)</script><!-- \" ' &" in text
        assert "␛[31m" in text
        assert "U+202E" in text
        assert not set(text) & set("\x00\x1b\u202e")
    assert opened.evaluate("document.querySelectorAll('script').length") == before


def test_text_of_any_bytes_is_text(browser: Browser, hostile_trace: Path, tmp_path: Path) -> None:
    """NUL and bytes that are no UTF-8, which a Go program may log, are shown as marks."""
    file, report = tmp_path / "bytes.trace", tmp_path / "bytes.html"
    # What Python passes on has neither: they are put into the trace's strings, byte for byte.
    tail = HOSTILE[-4:].encode()
    data = hostile_trace.read_bytes()
    assert data.count(tail) >= 4
    file.write_bytes(data.replace(tail, tail[:-3] + b"\0\xff\xc3"))
    with report.open("wb") as out:
        assert write_report(file, out) is None
    browser.open(report, "#tab=logs")
    assert r"U+202E⟩␀\xff\xc3" in browser.text("#tab-panel")
    assert browser.said() == []


def test_prints_a_summary(opened: Browser, tmp_path: Path) -> None:
    """On paper there are what happened and the timeline, dark on white, and no buttons.

    Nothing is wider than the paper, and the colours and the table say what they are.
    """
    opened.call("page.emulate_media", color_scheme="dark")
    opened.call("page.emulate_media", media="print")
    assert min(pixels(opened, 2, 2, 1, 1)[0]) > 230
    assert len(opened.text("#story")) > 50
    assert opened.call("page.is_visible", "#lanes")
    for selector in ("#search", "#fit", ".tools", "#tabs", "#how", "text=Show it in the timeline"):
        assert not opened.call("page.is_visible", selector), selector
    assert opened.call("page.is_visible", ".legend")
    caption = "getComputedStyle(document.querySelector('#tab-panel .grid'), '::before').content"
    assert opened.evaluate(caption) == '"Goroutines by start function"'
    paper = {"width": 703, "height": 1032}  # A4 within its margins, in pixels of CSS
    opened.call("page.set_viewport_size", paper)
    right = "document.querySelector('#tab-panel .grid-head').getBoundingClientRect().right"
    assert opened.evaluate(right) <= paper["width"]
    pages = tmp_path / "report.pdf"
    opened.call("page.pdf", path=str(pages))
    assert pages.read_bytes().startswith(b"%PDF")
    opened.call("page.emulate_media", media="screen", color_scheme="light")
