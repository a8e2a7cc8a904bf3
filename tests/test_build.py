"""Building users' Go packages, unmodified, with the bridge inside."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from flightrec.errors import ToolchainError
from flightrec.gobuild import Built, bridge_source, build
from flightrec.toolchain import Toolchain, find_toolchain
from tests.gomodules import HELLO, fingerprint, run_main, run_python, write_tree

GO_MOD = "module example.com/hello\n\ngo 1.22\n"

DEP_GO_MOD = "module example.com/dep\n\ngo 1.20\n"
DEP = 'package dep\n\nfunc Name() string { return "dep" }\n'

PRINTS_DEP = """\
package main

import (
	"os"

	"example.com/dep"
)

func main() { os.Stdout.WriteString(dep.Name() + "\\n") }
"""


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """Give the Go that all of this uses."""
    return find_toolchain()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no build download anything, and none see what is around the temporary folder."""
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    monkeypatch.setenv("GOFLAGS", "")
    monkeypatch.setenv("GOWORK", "")


@pytest.fixture(scope="session")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build an ordinary program once, for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("hello")
    write_tree(folder / "src", {"go.mod": GO_MOD, "main.go": HELLO})
    return build(folder / "src", folder / "libhello.so")


@pytest.mark.go_versions
def test_ordinary_program(hello: Built) -> None:
    """A program that nobody prepared becomes a library whose main Python can run."""
    assert hello.kind == "program"
    assert hello.package == "example.com/hello"
    assert run_main(hello.library, "a", "b c") == "hello a b c\n"


def test_c_abi_is_exported(hello: Built) -> None:
    """The bridge's functions can be looked up in the library by any C caller."""
    script = "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).flightrec_abi_version() > 0)"
    assert run_python(script, str(hello.library)) == "True\n"


@pytest.mark.go_versions
def test_old_go_line_keeps_its_meaning(tmp_path: Path) -> None:
    """A module of an older language version keeps its loop variables and GODEBUG defaults."""
    source = """\
package main

import "os"

func main() {
	var calls []func() string
	for _, letter := range []string{"a", "b", "c"} {
		calls = append(calls, func() string { return letter })
	}
	for _, call := range calls {
		os.Stdout.WriteString(call())
	}
	defer func() {
		if recover() == nil {
			os.Stdout.WriteString(" nil\\n")
		} else {
			os.Stdout.WriteString(" not nil\\n")
		}
	}()
	panic(nil) // recover gives nil only with panicnil=1, the default before go 1.21
}
"""
    write_tree(tmp_path, {"go.mod": "module example.com/old\n\ngo 1.16\n", "main.go": source})
    built = build(tmp_path, tmp_path / "out" / "lib.so")
    assert run_main(built.library) == "ccc nil\n"


@pytest.mark.go_versions
def test_relative_replace(tmp_path: Path) -> None:
    """A replace line with a relative path still counts from the user's module."""
    require = "\nrequire example.com/dep v0.0.0\n\nreplace example.com/dep => ../dep\n"
    write_tree(tmp_path / "dep", {"go.mod": DEP_GO_MOD, "dep.go": DEP})
    write_tree(tmp_path / "app", {"go.mod": GO_MOD + require, "main.go": PRINTS_DEP})
    assert run_main(build(tmp_path / "app", tmp_path / "lib.so").library) == "dep\n"


