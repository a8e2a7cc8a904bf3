"""The marker ``go_limits``."""

from __future__ import annotations

from tests.plugin.project import Project

pytest_plugins = ["pytester"]


def test_limits(project: Project) -> None:
    """What is beyond a limit fails the test with the events and stacks; what is within passes."""
    project.write(
        """
        import pytest

        @pytest.mark.go_limits(max_pause=60, max_scheduling_delay=60, max_goroutines=9)
        def test_within(go_runtime):
            go_runtime.run("idle", goroutines=3, duration=0.01)

        @pytest.mark.go_limits(max_pause=0)
        def test_pause(go_runtime):
            go_runtime.run("gc_churn", duration=0.05)

        @pytest.mark.go_limits(max_scheduling_delay=0)
        def test_delay(go_runtime):
            go_runtime.run("idle", goroutines=3, duration=0.01)

        @pytest.mark.go_limits(max_goroutines=2)
        def test_many(go_runtime):
            go_runtime.run("idle", goroutines=4, duration=0.01)

        @pytest.mark.go_limits(max_goroutines=2)
        def test_stops(flight_recorder):
            flight_recorder.stop()
        """
    )
    done = project.run("-ra", "-p", "no:randomly")
    done.assert_outcomes(passed=1, failed=4)
    done.stdout.fnmatch_lines_random(
        [
            "the world was stopped for longer than *",
            "* times a goroutine was ready for longer than *",
            "there were * goroutines at *s, more than 2:",
            "*goroutines (flightrec/gobridge/workloads.idle.func1; *",
            "*created at *",
            "go_limits cannot be judged: the test has stopped flight_recorder",
        ]
    )
    assert (project.folder("test_many") / "call.trace").exists()


def test_leaks(project: Project) -> None:
    """A leak is what the test created: not what others do, nor what fixtures set up or close."""
    project.write(
        """
        import pytest

        @pytest.fixture(scope="session")
        def server(go_runtime):
            handle = go_runtime.start("idle", goroutines=2, duration=60)
            yield handle
            handle.cancel()

        @pytest.fixture
        def closed(go_runtime):
            handle = go_runtime.start("idle", goroutines=3, duration=60)
            yield
            handle.cancel()
            handle.wait(30)

        @pytest.mark.go_limits(no_leak=True)
        def test_clean(server, closed):
            pass

        def test_other(go_runtime):
            go_runtime.start("idle", goroutines=5, duration=60)

        @pytest.mark.go_limits(no_leak=True)
        def test_leaky(go_runtime, request):
            handle = go_runtime.start("idle", goroutines=4, duration=60)
            request.session.handle = handle
        """
    )
    done = project.run()
    done.assert_outcomes(passed=3, errors=1)
    done.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_leaky*", "* goroutines were left behind:"]
    )
    done.stdout.fnmatch_lines(["*4 goroutines (flightrec/gobridge/workloads.idle.func1; *"])
    assert "5 goroutines (" not in done.stdout.str()
    assert (project.folder("test_leaky") / "teardown.trace").exists()


def test_leaks_on_other_threads(project: Project) -> None:
    """What a test creates on another thread is its own inside a region, in the test's context."""
    project.write(
        """
        import contextvars
        import threading
        import pytest

        def start(go_runtime):
            with go_runtime.region("starts"):
                go_runtime.start("idle", goroutines=4, duration=60)

        @pytest.mark.go_limits(no_leak=True)
        @pytest.mark.parametrize("inherits", [False, True])
        def test_it(go_runtime, inherits):
            run = contextvars.copy_context() if inherits else contextvars.Context()
            thread = threading.Thread(target=run.run, args=(start, go_runtime))
            thread.start()
            thread.join()
        """
    )
    done = project.run()
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["*ERROR at teardown of test_it?True?*", "* were left behind:"])


def test_window_too_short(project: Project) -> None:
    """A limit fails where the window does not reach back to the test's begin."""
    project.write(
        """
        import time
        import pytest

        @pytest.mark.go_limits(max_pause=60)
        def test_long(flight_recorder):
            while flight_recorder.stats().total_generations < 5:
                time.sleep(0.2)  # of which the window keeps half
                flight_recorder.snapshot()  # ends a generation
        """
    )
    done = project.run("--flightrec-min-age=100ms")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["go_limits cannot be judged: the test lasted *"])


def test_wrong_limit(project: Project) -> None:
    """A limit that there is not, or is no number, is a usage error that names the test."""
    project.write(
        """
        import pytest

        @pytest.mark.go_limits(max_pauses=1)
        def test_it():
            pass
        """
    )
    done = project.run_here()
    assert "test_it.py::test_it: go_limits has no max_pauses" in done.stderr.str()
