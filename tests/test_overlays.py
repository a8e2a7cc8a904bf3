"""Overlays: changes of Go's own sources, found by text, in what flightrec builds."""

from __future__ import annotations

from pathlib import Path

import pytest

import flightrec
from flightrec.gobuild import build
from flightrec.gobuild.overlays import DEFAULT_OVERLAYS, Overlay, Patch
from flightrec.gobuild.overlays.patch import plan_overlays
from flightrec.toolchain import find_toolchain
from tests.helpers import Child
from tests.trace import toolchains

LINUX = ("linux", "amd64")
NAMES = tuple(overlay.name for overlay in DEFAULT_OVERLAYS)


def overlay(name: str, *patches: Patch, **more: object) -> Overlay:
    """Make an overlay for a test."""
    return Overlay(name=name, purpose="something is missing", patches=patches, **more)  # type: ignore[arg-type]


def patch(text: str, instead: str, **more: object) -> Patch:
    """Make a patch of the file f.go."""
    return Patch(file="f.go", text=text, instead=instead, **more)  # type: ignore[arg-type]


def test_patches_of_one_file_add_up() -> None:
    """Several overlays, and several patches of one, change the same file."""
    plan = plan_overlays(
        [overlay("x", patch("a", "1"), patch("b", "2")), overlay("y", patch("c", "3"))],
        lambda _: "a b c",
        (1, 26),
        LINUX,
    )
    assert plan.files == {"f.go": "1 2 3"}
    assert [outcome.missing for outcome in plan.outcomes] == [(), ()]


@pytest.mark.parametrize(("source", "count"), [("b", "no"), ("a a b", "2")])
def test_overlay_is_all_or_nothing(source: str, count: str) -> None:
    """An overlay one of whose texts is not there exactly once changes nothing, and says so."""
    plan = plan_overlays(
        [overlay("x", patch("b", "2"), patch("a", "1")), overlay("y", patch("b", "3"))],
        lambda _: source,
        (1, 26),
        LINUX,
    )
    assert plan.files == {"f.go": source.replace("b", "3")}
    assert plan.outcomes[0].missing == (f"f.go ({count} places)",)
    assert str(plan.outcomes[0]).endswith("without it, something is missing")
    assert [each.name for each in plan.applied] == ["y"]


@pytest.mark.parametrize(
    ("version", "found"), [((1, 22), "1 b"), ((1, 23), "a b"), ((1, 25), "a 2")]
)
def test_patch_is_for_some_versions(version: tuple[int, int], found: str) -> None:
    """A patch counts only in the Go versions that it is for."""
    patches = (patch("a", "1", before=(1, 23)), patch("b", "2", since=(1, 24)))
    plan = plan_overlays([overlay("x", *patches)], lambda _: "a b", version, LINUX)
    assert plan.files.get("f.go", "a b") == found


def test_overlay_is_for_some_systems() -> None:
    """An overlay for another system is left out without a word."""
    plan = plan_overlays([overlay("x", patch("a", "1"), systems=("aix",))], str, (1, 26), LINUX)
    assert (plan.outcomes, plan.files) == ((), {})


@pytest.mark.parametrize("tool", toolchains.toolchains(), ids=str)
def test_every_place_is_found(tool: toolchains.Toolchain) -> None:
    """Each toolchain here has all places that the overlays need."""

    def read(name: str) -> str:
        path = tool.goroot / "src" / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    plan = plan_overlays(DEFAULT_OVERLAYS, read, (1, tool.minor), LINUX)
    assert [str(outcome) for outcome in plan.outcomes if outcome.missing] == []


@pytest.mark.matrix
def test_bundled_library_has_them(runtime: flightrec.GoRuntime) -> None:
    """The library that flightrec.load loads was built with every overlay, and says so."""
    assert runtime.overlays == NAMES


def test_build_tells_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A toolchain whose sources have other texts builds without the overlay, and that is told."""
    proc = find_toolchain().root / "src" / "runtime" / "proc.go"
    other = tmp_path / "proc.go"
    text = proc.read_text(encoding="utf-8")
    other.write_text(text.replace("\t\t\treturn gp, false, true", "\t\t\treturn gp, 1 == 2, true"))
    (tmp_path / "overlay.json").write_text(f'{{"Replace": {{"{proc}": "{other}"}}}}')
    monkeypatch.setenv("GOFLAGS", f"-overlay={tmp_path}/overlay.json")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.go").write_text("package main\n\nfunc main() {}\n")
    built = build(tmp_path / "src", tmp_path / "lib.so")
    assert [each.name for each in built.overlays if each.missing] == ["reader-slice"]
    done = Child(built.library).run("print(flightrec.load().overlays)")
    assert done.stdout == f"{NAMES[1:]}\n"