@pytest.mark.go_versions
def test_workspace(tmp_path: Path) -> None:
    """In a workspace, the modules that go.work uses and replaces are found."""
    write_tree(tmp_path / "dep", {"go.mod": DEP_GO_MOD, "dep.go": DEP})
    write_tree(
        tmp_path / "else where",
        {
            "go.mod": "module example.com/other\n\ngo 1.20\n",
            "other.go": 'package other\n\nconst Name = "other"\n',
        },
    )
    main = PRINTS_DEP.replace('/dep"\n', '/dep"\n\t"example.com/other"\n').replace(
        'dep.Name() + "', 'dep.Name() + other.Name + "'
    )
    require = "\nrequire example.com/other v0.0.0\n"
    write_tree(tmp_path / "app", {"go.mod": GO_MOD + require, "cmd/main.go": main})
    work = 'go 1.22\n\nuse (\n\t./app\n\tdep\n)\n\nreplace example.com/other => "./else where"\n'
    write_tree(tmp_path, {"go.work": work})
    before = fingerprint(tmp_path)
    built = build(tmp_path / "app" / "cmd", tmp_path.parent / f"{tmp_path.name}.so")
    assert run_main(built.library) == "depother\n"
    assert fingerprint(tmp_path) == before


# Two modules, one inside the other's path; the inner one has C code and an embedded file.
VENDORED = {
    "dep/go.mod": "module example.com/dep\n\ngo 1.20\n",
    "dep/dep.go": DEP,
    "dep/inner/go.mod": "module example.com/dep/inner\n\ngo 1.21\n",
    "dep/inner/inner.go": """\
package inner

// int answer(void);
import "C"
import _ "embed"

//go:embed text.txt
var Text string

func Answer() int { return int(C.answer()) }
""",
    "dep/inner/answer.c": "int answer(void) { return 42; }\n",
    "dep/inner/text.txt": "embedded",
}

USES_VENDORED = """\
package main

import (
	"fmt"

	"example.com/dep"
	"example.com/dep/inner"
)

func main() { fmt.Println(dep.Name(), inner.Text, inner.Answer()) }
"""

VENDORED_MOD = """
require (
	example.com/dep v1.0.0
	example.com/dep/inner v1.2.0
)

replace (
	example.com/dep => ../dep
	example.com/dep/inner => ../dep/inner
)
"""


@pytest.mark.go_versions
def test_vendored_module(tmp_path: Path, toolchain: Toolchain) -> None:
    """Vendored dependencies are used from the vendor folder, which is all that there is of them."""
    write_tree(tmp_path, VENDORED)
    app = write_tree(tmp_path / "app", {"go.mod": GO_MOD + VENDORED_MOD, "main.go": USES_VENDORED})
    toolchain.run("mod", "vendor", cwd=app)
    shutil.rmtree(tmp_path / "dep")
    before = fingerprint(app)
    assert run_main(build(app, tmp_path / "lib.so").library) == "dep embedded 42\n"
    assert fingerprint(app) == before


@pytest.mark.go_versions
def test_vendored_workspace(tmp_path: Path, toolchain: Toolchain) -> None:
    """A workspace's vendor folder is used, which is all that there is of the dependencies."""
    write_tree(tmp_path, VENDORED)
    space = tmp_path / "space"
    app = write_tree(space / "app", {"go.mod": GO_MOD, "main.go": USES_VENDORED})
    with (app / "go.mod").open("a") as file:
        file.write(VENDORED_MOD.replace("=> ../", "=> ../../"))
    write_tree(space, {"go.work": "go 1.22\n\nuse ./app\n"})
    toolchain.run("work", "vendor", cwd=space)
    shutil.rmtree(tmp_path / "dep")
    before = fingerprint(space)
    assert run_main(build(app, tmp_path / "lib.so").library) == "dep embedded 42\n"
    assert fingerprint(space) == before


def test_build_tags(tmp_path: Path) -> None:
    """Build tags choose the files, as for go build."""
    tagged = '//go:build {}\n\npackage main\n\nconst name = "{}"\n'
    main = 'package main\n\nimport "os"\n\nfunc main() { os.Stdout.WriteString(name) }\n'
    files = {
        "go.mod": GO_MOD,
        "main.go": main,
        "one.go": tagged.format("blue && fast", "blue"),
        "other.go": tagged.format("!blue", "plain"),
    }
    write_tree(tmp_path / "src", files)
    built = build(tmp_path / "src", tmp_path / "lib.so", tags=["blue", "fast"])
    assert run_main(built.library) == "blue"


