"""Slow programs behind published modules: the explanation names the cause behind them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flightrec.gobuild import build
from flightrec.toolchain import Toolchain
from flightrec.trace.why import explain
from tests.helpers import ROOT
from tests.helpers_go import Judge
from tests.why.cases import MODULE_CASES, Case
from tests.why.checking import check_cause
from tests.why.conftest import record, skip_without_modules

_SQLITE = "sqlite_pool"


@pytest.fixture(scope="module")
def module_library(go: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build ``tests/data/why_modules``, or skip the test where its modules cannot be had."""
    library = tmp_path_factory.mktemp("why-modules") / "lib.so"
    tags = ["sqlite"] if os.environ.get("FLIGHTREC_PUBLISHED") else []
    with skip_without_modules():
        build(ROOT / "tests" / "data" / "why_modules", library, go=go.go, tags=tags)
    return library


@pytest.mark.go_versions
@pytest.mark.parametrize("case", MODULE_CASES, ids=lambda case: case.name)
def test_cause(case: Case, module_library: Path, tmp_path: Path, judge: Judge) -> None:
    """The cause that the program was written to have is named first.

    SQLite is compiled only if FLIGHTREC_PUBLISHED is set (`make published`): that takes minutes.
    """
    if case.name == _SQLITE and not os.environ.get("FLIGHTREC_PUBLISHED"):
        pytest.skip("compiling SQLite takes minutes; `make published` does it")
    path = record(module_library, tmp_path, [case.name]) / f"{case.name}.trace"
    judge.check(path)
    check_cause(explain(path), case)
