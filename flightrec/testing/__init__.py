"""Assertions about what a Go runtime did, for tests.

::

    from flightrec.testing import Window

    def test_request(runtime, recorder):
        runtime.run("http_server", duration=0.1)
        window = Window(recorder.snapshot())
        window.assert_task("request", max_seconds=0.5)
        window.assert_no_goroutine_leak(since="server up", until="server down")
        window.assert_max_pause(0.02)

A failed assertion says which events did not fit, and shows their stacks. Nothing here
needs Go or pytest.
"""

from flightrec.testing.live import LiveGoroutine
from flightrec.testing.window import Window, assert_no_goroutine_leak
from flightrec.testing.wording import WindowAssertionError

__all__ = ["LiveGoroutine", "Window", "WindowAssertionError", "assert_no_goroutine_leak"]