EXPORTS = """\
package main

import "C"

//export Twice
func Twice(n C.int) C.int { return 2 * n }

func main() {
	// Never runs in a library.
}
"""


@pytest.mark.go_versions
def test_c_shared_package_with_exports(tmp_path: Path) -> None:
    """A c-shared package keeps its own C functions, and its empty main is no workload."""
    write_tree(tmp_path / "src", {"go.mod": GO_MOD, "lib.go": EXPORTS})
    built = build(tmp_path / "src", tmp_path / "lib.so")
    assert built.kind == "exports"
    script = """\
import sys, flightrec
runtime = flightrec.load(sys.argv[1])
print(runtime.cdll.Twice(21), runtime.workloads())
"""
    assert run_python(script, str(built.library)) == "42 ()\n"


REGISTERS = """\
package {package}

import (
	"context"
	"encoding/json"

	"flightrec/gobridge"
)

func init() {{
	gobridge.Register("mine", func(context.Context, json.RawMessage) (any, error) {{
		return "done", nil
	}})
}}
"""

CALLS_MINE = """\
import sys, flightrec
runtime = flightrec.load(sys.argv[1])
print(runtime.workloads(), runtime.run("mine"))
"""


def test_library_package_that_registers_workloads(tmp_path: Path) -> None:
    """A package that is not main, internal even, gets a main around it for its workloads."""
    files = {"go.mod": GO_MOD, "internal/work/work.go": REGISTERS.format(package="work")}
    write_tree(tmp_path / "src", files)
    built = build(tmp_path / "src" / "internal" / "work", tmp_path / "lib.so")
    assert built.kind == "library"
    assert run_python(CALLS_MINE, str(built.library)) == "('mine',) done\n"


def test_module_that_uses_another_copy_of_the_bridge(tmp_path: Path) -> None:
    """A module that requires the bridge itself gets the one that belongs to this flightrec."""
    require = (
        "\nrequire flightrec/gobridge v0.0.0\n\nreplace flightrec/gobridge => ../no/such/folder\n"
    )
    main = REGISTERS.format(package="main") + "\nfunc main() {}\n"
    write_tree(tmp_path / "src", {"go.mod": GO_MOD + require, "main.go": main})
    built = build(tmp_path / "src", tmp_path / "lib.so")
    assert run_python(CALLS_MINE, str(built.library)) == "('main', 'mine') done\n"


def test_workspace_that_uses_another_copy_of_the_bridge(tmp_path: Path) -> None:
    """A workspace with a copy of the bridge gets the one that belongs to this flightrec."""
    main = REGISTERS.format(package="main") + "\nfunc main() {}\n"
    copy = {"go.mod": "module flightrec/gobridge\n\ngo 1.22\n", "gobridge.go": "package gobridge\n"}
    write_tree(tmp_path / "src", {"go.mod": GO_MOD, "main.go": main})
    write_tree(tmp_path / "bridge", copy)
    write_tree(tmp_path, {"go.work": "go 1.22\n\nuse ./src\nuse ./bridge\n"})
    built = build(tmp_path / "src", tmp_path / "lib.so")
    assert run_python(CALLS_MINE, str(built.library)) == "('main', 'mine') done\n"


def test_folder_without_module(tmp_path: Path) -> None:
    """A folder with Go files and no go.mod, as for go run main.go, is built too."""
    write_tree(tmp_path / "just go", {"main.go": HELLO})
    built = build(tmp_path / "just go", tmp_path / "lib.so")
    assert run_main(built.library, "you") == "hello you\n"
    assert [path.name for path in (tmp_path / "just go").iterdir()] == ["main.go"]


