package workloads

import (
	"context"
	"sync"
)

type mutexArgs struct {
	Common
	Goroutines int `json:"goroutines" default:"8" min:"1" help:"that want the lock"`
	Spin       int `json:"spin" default:"1000" min:"1" help:"loop turns while holding it"`
}

type mutexResult struct {
	Acquisitions int64 `json:"acquisitions"`
}

// mutex has goroutines contend for one lock.
func mutex(ctx context.Context, args mutexArgs) (mutexResult, error) {
	var lock sync.Mutex
	var acquisitions, work int64
	var all sync.WaitGroup
	for range args.Goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				lock.Lock()
				for i := range args.Spin {
					work += int64(i)
				}
				acquisitions++
				lock.Unlock()
			}
		}()
	}
	all.Wait()
	return mutexResult{acquisitions}, nil
}
