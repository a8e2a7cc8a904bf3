"""However a process ends, and whatever it does meanwhile, it ends, with the right status.

The whole table takes minutes: ``make endings``. Here each way and each activity comes up once.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from flightrec.toolchain import Toolchain
from tests import endings
from tests.helpers_run import Libraries

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")

#: Activities that the recorder or a workload has threads for, with each way to end.
_SOME = list(
    zip(
        [*endings.ENDINGS, "return"],
        itertools.chain(list(endings.ACTIVITIES)[1:], ["nothing"]),
        strict=True,
    )
)


@pytest.fixture(scope="session")
def leaves(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the library of the table, once."""
    return Libraries(go, tmp_path_factory.getbasetemp())("leaves")


@pytest.mark.parametrize(("ending", "activity"), _SOME)
def test_ending(leaves: Path, ending: str, activity: str) -> None:
    """The process ends with its status, and nothing of Go or Python crashes."""
    outcome = endings.run(leaves, ending, activity)
    assert outcome.status == endings.ENDINGS[ending][1], outcome
    assert outcome.right, outcome


@pytest.mark.parametrize("ending", ["return", "sys.exit", "exception"])
def test_daemon_thread_in_run(leaves: Path, ending: str) -> None:
    """An interpreter that ends while a daemon thread runs workloads ends, ten times of ten."""
    for _ in range(10):
        outcome = endings.run(leaves, ending, "thread in run")
        assert outcome.right, outcome