def test_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import path is looked up in the module of the current folder."""
    write_tree(tmp_path, {"go.mod": GO_MOD, "cmd/tool/main.go": HELLO, "x/x.go": "package x\n"})
    monkeypatch.chdir(tmp_path / "x")
    built = build("example.com/hello/cmd/tool", "../lib.so")
    assert run_main(tmp_path / "lib.so") == "hello\n"
    assert built.package == "example.com/hello/cmd/tool"


def test_names_of_the_package_do_not_clash(tmp_path: Path) -> None:
    """A package may use the names that the added file might be thought to use."""
    main = HELLO + "\nvar gobridge, flightrec int\n\nfunc init() { gobridge++ }\n"
    write_tree(tmp_path / "src", {"go.mod": GO_MOD, "main.go": main})
    assert run_main(build(tmp_path / "src", tmp_path / "lib.so").library) == "hello\n"


def publish(proxy: Path, module: str, version: str, files: Mapping[str, str]) -> None:
    """Write a module version into a folder that GOPROXY can name."""
    folder = proxy / module / "@v"
    info = {"Version": version, "Time": "2026-01-01T00:00:00Z"}
    write_tree(folder, {f"{version}.info": json.dumps(info), f"{version}.mod": files["go.mod"]})
    with zipfile.ZipFile(folder / f"{version}.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{module}@{version}/{name}", text)


@pytest.fixture
def proxy(tmp_path: Path, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let downloads come from a folder, into a module cache and a cache of this test's own."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    monkeypatch.setenv("GOPROXY", folder.as_uri())
    monkeypatch.setenv("GOSUMDB", "off")
    # Go's build cache would move with XDG_CACHE_HOME, and everything be compiled anew.
    monkeypatch.setenv("GOCACHE", toolchain.run("env", "GOCACHE").stdout.strip())
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modcache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def test_published_package(proxy: Path, tmp_path: Path) -> None:
    """import/path@version downloads the module and builds the package in it."""
    files = {"go.mod": "module example.com/pub/v2\n\ngo 1.20\n", "cmd/hi/main.go": HELLO}
    publish(proxy, "example.com/pub/v2", "v2.1.0", files)
    built = build("example.com/pub/v2/cmd/hi@v2.1.0", tmp_path / "lib.so")
    assert built.package == "example.com/pub/v2/cmd/hi"
    assert run_main(built.library, "you") == "hello you\n"


PRINTS_VERSION = """\
package main

import (
	"os"
	"runtime/debug"
)

var early, _ = debug.ReadBuildInfo()

func main() {
	main := early.Main
	os.Stdout.WriteString(main.Path + " " + main.Version + " " + main.Sum[:3])
}
"""


@pytest.mark.go_versions
def test_published_package_knows_its_version(proxy: Path, tmp_path: Path) -> None:
    """A downloaded program's build info has its version and sum from the first variable on."""
    files = {"go.mod": "module example.com/pub\n\ngo 1.20\n", "main.go": PRINTS_VERSION}
    publish(proxy, "example.com/pub", "v1.2.3", files)
    (proxy / "example.com" / "pub" / "@v" / "list").write_text("v1.2.3\n")
    library = build("example.com/pub@latest", tmp_path / "lib.so", flags=["-ldflags=-s"]).library
    assert run_main(library) == "example.com/pub v1.2.3 h1:"


def test_published_package_with_folders_elsewhere(proxy: Path, tmp_path: Path) -> None:
    """A module that replaces others by folders beside it is refused, with Go's words and a way."""
    go_mod = (
        "module example.com/pub\n\ngo 1.20\n\nrequire example.com/dep v1.0.0\n"
        "replace example.com/dep => ../dep\nreplace example.com/other => ../other\n"
    )
    publish(proxy, "example.com/pub", "v1.2.3", {"go.mod": go_mod, "main.go": PRINTS_DEP})
    (proxy / "example.com" / "pub" / "@v" / "list").write_text("v1.2.3\n")
    with pytest.raises(ToolchainError) as caught:
        build("example.com/pub@v1.2.3", tmp_path / "lib.so")
    said = str(caught.value)
    assert "folders of its repository (example.com/dep => ../dep and 1 more). Clone the" in said
    assert "contains one or more replace directives" in said
    assert "\n" not in said


