"""The page's sources in ``report/``: its own tests, and that the shipped page is made of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT

_PAGE = ROOT / "report"


@pytest.fixture(scope="module")
def node() -> str:
    """Node, where it and the page's build tools are."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node here")
    if not (_PAGE / "node_modules" / "esbuild").is_dir():
        pytest.skip("the page's build tools are not installed (make report)")
    return found


def test_shipped_page_is_built_from_the_sources(node: str, tmp_path: Path) -> None:
    """Building the page gives the bytes that are shipped."""
    built = tmp_path / "report.html"
    subprocess.run([node, "build.mjs", str(built)], cwd=_PAGE, check=True, capture_output=True)
    assert built.read_bytes() == (ROOT / "flightrec/report/assets/report.html").read_bytes()


def test_unit_tests(node: str, tmp_path: Path) -> None:
    """The tests of the page's pure parts pass, and there are some."""
    built = str(tmp_path / "report.html")
    subprocess.run(
        [node, "build.mjs", "--tests", built], cwd=_PAGE, check=True, capture_output=True
    )
    done = subprocess.run(
        [node, "--test", "--test-reporter=tap", "build/test/"],
        cwd=_PAGE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "# pass 0" not in done.stdout
