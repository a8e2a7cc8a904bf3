package workloads

import (
	"context"
	"sync"
)

type idleArgs struct {
	Common
	Goroutines int `json:"goroutines" default:"1000" min:"1" help:"that do nothing"`
}

type idleResult struct {
	Goroutines int `json:"goroutines"`
}

// idle parks goroutines: each announces itself in every generation and does nothing else.
func idle(ctx context.Context, args idleArgs) (idleResult, error) {
	parked := make(chan struct{})
	var all sync.WaitGroup
	all.Add(args.Goroutines)
	for range args.Goroutines {
		go func() {
			defer all.Done()
			<-parked
		}()
	}
	<-ctx.Done()
	close(parked)
	all.Wait()
	return idleResult{args.Goroutines}, nil
}
