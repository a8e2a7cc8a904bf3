"""The ctypes table says what the C header says, and a library that does not is refused."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flightrec
from flightrec import abi
from flightrec.elf import missing_bytes
from tests.helpers import ROOT, Child

HEADER = (ROOT / "gobridge" / "include" / "gobridge.h").read_text()
#: Without comments.
CODE = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)

# ---- the header, as ctypes types


def _structs() -> dict[str, list[tuple[str, str]]]:
    """Return the fields of each struct: name and C type, arrays as ``char[4080]``."""
    found = {}
    for body, name in re.findall(r"typedef struct \w*\s*\{(.*?)\} (\w+);", CODE, re.DOTALL):
        fields = []
        for c_type, field, array in re.findall(r"([\w ]+?[ *]+)(\w+)(\[\d+\])?;", body):
            fields.append((field, " ".join(c_type.split()) + (array or "")))
        found[name] = fields
    return found


def _functions() -> list[tuple[str, str, list[str]]]:
    """Return name, result type and argument types of each function, in order."""
    found = []
    for result, name, arguments in re.findall(
        r"^(\w+) (flightrec_\w+)\(([^)]*)\);", CODE, re.MULTILINE | re.DOTALL
    ):
        types = []
        for argument in arguments.split(","):
            text = " ".join(argument.split())
            if text != "void":
                types.append(re.sub(r"\s*\w+$", "", text) if "*" not in text else text)
        types = [re.sub(r"\*\s*\w+$", "*", t).replace(" *", "*") for t in types]
        found.append((name, result, types))
    return found


STRUCTS = {
    "flightrec_error": abi.Error,
    "flightrec_options": abi.Options,
    "flightrec_segment": abi.Segment,
    "flightrec_generation": abi.Generation,
    "flightrec_flush": abi.Flush,
    "flightrec_session_statistics": abi.SessionStatistics,
    "flightrec_news": abi.News,
}

SCALARS: dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "const void *": ctypes.c_void_p,
    "const flightrec_segment *": ctypes.POINTER(abi.Segment),
    "void": None,
    "char[4080]": ctypes.c_char * 4080,
    "char[512]": ctypes.c_char * 512,
    "uint8_t[16]": ctypes.c_uint8 * 16,
}

#: For each C type of an argument, the ctypes types that stand for it.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "int32_t": (ctypes.c_int32,),
    "uint32_t": (ctypes.c_uint32,),
    "int64_t": (ctypes.c_int64,),
    "uint64_t": (ctypes.c_uint64,),
    "size_t": (ctypes.c_size_t,),
    "uint64_t*": (ctypes.POINTER(ctypes.c_uint64),),
    "size_t*": (ctypes.POINTER(ctypes.c_size_t),),
    "char*": (ctypes.c_void_p, ctypes.c_char_p),
    "void*": (ctypes.c_void_p,),
    "flightrec_text": (ctypes.c_char_p,),
    "flightrec_consumer": (abi.CONSUMER,),
    **{f"{name}*": (ctypes.POINTER(struct),) for name, struct in STRUCTS.items()},
    "uint8_t*": (ctypes.c_void_p,),
    "const flightrec_generation**": (ctypes.POINTER(ctypes.POINTER(abi.Generation)),),
}


def test_the_header_is_read() -> None:
    """What the tests below compare with is all there: functions, structs, constants."""
    functions = _functions()
    assert len(functions) == len(set(re.findall(r"\b(flightrec_\w+)\(", CODE)))
    assert len(functions) >= 30
    assert set(_structs()) == set(STRUCTS)
    assert len(_structs()["flightrec_session_statistics"]) >= 14


def test_functions() -> None:
    """Names, arguments, results and order of the functions are the header's."""
    assert [name for name, _, _ in abi.PROTOTYPES] == [name for name, _, _ in _functions()]
    for (name, arguments, result), (_, c_result, c_arguments) in zip(
        abi.PROTOTYPES, _functions(), strict=True
    ):
        assert result is SCALARS[c_result], name
        assert len(arguments) == len(c_arguments), name
        for argument, c_type in zip(arguments, c_arguments, strict=True):
            assert argument in ARGUMENTS[c_type], (name, c_type)


@pytest.mark.parametrize("name", STRUCTS)
def test_structs(name: str) -> None:
    """Names, types and order of the fields of a struct are the header's."""
    ours = [(field[0], field[1]) for field in STRUCTS[name]._fields_]
    theirs = [(field, SCALARS[c_type]) for field, c_type in _structs()[name]]
    assert ours == theirs


