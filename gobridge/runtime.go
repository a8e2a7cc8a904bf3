package gobridge

import (
	"runtime"
	_ "unsafe" // for go:linkname
)

// The functions below are open to linkname: the runtime names their users, x/exp/trace and others.
// In a package with cgo they need no assembly file.

// runtime_traceAdvance ends the current generation and blocks until the trace reader has read
// all of it. With tracing off it returns at once. It must not be called from the trace reader.
//
//go:linkname runtime_traceAdvance runtime.traceAdvance
func runtime_traceAdvance(stopTrace bool)

// runtime_traceClockNow reads the clock of trace events. It works whether tracing is on or not.
//
//go:linkname runtime_traceClockNow runtime.traceClockNow
func runtime_traceClockNow() uint64

// clockUnitsPerSecond is the frequency of runtime_traceClockNow, and 0 where only a trace knows:
// everywhere but on Windows the trace clock is the monotonic clock divided by 64.
func clockUnitsPerSecond() uint64 {
	if runtime.GOOS == "windows" {
		return 0
	}
	return 1_000_000_000 / 64
}

// monotonicNow returns ns of a clock that only moves forward. Everywhere but on Windows the trace
// clock counts it in units of 64.
func monotonicNow() uint64 { return runtime_traceClockNow() * 64 }
