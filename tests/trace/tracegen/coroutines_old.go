//go:build !go1.23

package main

import "context"

// Go 1.22 has no coroutines.
func coroutines(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func fewCoroutines(context.Context) error {
	return nil
}

func leakCoroutines(context.Context) error {
	return nil
}
