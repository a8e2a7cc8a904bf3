"""``os.Args`` and ``os.Executable`` are the program's own before any ``init`` function runs.

A Go library takes them from the process, which is Python. Its environment, too, is the one that the
process was started with, so nothing that Python sets later reaches the runtime at that time.
Therefore a constructor in C, which runs before the runtime starts, takes over the address of what
``flightrec.load`` was given (gobridge/launch.c).
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["PROGRAM_ARGS"]

_CGO = """\
package cgo

import _ "unsafe" // for go:linkname

//go:cgo_import_static flightrec_launch
//go:linkname flightrec_launch flightrec_launch
//go:linkname _flightrec_launch runtime.flightrecLaunch
var flightrec_launch byte
var _flightrec_launch = &flightrec_launch
"""

_RUNTIME = """\
package runtime

import "unsafe"

// flightrecLaunch is the address of the C variable of that name.
//
//go:linkname flightrecLaunch runtime.flightrecLaunch
var flightrecLaunch unsafe.Pointer

// FlightrecExecutable is what os.Executable returns, unless it is empty.
var FlightrecExecutable string

// flightrecArgs replaces the arguments by those that flightrec.load was given.
func flightrecArgs() {
	if flightrecLaunch == nil {
		return
	}
	launch := (*struct{ argv, executable *byte })(flightrecLaunch)
	if launch.argv != nil {
		argv := (**byte)(unsafe.Pointer(launch.argv))
		argslice = nil
		for i := int32(0); argv_index(argv, i) != nil; i++ {
			argslice = append(argslice, gostring(argv_index(argv, i)))
		}
	}
	if launch.executable != nil {
		FlightrecExecutable = gostring(launch.executable)
	}
}
"""

_GOARGS = "\t\targslice[i] = gostringnocopy(argv_index(argv, i))\n\t}\n"
_READLINK = "\tpath, err := Readlink(procfn)\n"

PROGRAM_ARGS = Overlay(
    name="program-args",
    purpose="init functions see Python's arguments, and os.Executable is Python's",
    systems=("linux",),
    patches=(
        Patch(file="runtime/runtime1.go", text=_GOARGS, instead=f"{_GOARGS}\tflightrecArgs()\n"),
        Patch(
            file="os/executable_procfs.go",
            text=_READLINK,
            instead='\tif path := runtime.FlightrecExecutable; path != "" {\n'
            f"\t\treturn path, nil\n\t}}\n{_READLINK}",
        ),
    ),
    files={
        "runtime/zz_flightrec_args.go": _RUNTIME,
        "runtime/cgo/zz_flightrec_args.go": _CGO,
    },
)
