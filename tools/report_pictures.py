"""Takes the screenshots of docs/report.md: ``python tools/report_pictures.py`` (needs Chromium).

Builds and records examples/slow_request as the README does it, and writes its report.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.environment import make_environment  # noqa: E402
from tests.report.browser import Browser, find_chromium  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
_WINDOW: Any = {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 0.8}


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
        browser.open(report, **_WINDOW)
        _picture(browser, "report")
        browser.call("page.click", "text=Show it in the timeline")
        browser.evaluate("document.querySelector('.details').scrollIntoView()")
        browser.call("page.click", "#tab-blocking")
        _picture(browser, "report-tables")
        browser.open(report, color_scheme="dark", **_WINDOW)
        browser.call("page.click", "text=Show it in the timeline")
        _picture(browser, "report-dark")
    return 0


def _report(folder: Path) -> Path:
    """Record the example until a rule saves its slow request, and write the report of that."""
    library, snapshots, report = (folder / name for name in ("lib.so", "snapshots", "slow.html"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "{}:{}".format(*server.getsockname())  # a free port
    flightrec = [sys.executable, "-m", "flightrec"]
    service = str(ROOT / "examples" / "slow_request" / "service")
    build = [*flightrec, "build", service, "-o", str(library), "--instrument", "net/http"]
    subprocess.run(build, check=True)
    rule = ["--when", "http slower than 150ms", "--arm-after", "1s", "--tail", "300ms"]
    run = [*flightrec, "run", str(library), *rule, "-d", str(snapshots), "--duration", "4s"]
    with subprocess.Popen([*run, "--", "-address", address], cwd=folder) as process:
        asking = threading.Event()
        while process.poll() is None:
            with contextlib.suppress(OSError):  # not yet, or no longer
                urllib.request.urlopen(f"http://{address}/price?of=tea", timeout=2).close()
            asking.wait(0.01)
    trace = min(snapshots.glob("*.trace"))
    # The page is called by the file's name.
    slow = trace.rename(folder / "slow.trace")
    trace.with_suffix(".json").rename(folder / "slow.json")
    subprocess.run([*flightrec, "report", str(slow), "-o", str(report)], check=True)
    return report


def _picture(browser: Browser, name: str) -> None:
    """Take a screenshot of the window."""
    path = PICTURES / f"{name}.png"
    browser.evaluate("new Promise(done => setTimeout(done, 500))")
    browser.call("page.screenshot", path=str(path))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