def test_consumer() -> None:
    """The consumer is declared as the header's function pointer."""
    match = re.search(r"typedef (\w+) \(\*flightrec_consumer\)\((.*?)\);", CODE, re.DOTALL)
    assert match is not None
    result, arguments = match[1], " ".join(match[2].split())
    assert abi.CONSUMER._restype_ is SCALARS[result]
    assert arguments == (
        "void *context, const flightrec_generation *const *generations, size_t count, "
        "uint64_t oldest, uint64_t *elsewhere"
    )
    assert tuple(abi.CONSUMER._argtypes_) == (
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.POINTER(abi.Generation)),
        ctypes.c_size_t,
        ctypes.c_uint64,
        ctypes.POINTER(ctypes.c_uint64),
    )


def test_statuses() -> None:
    """The statuses and their numbers are the header's."""
    match = re.search(r"typedef enum \{(.*?)\} flightrec_status;", CODE, re.DOTALL)
    assert match is not None
    theirs = dict(re.findall(r"FLIGHTREC_(\w+) = (\d+)", match[1]))
    assert {status.name: str(status.value) for status in abi.Status} == theirs


@pytest.mark.parametrize(("prefix", "flags"), [("OPTION", abi.Option), ("NEWS", abi.NewsKind)])
def test_flags(prefix: str, flags: Any) -> None:
    """The flags and their values are the header's."""
    theirs = dict(re.findall(rf"#define FLIGHTREC_{prefix}_(\w+) (\d+)", CODE))
    assert {flag.name: str(flag.value) for flag in flags} == theirs


def test_version(runtime: flightrec.GoRuntime) -> None:
    """Header, table and library speak the same ABI version."""
    match = re.search(r"#define FLIGHTREC_ABI_VERSION (\d+)", CODE)
    assert match is not None
    assert int(match[1]) == abi.ABI_VERSION == runtime.cdll.flightrec_abi_version()


def test_library_exports_the_header(runtime: flightrec.GoRuntime) -> None:
    """Each function of the header is exported by the library."""
    for name, _, _ in _functions():
        assert hasattr(runtime.cdll, name), name