@pytest.mark.parametrize("around", [{}, {"go.mod": GO_MOD, "main.go": HELLO}])
def test_published_package_without_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, around: dict[str, str]
) -> None:
    """A published program named without its version is told the way, in a module and outside."""
    write_tree(tmp_path, around)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ToolchainError, match=r"add its version: example\.com/pub/cmd@latest"):
        build("example.com/pub/cmd", "lib.so")


def test_steps_are_told(proxy: Path, tmp_path: Path) -> None:
    """What may take long is named when it begins."""
    files = {"go.mod": "module example.com/pub\n\ngo 1.20\n", "main.go": HELLO}
    publish(proxy, "example.com/pub", "v1.2.3", files)
    steps: list[str] = []
    build("example.com/pub@v1.2.3", tmp_path / "lib.so", on_step=steps.append)
    assert steps == ["downloading example.com/pub@v1.2.3", "building example.com/pub@v1.2.3"]


def test_version_that_is_not_published(proxy: Path, tmp_path: Path) -> None:
    """A version that cannot be downloaded is told in Go's words, naming what was asked for."""
    with pytest.raises(ToolchainError, match=r"cannot download example\.com/pub@v1\.0\.0: "):
        build("example.com/pub@v1.0.0", tmp_path / "lib.so")


def test_dependencies_from_the_module_cache(
    proxy: Path, tmp_path: Path, toolchain: Toolchain
) -> None:
    """Downloads are checked against the user's go.sum, in a module and in a workspace."""
    publish(proxy, "example.com/dep", "v1.0.0", {"go.mod": DEP_GO_MOD, "dep.go": DEP})
    require = "\nrequire example.com/dep v1.0.0\n"
    app = write_tree(tmp_path / "app", {"go.mod": GO_MOD + require, "main.go": PRINTS_DEP})
    with pytest.raises(ToolchainError, match=r"missing go\.sum entry"):
        build(app, tmp_path / "lib.so")
    toolchain.run("mod", "download", "all", cwd=app)
    toolchain.run("mod", "tidy", cwd=app)
    before = fingerprint(app)
    assert run_main(build(app, tmp_path / "lib.so").library) == "dep\n"
    write_tree(tmp_path, {"go.work": "go 1.22\n\nuse ./app\n"})
    assert run_main(build(app, tmp_path / "lib.so").library) == "dep\n"
    assert fingerprint(app) == before
    assert not (tmp_path / "go.work.sum").exists()


