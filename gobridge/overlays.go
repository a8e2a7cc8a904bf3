package gobridge

import "slices"

func hasOverlay(name string) bool { return slices.Contains(overlays, name) }

// inheritsSlice says whether the runtime's trace reader inherits the time slice of the goroutine that
// it interrupts. If not, goroutines that keep waking each other can keep all others from running for
// seconds while a trace is busy.
var inheritsSlice = hasOverlay("reader-slice")
