package workloads

import (
	"context"
	"sync"
)

type idleArgs struct {
	Common
	Goroutines int `json:"goroutines"` // that do nothing; 0: 1000
}

type idleResult struct {
	Goroutines int `json:"goroutines"`
}

// idle parks goroutines: each announces itself in every generation and does nothing else.
func idle(ctx context.Context, args idleArgs) (idleResult, error) {
	if err := positive("goroutines", &args.Goroutines, 1000); err != nil {
		return idleResult{}, err
	}
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
