"""Overlays: changes of Go's own sources, found by text, in what flightrec builds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import flightrec
from flightrec.gobuild import build
from flightrec.gobuild.overlays import DEFAULT_OVERLAYS, Overlay, Patch
from flightrec.gobuild.overlays.patch import plan_overlays
from flightrec.toolchain import find_toolchain, parse_version
from tests.helpers import Child, Thread
from tests.trace import toolchains

LINUX = ("linux", "amd64")


def names(version: str) -> tuple[str, ...]:
    """Return the overlays that a library built by a Go version has."""
    number = parse_version(version)[:2]
    return tuple(overlay.name for overlay in DEFAULT_OVERLAYS if number < overlay.before)


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


def test_overlay_that_newer_versions_need_no_more() -> None:
    """An overlay for older Go versions is left out of newer ones without a word."""
    old = overlay("x", patch("a", "1"), before=(1, 23))
    assert plan_overlays([old], lambda _: "a", (1, 22), LINUX).files == {"f.go": "1"}
    assert plan_overlays([old], lambda _: "a", (1, 23), LINUX).outcomes == ()


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
    assert runtime.overlays == names(runtime.go_version)


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
    assert done.stdout == f"{names(built.toolchain.version_text)[1:]}\n"


def fastest(call: Callable[[], object]) -> float:
    """Return how long the fastest of many calls takes, in seconds."""
    times = []
    for _ in range(2000):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


@pytest.mark.matrix
def test_calls_from_the_main_thread(runtime: flightrec.GoRuntime) -> None:
    """A call from the main thread costs about what one from another thread does.

    Without the overlay it is 200 times as much with Go 1.22, as it reads /proc/self/maps.
    """
    assert threading.current_thread() is threading.main_thread()
    others = Thread(fastest, runtime.clock_now).result()
    assert fastest(runtime.clock_now) < 20 * others