def test_go_mod_that_go_may_update(
    proxy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With GOFLAGS=-mod=mod what is missing is added to a copy of go.mod, not to the user's."""
    publish(proxy, "example.com/dep", "v1.0.0", {"go.mod": DEP_GO_MOD, "dep.go": DEP})
    (proxy / "example.com" / "dep" / "@v" / "list").write_text("v1.0.0\n")
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    app = write_tree(tmp_path / "app", {"go.mod": GO_MOD, "main.go": PRINTS_DEP})
    before = fingerprint(app)
    assert run_main(build(app, tmp_path / "lib.so").library) == "dep\n"
    assert fingerprint(app) == before


def test_vendor_mode_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GOFLAGS=-mod=vendor without a vendor folder is told by the name of what is missing."""
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    write_tree(tmp_path, {"go.mod": GO_MOD, "main.go": HELLO})
    with pytest.raises(ToolchainError, match=r"cannot read .*vendor/modules\.txt"):
        build(tmp_path, tmp_path / "lib.so")


def test_module_for_a_newer_go(tmp_path: Path) -> None:
    """A go.mod that needs a newer Go is told in Go's words."""
    write_tree(tmp_path, {"go.mod": "module example.com/new\n\ngo 1.99\n", "main.go": HELLO})
    with pytest.raises(ToolchainError, match=r"requires go >= 1\.99"):
        build(tmp_path, tmp_path / "lib.so")


def test_go_mod_that_cannot_be_read(tmp_path: Path) -> None:
    """A go.mod with a mistake is told in Go's words, with the user's path."""
    write_tree(tmp_path, {"go.mod": "module example.com/x\n\nfrobnicate\n", "main.go": HELLO})
    with pytest.raises(ToolchainError, match=r"go\.mod:3: unknown directive: frobnicate") as caught:
        build(tmp_path, tmp_path / "lib.so")
    assert str(tmp_path) in str(caught.value)


def test_goflags_are_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GOFLAGS with -ldflags, -overlay and -modfile works beside our own such flags."""
    main = """\
package main

import (
	"os"

	"example.com/dep"
)

var version, overlaid string

func main() { os.Stdout.WriteString(version + " " + overlaid + " " + dep.Name()) }
"""
    src = write_tree(tmp_path / "src", {"go.mod": "module unusable\n", "main.go": main})
    write_tree(tmp_path / "dep", {"go.mod": DEP_GO_MOD, "dep.go": DEP})
    require = "\nrequire example.com/dep v0.0.0\n\nreplace example.com/dep => ../dep\n"
    added = tmp_path / "added.txt"
    added.write_text('package main\n\nfunc init() { overlaid = "overlaid" }\n')
    overlay = {"Replace": {str(src / "added.go"): str(added)}}
    write_tree(tmp_path, {"alt.mod": GO_MOD + require, "overlay.json": json.dumps(overlay)})
    monkeypatch.setenv(
        "GOFLAGS",
        f"-overlay={tmp_path}/overlay.json -modfile={tmp_path}/alt.mod "
        '"-ldflags=-s -X main.version=1.2"',
    )
    built = build(src, tmp_path / "lib.so", godebug={"traceadvanceperiod": 100_000_000})
    assert run_main(built.library) == "1.2 overlaid dep"


PRINTS_GODEBUG = """\
package main

import (
	"os"
	_ "unsafe"
)

//go:linkname godebugDefault runtime.godebugDefault
var godebugDefault string

func main() { os.Stdout.WriteString(godebugDefault) }
"""


def test_godebug_adds_to_the_modules_defaults(tmp_path: Path) -> None:
    """Settings built in come on top of those that go.mod and //go:debug lines imply."""
    main = "//go:debug http2client=0\n" + PRINTS_GODEBUG
    files = {"go.mod": "module example.com/old\n\ngo 1.20\n", "main.go": main}
    write_tree(tmp_path / "src", files)
    flags = ["-ldflags=-checklinkname=0"] if find_toolchain().version >= (1, 23) else []
    built = build(
        tmp_path / "src", tmp_path / "lib.so", godebug={"traceadvanceperiod": 5}, flags=flags
    )
    settings = run_main(built.library).split(",")
    assert {"http2client=0", "panicnil=1", "traceadvanceperiod=5"} <= set(settings)


def test_second_build_is_fast(tmp_path: Path) -> None:
    """Building again takes about a second at most: the temporary files do not defeat the cache."""
    write_tree(tmp_path / "src", {"go.mod": GO_MOD, "main.go": HELLO})
    build(tmp_path / "src", tmp_path / "lib.so")
    began = time.monotonic()
    build(tmp_path / "src", tmp_path / "lib.so")
    again = time.monotonic() - began
    write_tree(tmp_path / "src", {"main.go": HELLO.replace("hello", "hi")})
    began = time.monotonic()
    build(tmp_path / "src", tmp_path / "lib.so")
    changed = time.monotonic() - began
    # Far below the 15 s of a first build, far above what an idle machine needs (0.1 s, 0.9 s).
    assert again < 5
    assert changed < 8


@pytest.fixture
def frozen() -> Callable[[Path], None]:
    """Make a tree read-only; pytest removes it all the same."""

    def freeze(folder: Path) -> None:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222)

    return freeze


