//go:build go1.23

package main

import (
	"context"
	"iter"
)

func coroutines(ctx context.Context) error {
	for ctx.Err() == nil {
		switchAround()
	}
	return nil
}

// fewCoroutines makes a trace of always the same, small number of events.
func fewCoroutines(context.Context) error {
	for range 10 {
		switchAround()
	}
	return nil
}

// leakCoroutines leaves coroutines behind.
func leakCoroutines(context.Context) error {
	for range 5 {
		next, _ := iter.Pull(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		next()
	}
	return nil
}

func switchAround() {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for i := 0; i < 20 && yield(i); i++ {
		}
	})
	defer stop()
	for range 25 {
		if _, ok := next(); !ok {
			return
		}
	}
}
