// Package workloads registers flightrec's bundled workloads: small programs that make the runtime
// do one thing a lot, to try a recorder on and to test it with.
package workloads

import (
	"context"
	"time"

	"flightrec/gobridge"
)

func init() {
	register("gc_churn", "allocates, so that the garbage collector runs all the time", gcChurn)
	register("http_server", "serves HTTP on loopback to clients of its own", httpServer)
	register("idle", "parks goroutines", idle)
	register("mutex", "has goroutines contend for one lock", mutex)
	register("pingpong", "passes a token back and forth between pairs of goroutines", pingpong)
	register("syscalls", "writes and reads back temporary files", syscalls)
}

// Common are the arguments that every bundled workload has.
type Common struct {
	Duration float64 `json:"duration" min:"0" help:"seconds; 0: until it is cancelled"`
}

func (c Common) common() Common { return c }

// register registers a workload that ends by itself after its duration.
func register[A interface{ common() Common }, R any](name, summary string, run func(ctx context.Context, args A) (R, error)) {
	gobridge.RegisterWith(name, summary, func(ctx context.Context, args A) (R, error) {
		if d := args.common().Duration; d > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(d*float64(time.Second)))
			defer cancel()
		}
		return run(ctx, args)
	})
}