def test_read_only_tree_is_untouched(tmp_path: Path, frozen: Callable[[Path], None]) -> None:
    """Nothing in a read-only repository changes, git's own files included."""
    src = write_tree(tmp_path / "src", {"go.mod": GO_MOD, "cmd/x/main.go": HELLO})
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", str(src)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], check=True)
    frozen(src)
    before = fingerprint(src)
    built = build(src / "cmd" / "x", tmp_path / "lib.so")
    assert fingerprint(src) == before
    assert run_main(built.library) == "hello\n"


def test_race_detector(tmp_path: Path, toolchain: Toolchain) -> None:
    """--race builds with the race detector, which such a library has been seen to load with."""
    if toolchain.target != ("linux", "amd64"):
        pytest.skip("tried on linux/amd64 only")
    write_tree(tmp_path / "src", {"go.mod": GO_MOD, "main.go": HELLO})
    built = build(tmp_path / "src", tmp_path / "lib.so", race=True)
    assert b"__tsan_init" in built.library.read_bytes()


def test_does_not_compile(tmp_path: Path) -> None:
    """A compile error is told in Go's words, once."""
    main = "package main\n\nfunc main() { undefinedThing() }\n"
    write_tree(tmp_path / "src", {"go.mod": GO_MOD, "main.go": main})
    with pytest.raises(ToolchainError) as caught:
        build(tmp_path / "src", tmp_path / "lib.so")
    assert "./main.go:3:15: undefined: undefinedThing" in caught.value.output
    assert str(caught.value).count("undefinedThing") == 1
    assert not (tmp_path / "lib.so").exists()


def test_missing_dependency(tmp_path: Path) -> None:
    """A dependency that go.mod does not know is told in Go's words."""
    write_tree(tmp_path / "src", {"go.mod": GO_MOD, "main.go": PRINTS_DEP})
    with pytest.raises(ToolchainError, match=r"no required module provides.*example\.com/dep"):
        build(tmp_path / "src", tmp_path / "lib.so")


def test_library_package_with_nothing_to_call(tmp_path: Path) -> None:
    """A package that is not main and offers nothing to call is refused with the reason."""
    write_tree(tmp_path, {"go.mod": DEP_GO_MOD, "dep.go": DEP})
    with pytest.raises(ToolchainError, match="is not a program: it is package dep"):
        build(tmp_path, tmp_path / "lib.so")


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("./nowhere", "there is no folder ./nowhere"),
        ("main.go", "main.go is a file; name the folder"),
        ("./empty", "holds no Go file"),
        ("example.com/hello/...", "name exactly one package"),
        ("cmd/gofmt", "which all Go builds share"),
    ],
)
def test_not_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, message: str
) -> None:
    """What is no package is refused with a sentence that says why."""
    if package == "./empty":
        write_tree(tmp_path, {"empty/readme.txt": "nothing"})
    else:
        files = {"go.mod": GO_MOD, "main.go": HELLO, "a/a.go": "package a\n"}
        write_tree(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ToolchainError, match=message):
        build(package, "lib.so")


def test_output_is_a_folder(tmp_path: Path) -> None:
    """An output that is a folder is refused before anything is built."""
    with pytest.raises(ToolchainError, match="is a folder; name the library file"):
        build(tmp_path, tmp_path)


@pytest.mark.parametrize("setting", [("a b", "1"), ("x", "1,y=2"), ("", "1"), ("x", "")])
def test_godebug_setting_that_is_none(tmp_path: Path, setting: tuple[str, str]) -> None:
    """A GODEBUG setting that would break out of its place is refused."""
    with pytest.raises(ToolchainError, match="not a GODEBUG setting"):
        build(tmp_path, tmp_path / "lib.so", godebug=dict([setting]))


def test_bridge_source_is_the_go_module() -> None:
    """The bridge's sources are found, in a source tree as in an installed package."""
    assert (bridge_source() / "include" / "gobridge.h").is_file()
