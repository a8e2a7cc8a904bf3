"""Drives Chromium by Playwright, in an environment of its own; :mod:`tests.report.browser` asks it.

Its argument is the browser. Each line of the standard input is a JSON list: what to call, such as
``page.keyboard.press``, its arguments and its keyword arguments. Each is answered by a line,
``{"value": …}`` or ``{"error": …}``.
"""

from __future__ import annotations

import importlib
import json
import operator
import sys
import time
from pathlib import Path
from typing import Any


class Driver:
    """One browser, with one page at a time."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._said: list[str] = []
        self.page: Any = None

    def open(self, url: str, **options: Any) -> None:
        """Open a page in a new profile, and wait until it is loaded."""
        if self.page is not None:
            self.page.context.close()
        self._said = []
        self.page = self._browser.new_context(**options).new_page()
        self.page.on("console", lambda said: self._said.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self._said.append(f"error: {error}"))
        self.page.on("request", self._requested)
        self.page.goto(url)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self._said.append(f"request: {request.url}")

    def wait(self, condition: str) -> None:
        """Wait until JavaScript says so (the page's policy forbids Playwright's way)."""
        deadline = time.monotonic() + 60
        while not self.page.evaluate(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not so after a minute: {condition}")
            self.page.wait_for_timeout(20)

    def said(self) -> list[str]:
        """What the page has said on its console, and what it wanted of the network."""
        return self._said

    def axe(self, selector: str) -> list[list[Any]]:
        """What axe-core finds in a part of the page: each fault's impact, rule, help and places."""
        package = importlib.import_module("axe_playwright_python")
        source = Path(str(package.__file__)).with_name("axe.min.js").read_text("utf-8")
        # Evaluated, because the page's policy allows no script but its own.
        self.page.evaluate(source)
        found = self.page.evaluate("part => axe.run(part, {resultTypes: ['violations']})", selector)
        return [
            [fault["impact"], fault["id"], fault["help"], [node["html"] for node in fault["nodes"]]]
            for fault in found["violations"]
        ]


def main() -> None:
    """Answer until the standard input ends."""
    playwright = importlib.import_module("playwright.sync_api")
    with playwright.sync_playwright() as started:
        driver = Driver(started.chromium.launch(executable_path=sys.argv[1]))
        for line in sys.stdin:
            name, arguments, options = json.loads(line)
            try:
                value = operator.attrgetter(name)(driver)(*arguments, **options)
                answer = json.dumps({"value": value}, default=lambda _: None)
            except Exception as exc:
                answer = json.dumps({"error": str(exc)})
            print(answer, flush=True)


main()
