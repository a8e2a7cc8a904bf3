package workloads

import (
	"context"
	"sync"
	"sync/atomic"
)

type pingpongArgs struct {
	Common
	Pairs int `json:"pairs" default:"4" min:"1" help:"pairs of goroutines"`
}

type pingpongResult struct {
	Roundtrips int64 `json:"roundtrips"`
}

// pingpong passes a token back and forth over unbuffered channels, in pairs of goroutines: almost
// nothing but scheduling, the tracer's worst case.
func pingpong(ctx context.Context, args pingpongArgs) (pingpongResult, error) {
	var roundtrips atomic.Int64
	var all sync.WaitGroup
	for range args.Pairs {
		ping, pong := make(chan struct{}), make(chan struct{})
		all.Add(2)
		go func() {
			defer all.Done()
			for range ping {
				pong <- struct{}{}
			}
		}()
		go func() {
			defer all.Done()
			defer close(ping)
			n := int64(0)
			for ctx.Err() == nil {
				ping <- struct{}{}
				<-pong
				n++
			}
			roundtrips.Add(n)
		}()
	}
	all.Wait()
	return pingpongResult{roundtrips.Load()}, nil
}
