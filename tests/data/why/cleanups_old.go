//go:build !go1.24

package main

import "context"

// Go 1.23 has no runtime.AddCleanup.
func lateCleanup(context.Context) {}
