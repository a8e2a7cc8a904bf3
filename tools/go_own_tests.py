"""Go's own tests of what flightrec's overlays change, run from the toolchain and unchanged.

``runtime/trace`` and ``net/http/pprof`` run in a process that is being recorded; ``net/http`` and
``database/sql`` instrumented, and traced meanwhile. The toolchain stays as it is: a copy of its
folder is made of links, in which the bridge is one more standard package, so that Go's tests can
import it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from flightrec.gobuild.bundled import bridge_source
from flightrec.gobuild.overlays import DEFAULT_OVERLAYS, INSTRUMENTS
from flightrec.gobuild.overlays.apply import bridge_file
from flightrec.gobuild.overlays.patch import plan_overlays
from flightrec.gobuild.overlays.program_args import PROGRAM_ARGS
from flightrec.toolchain import Toolchain, find_toolchain

#: With the name of the package that Go's tests there are in.
_RECORDED = {"runtime/trace": "trace_test", "net/http/pprof": "pprof"}

_RECORD = """\
package gobridge

// RecordForTest begins to record.
func RecordForTest() {
	if _, err := openSession(sessionOptions{ceiling: 64 << 20, max_bytes: 10 << 20}); err != nil {
		panic(err)
	}
}
"""

_INIT = """\
package {name}

import "flightrec/gobridge"

func init() {{ gobridge.RecordForTest() }}
"""

#: Most tests of runtime/trace skip themselves where something traces already.
_ENABLED = "func IsEnabled() bool {\n\treturn tracing.enabled.Load()\n"


def main() -> int:
    """Run them; return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--go", help="the go command or its GOROOT")
    toolchain = find_toolchain(parser.parse_args().go)
    with tempfile.TemporaryDirectory(prefix="flightrec-goroot-") as folder:
        root = Path(folder, "go")
        shutil.copytree(toolchain.root, root, copy_function=_link)
        _change(root / "src", toolchain)
        failed = [
            package
            for package in INSTRUMENTS
            if _test(root, "-short", f"-trace={folder}/trace", package)
        ]
        _record(root / "src")
        failed += [package for package in _RECORDED if _test(root, package)]
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return int(bool(failed))


def _link(source: str, target: str) -> None:
    if source.endswith(".bin"):  # go:embed takes no links
        shutil.copy(Path(source), target)
    else:
        Path(target).symlink_to(Path(source).resolve())


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # a link into the toolchain
    path.write_text(text, encoding="utf-8")


def _change(source: Path, toolchain: Toolchain) -> None:
    def read(name: str) -> str:
        path = source / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    # The bridge is not in every program that these tests build, and this one needs a C variable.
    overlays = [each for each in DEFAULT_OVERLAYS if each is not PROGRAM_ARGS]
    overlays += INSTRUMENTS.values()
    plan = plan_overlays(overlays, read, toolchain.version[:2], toolchain.target)
    for outcome in plan.outcomes:
        print(outcome)
    for name, text in plan.files.items():
        if (source / name).parent.is_dir():  # not all Go versions have all packages
            _write(source / name, text)
    bridge = source / "flightrec" / "gobridge"
    leave = shutil.ignore_patterns("go.mod", "*_test.go", "cmd", "reference", "workloads")
    shutil.copytree(bridge_source(), bridge, ignore=leave)
    _write(bridge / "overlaid.go", bridge_file(plan))


def _record(source: Path) -> None:
    """Have the tests record themselves, and not know."""
    _write(source / "flightrec" / "gobridge" / "zz_record.go", _RECORD)
    for package, name in _RECORDED.items():
        _write(source / package / "zz_record_test.go", _INIT.format(name=name))
    for path in (source / "runtime" / "trace").glob("*.go"):
        text = path.read_text(encoding="utf-8")
        if _ENABLED in text:
            _write(
                path, text.replace(_ENABLED, _ENABLED.replace("tracing.enabled.Load()", "false"))
            )


def _test(root: Path, *arguments: str) -> int:
    toolchain = find_toolchain(root)
    done = toolchain.run(
        "test", "-vet=off", "-count=1", *arguments,
        cwd=root / "src",
        env={"GOTOOLCHAIN": "local", "GOFLAGS": "", "GOROOT": str(root), "CGO_ENABLED": "1"},
        check=False,
    )  # fmt: skip
    print(done.stdout + done.stderr, flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
