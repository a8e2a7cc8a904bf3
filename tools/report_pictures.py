"""Takes the screenshots of docs/report.md: ``python tools/report_pictures.py`` (needs Chromium).

Builds and records examples/slow_request as the README does it, and writes its report.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.environment import make_environment  # noqa: E402
from tests.report.browser import Browser, find_chromium  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
_URL = "http://localhost:8080/price?of=tea"


def main() -> int:
    """Take the pictures; 2 where there is no browser."""
    chromium = find_chromium()
    if chromium is None:
        print("there is no Chromium here", file=sys.stderr)
        return 2
    python = make_environment(ROOT / "build" / "browser", "browser")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Browser(python, chromium) as browser:
        report = _report(Path(folder))
        browser.open(report, device_scale_factor=0.8)
        _picture(browser, "report")
        browser.call("page.click", "text=Show it in the timeline")
        browser.call("page.click", "#fit")
        browser.evaluate("scrollTo(0, 520)")
        browser.call("page.click", "#tab-blocking")
        _picture(browser, "report-tables")
        browser.open(report, color_scheme="dark", device_scale_factor=0.8)
        browser.call("page.click", "text=Show it in the timeline")
        browser.evaluate("document.getElementById('story').scrollTop = 0")
        _picture(browser, "report-dark")
    return 0


def _report(folder: Path) -> Path:
    """Record the example's slow request, and write the report of it."""
    library, trace, report = (folder / name for name in ("lib.so", "slow.trace", "slow.html"))
    flightrec = [sys.executable, "-m", "flightrec"]
    service = str(ROOT / "examples" / "slow_request" / "service")
    build = [*flightrec, "build", service, "-o", str(library), "--instrument", "net/http"]
    subprocess.run(build, check=True)
    run = [*flightrec, "run", str(library), "-o", str(trace), "--duration", "3s"]
    with subprocess.Popen(run, cwd=folder) as process:
        asking = threading.Event()
        while process.poll() is None:
            with contextlib.suppress(OSError):  # not yet, or no longer
                urllib.request.urlopen(_URL, timeout=2).close()
            asking.wait(0.01)
    subprocess.run([*flightrec, "report", str(trace), "-o", str(report)], check=True)
    return report


def _picture(browser: Browser, name: str) -> None:
    """Take a screenshot of the window."""
    path = PICTURES / f"{name}.png"
    browser.evaluate("new Promise(done => setTimeout(done, 500))")
    browser.call("page.screenshot", path=str(path))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
