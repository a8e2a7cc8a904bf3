//go:build !go1.23

package gobridge

// hasAllocFree says whether this runtime knows GODEBUG=traceallocfree.
const hasAllocFree = false
