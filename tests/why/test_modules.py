"""Slow programs behind published modules: the explanation names the cause behind them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from flightrec.errors import ToolchainError
from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from flightrec.trace.why import explain
from tests.helpers import ROOT
from tests.helpers_go import Judge
from tests.why.cases import MODULE_CASES, Case
from tests.why.checking import check_cause
from tests.why.conftest import record

_SQLITE = "sqlite_pool"


@pytest.fixture(scope="module")
def module_library(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build ``tests/data/why_modules``, or skip the test where its modules cannot be had."""
    library = tmp_path_factory.mktemp("why-modules") / "lib.so"
    tags = ["sqlite"] if os.environ.get("FLIGHTREC_SQLITE") else []
    try:
        build(ROOT / "tests" / "data" / "why_modules", library, go=go.go, tags=tags)
    except ToolchainError as exc:
        text = f"{exc}\n{exc.output}"
        if re.search("cannot download|lookup disabled|dial tcp|no such host|proxy", text):
            pytest.skip(text)
        raise
    return library


@pytest.mark.parametrize("case", MODULE_CASES, ids=lambda case: case.name)
def test_cause(case: Case, module_library: Path, tmp_path: Path, judge: Judge) -> None:
    """The cause that the program was written to have is named first.

    SQLite is compiled only if FLIGHTREC_SQLITE is set: that takes minutes.
    """
    if case.name == _SQLITE and not os.environ.get("FLIGHTREC_SQLITE"):
        pytest.skip("compiling SQLite takes minutes; FLIGHTREC_SQLITE=1 does it")
    path = record(module_library, tmp_path, [case.name]) / f"{case.name}.trace"
    judge.check(path)
    check_cause(explain(path), case)
