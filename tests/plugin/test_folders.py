"""A folder for each test: short, valid and its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightrec.pytest_plugin.folders import make_folder, slug
from tests.plugin.project import Project

pytest_plugins = ["pytester"]


@given(st.text(st.characters(exclude_categories=())))
def test_slug(node_id: str) -> None:
    """Any id gives a short name of characters that every file system takes."""
    name = slug(node_id)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*[A-Za-z0-9_]", name)
    assert len(name) <= 70


def test_slug_differs() -> None:
    """Ids that differ only where a name cannot show it have different names."""
    ids = ["t.py::t[a/b]", "t.py::t[a:b]", "t.py::t[" + 99 * "a" + "]", "t.py::t[" + 98 * "a" + "]"]
    assert len({slug(each) for each in ids}) == 4
    assert slug("tests/test_a.py::test_b[1-x]").startswith("test_a-test_b-1-x-")


def test_make_folder(tmp_path: Path) -> None:
    """A folder that is there is never used again, and reruns and workers have their own."""
    parent = tmp_path / "results"
    names = {
        make_folder(parent, "a.py::b", rerun=rerun, worker=worker).name.removeprefix(
            slug("a.py::b")
        )
        for rerun, worker in ((0, None), (0, None), (1, None), (1, "gw0"))
    }
    assert names == {"", "-2", "-rerun1", "-rerun1-gw0"}
    assert (parent / ".gitignore").read_text() == "*\n"


def test_odd_ids(project: Project) -> None:
    """Tests with any id, of any length, leave their windows."""
    project.write(
        r"""
        import pytest

        @pytest.mark.parametrize("text", [".", "../..", "ä\x01/", "x" * 5000, "\ud800", "::"])
        def test_it(flight_recorder, text):
            assert 0
        """
    )
    project.run("-q").assert_outcomes(failed=6)
    assert len(list(project.traces())) == len(project.folders()) == 6


@pytest.mark.parametrize("name", ["flightrec-results", "kept/of [a]*"])
def test_results_are_not_collected(pytester: pytest.Pytester, name: str) -> None:
    """No tests are looked for among the results, but in a folder that has both they are."""
    make_folder(pytester.path / name, "a.py::b", rerun=0, worker=None)
    tests = pytester.path / "tests"
    tests.mkdir()
    for folder in (pytester.path / name, tests):
        (folder / f"test_in_{folder.name[0]}.py").write_text("def test_it():\n    pass\n")
    option = () if name == "flightrec-results" else (f"--flightrec-dir={name}",)
    for options in (option, ("--flightrec-dir=tests", f"--ignore={name}")):
        # pytest-asyncio warns where it is installed and not set up.
        done = pytester.runpytest_inprocess("--collect-only", "-q", "-p", "no:asyncio", *options)
        assert done.outlines[0] == "tests/test_in_t.py::test_it"
        assert done.parseoutcomes()["test"] == 1
