//go:build go1.23

package main

import (
	"context"
	"iter"
	"time"
)

// iterPull: what a coroutine yields comes late.
func iterPull(context.Context) {
	requests(func() { pull(func(yield func(int) bool) { yield(1) }) })
	request(func(context.Context) { pull(yieldLate) })
}

func pull(values iter.Seq[int]) {
	next, stop := iter.Pull(values)
	defer stop()
	next()
}

//go:noinline
func yieldLate(yield func(int) bool) {
	time.Sleep(slow)
	yield(1)
}
