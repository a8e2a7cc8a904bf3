//go:build go1.23

package main

import (
	"context"
	"iter"
)

func coroutines(ctx context.Context) error {
	for ctx.Err() == nil {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for i := 0; i < 20 && yield(i); i++ {
			}
		})
		for i := 0; i < 25; i++ {
			if _, ok := next(); !ok {
				break
			}
		}
		stop()
	}
	return nil
}
