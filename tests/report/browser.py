"""A headless Chromium for tests: Debian's package, or another that is on PATH, by Playwright."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["ZOOM", "Browser", "find_chromium"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Zooms at each frame for a second and a half, and gives how many frames there were.
ZOOM = """async () => {
  const scroller = document.getElementById('scroller');
  const box = document.getElementById('lanes').getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  const began = performance.now();
  let frames = 0;
  for (; performance.now() - began < 1500; frames++) {
    const deltaY = frames % 120 < 60 ? -60 : 60;
    document.getElementById('lanes').dispatchEvent(new WheelEvent('wheel', {
      deltaY, ctrlKey: true, clientX: box.left + 700, clientY: box.top + 100,
      bubbles: true, cancelable: true }));
    await frame();
  }
  return frames / (performance.now() - began) * 1000;
}"""


def find_chromium() -> str | None:
    """The browser: ``FLIGHTREC_CHROMIUM``, or one on PATH."""
    named = os.environ.get("FLIGHTREC_CHROMIUM")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


# As it was when it was opened, but for the tables that were looked at.
_BEGIN = """() => {
  for (const [id, event] of [['search', 'input'], ['only', 'change']]) {
    const input = document.getElementById(id);
    [input.value, input.checked] = ['', false];
    input.dispatchEvent(new Event(event, { bubbles: true }));
  }
  for (const id of ['unpin', 'fit', 'tab-groups']) document.getElementById(id).click();
  const scroller = document.getElementById('scroller');
  scroller.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
  scroller.scrollTop = 0;
  document.activeElement.blur();
  scrollTo(0, 0);
}"""


class Browser:
    """A browser with one page, in a process of its own. A context manager.

    *python* has Playwright. For errors, and where a wait takes too long, RuntimeError.
    """

    def __init__(self, python: Path, chromium: str) -> None:
        script = Path(__file__).with_name("driver.py")
        self._driver = subprocess.Popen(
            [python, script, chromium], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._open: tuple[Path, dict[str, Any]] | None = None

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the driver or of Playwright's page, as in ``page.keyboard.press``."""
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.write(json.dumps([name, arguments, options]) + "\n")
        self._driver.stdin.flush()
        line = self._driver.stdout.readline()
        if not line:
            raise RuntimeError("the browser's driver has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{name}{arguments}: {answer['error']}")
        return answer["value"]

    def open(self, report: Path, link: str = "", **options: Any) -> None:
        """Open a report, and wait until its timeline is painted."""
        options.setdefault("viewport", {"width": 1280, "height": 720})
        self._open = None
        self.call("open", report.as_uri() + link, **options)
        self.wait("document.documentElement.dataset.painted")
        if not link:
            self._open = (report, options)

    def begin(self, report: Path, **options: Any) -> None:
        """Open a report, or go back to its beginning if it is open so already."""
        options.setdefault("viewport", {"width": 1280, "height": 720})
        if self._open == (report, options):
            self.call("page.set_viewport_size", options["viewport"])
            self.evaluate(_BEGIN)
            self.wait("location.hash === ''")
        else:
            self.open(report, **options)

    def evaluate(self, code: str, argument: Any = None) -> Any:
        """What JavaScript in the page gives."""
        return self.call("page.evaluate", code, argument)

    def wait(self, condition: str) -> None:
        """Wait until JavaScript says so."""
        self.call("wait", condition)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.call("page.keyboard.press", key)

    def text(self, selector: str) -> str:
        """The text that is shown of an element."""
        found: str = self.call("page.inner_text", selector)
        return found

    def said(self) -> list[str]:
        """What the page has said on its console, its errors, and its wishes for the network."""
        found: list[str] = self.call("said")
        return found

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.close()
        self._driver.wait(30)
        self._driver.stdout.close()
