//go:build !go1.25

package gobridge

// alreadyTracing is what runtime/trace.Start says when the program traces already.
const alreadyTracing = "tracing is already enabled"
