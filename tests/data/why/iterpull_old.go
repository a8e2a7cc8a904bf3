//go:build !go1.23

package main

import "context"

// Go 1.22 has no iter.Pull.
func iterPull(context.Context) {}