def test_sizes(tmp_path: Path) -> None:
    """A C compiler gives each struct the size, and each field the place, that ctypes does."""
    lines = []
    for name, struct in STRUCTS.items():
        lines.append(f'printf("{name} %zu", sizeof({name}));')
        for field in struct._fields_:
            lines.append(f'printf(" %zu", offsetof({name}, {field[0]}));')
        lines.append('puts("");')
    source = tmp_path / "sizes.c"
    source.write_text(
        '#include <stdio.h>\n#include "gobridge.h"\nint main(void) {' + "\n".join(lines) + "}"
    )
    subprocess.run(
        [
            _compiler(),
            *("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"),
            f"-I{ROOT / 'gobridge' / 'include'}",
            *(str(source), "-o", str(tmp_path / "sizes")),
        ],
        check=True,
    )
    out = subprocess.run([tmp_path / "sizes"], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        name, *numbers = line.split()
        struct = STRUCTS[name]
        offsets = [getattr(struct, field[0]).offset for field in struct._fields_]
        assert [int(n) for n in numbers] == [ctypes.sizeof(struct), *offsets]


# ---- libraries that are none of ours


def _compiler() -> str:
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return path
    pytest.skip("there is no C compiler")


def _shared_library(folder: Path, code: str) -> Path:
    source, library = folder / "lib.c", folder / "lib.so"
    source.write_text(code)
    subprocess.run([_compiler(), "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return library


def _refusal(child: Child, path: Path) -> str:
    done = child.run(
        """
        for _ in range(2):
            try:
                flightrec.load(sys.argv[1])
            except flightrec.LibraryLoadError as exc:
                assert exc.path == sys.argv[1], exc.path
                text = str(exc)
            else:
                raise SystemExit("it was loaded")
        assert flightrec.load(os.environ["FLIGHTREC_LIBRARY"]).go_version  # no harm was done
        print(text)
        """,
        path,
    )
    return done.stdout


def test_missing_file(child: Child, tmp_path: Path) -> None:
    """A file that is not there is called that."""
    text = _refusal(child, tmp_path / "no.so")
    assert text.startswith(f"there is no Go library at {tmp_path / 'no.so'}")


@pytest.mark.parametrize("content", [b"", b"package main\n", b"\x7fELF\x02\x01\x01"])
def test_text_file(child: Child, tmp_path: Path, content: bytes) -> None:
    """A file that is no library is refused with the system's reason and what it must be."""
    path = tmp_path / "text.so"
    path.write_bytes(content)
    text = _refusal(child, path)
    assert text.startswith(f"cannot load {path}: ")
    assert "must be a Go shared library for this platform" in text


@pytest.mark.skipif(sys.platform != "linux", reason="ELF files")
def test_cut_off_library(child: Child, runtime: flightrec.GoRuntime, tmp_path: Path) -> None:
    """A library of which the end is missing is refused, wherever it is cut; it would be SIGBUS."""
    whole = runtime.path.read_bytes()
    assert missing_bytes(runtime.path) == 0
    path = tmp_path / "cut.so"
    for length in (64, 4096, len(whole) // 2):
        path.write_bytes(whole[:length])
        text = _refusal(child, path)
        assert f"the file is cut off, {missing_bytes(path)} bytes are missing" in text
        assert missing_bytes(path) > 0


def test_folder(child: Child, tmp_path: Path) -> None:
    """A folder in a library's place is refused like any other that is no library."""
    text = _refusal(child, tmp_path)
    assert str(tmp_path) in text


def test_without_the_bridge(child: Child, tmp_path: Path) -> None:
    """A library without the bridge is refused, with the command that builds it in."""
    path = _shared_library(tmp_path, "int f(void) { return 1; }")
    text = _refusal(child, path)
    assert "does not have flightrec's bridge inside" in text
    assert "flightrec build" in text


@pytest.mark.parametrize("version", [abi.ABI_VERSION + 1, 0, -1])
def test_other_abi_version(child: Child, tmp_path: Path, version: int) -> None:
    """A library of another ABI version is refused, with both versions."""
    path = _shared_library(
        tmp_path,
        f"#include <stdint.h>\nint32_t flightrec_abi_version(void) {{ return {version}; }}",
    )
    text = _refusal(child, path)
    assert f"speaks ABI version {version}, this flightrec speaks {abi.ABI_VERSION}" in text


def test_incomplete_bridge(child: Child, tmp_path: Path) -> None:
    """A library of our ABI version that lacks a function is refused, with its name."""
    path = _shared_library(
        tmp_path,
        f"#include <stdint.h>\nint32_t flightrec_abi_version(void) {{ return {abi.ABI_VERSION}; }}",
    )
    assert "flightrec_describe is missing" in _refusal(child, path)


def test_second_library(child: Child, go_library: Path, tmp_path: Path) -> None:
    """A process holds one Go runtime: a second library is refused, the same one is not."""
    child.run(
        """
        path = os.environ["FLIGHTREC_LIBRARY"]
        runtime = flightrec.load()
        assert flightrec.load() is runtime
        assert flightrec.load(path) is runtime
        os.symlink(path, sys.argv[2])
        assert flightrec.load(sys.argv[2]) is runtime
        for other in (sys.argv[1], "/no/such/library.so"):
            try:
                flightrec.load(other)
            except flightrec.LibraryLoadError as exc:
                assert "one Go runtime only" in str(exc), exc
                assert path in str(exc) and exc.path == other
            else:
                raise SystemExit("two Go runtimes in one process")
        """,
        go_library,
        tmp_path / "link.so",
    )


def test_loading_from_many_threads(child: Child) -> None:
    """Threads that load at the same time all get the same runtime."""
    child.run(
        """
        barrier = threading.Barrier(8)
        got = []
        def load():
            barrier.wait()
            got.append(flightrec.load())
        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(got) == 8 and len(set(map(id, got))) == 1
        """
    )


# ---- the library itself


@pytest.mark.matrix
def test_runtime_facts(runtime: flightrec.GoRuntime) -> None:
    """The runtime says its version, its path and the speed of its clock."""
    assert re.fullmatch(r"go1\.\d+(\.\d+|rc\d+)?( .*)?", runtime.go_version)
    assert runtime.path.exists()
    if sys.platform != "win32":
        assert runtime.clock_units_per_second == 15_625_000
    assert runtime.go_version in repr(runtime)
    assert runtime.ticks_to_ns(15_625_000) == 1_000_000_000
    assert runtime.ticks_to_ns(5, 10) == 500_000_000


def test_setenv(go_child: Child) -> None:
    """A variable that is set, empty or unset is that in Go and in the C library."""
    go_child.run(
        """
        import ctypes
        runtime = flightrec.load()
        getenv = ctypes.CDLL(None).getenv
        getenv.restype = ctypes.c_char_p
        runtime.setenv("FLIGHTREC_TEST", "\u00e4=1")
        assert getenv(b"FLIGHTREC_TEST") == "\u00e4=1".encode()
        runtime.setenv("FLIGHTREC_TEST", "")
        assert getenv(b"FLIGHTREC_TEST") == b""
        runtime.setenv("FLIGHTREC_TEST", None)
        assert getenv(b"FLIGHTREC_TEST") is None
        try:
            runtime.setenv("", "x")
        except flightrec.FlightRecorderError as exc:
            assert "invalid argument" in str(exc), exc
        else:
            raise SystemExit("an empty name")
        """
    )
