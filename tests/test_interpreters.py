"""Sub-interpreters: a Go runtime belongs to the process, and only the main one may load it."""

from __future__ import annotations

import pytest

from tests.helpers import Child

PROGRAM = """
first, own_gil = (argument == "True" for argument in sys.argv[1:])
try:
    import _interpreters as interpreters  # Python 3.13 and later
    interpreter = interpreters.create("isolated" if own_gil else "legacy")
except ImportError:
    import _xxsubinterpreters as interpreters
    interpreter = interpreters.create(isolated=own_gil)
if first:
    runtime = flightrec.load()
code = '''
try:
    import flightrec
except ImportError as exc:  # ctypes of Python 3.12 does not work there at all
    assert "does not support loading in subinterpreters" in str(exc), exc
else:
    try:
        flightrec.load()
    except flightrec.LibraryLoadError as exc:
        assert "this is a sub-interpreter" in str(exc), exc
    else:
        raise AssertionError("no error")
'''
failure = interpreters.run_string(interpreter, code)
assert failure is None, failure
assert flightrec.load().run("idle", goroutines=1, duration=0.001) == {"goroutines": 1}
"""


@pytest.mark.matrix
@pytest.mark.parametrize("first", [False, True], ids=["alone", "beside the main interpreter"])
@pytest.mark.parametrize("own_gil", [False, True])
def test_load_is_refused(child: Child, first: bool, own_gil: bool) -> None:
    """In a sub-interpreter load raises LibraryLoadError; the main interpreter is not harmed."""
    child.run(PROGRAM, first, own_gil)
