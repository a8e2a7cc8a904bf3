package workloads

import (
	"context"
	"errors"
	"sync"
)

type mutexArgs struct {
	Common
	Goroutines int `json:"goroutines"` // that want the lock; 0: 8
	Spin       int `json:"spin"`       // loop turns while holding it; 0: 1000
}

type mutexResult struct {
	Acquisitions int64 `json:"acquisitions"`
}

// mutex has goroutines contend for one lock.
func mutex(ctx context.Context, args mutexArgs) (mutexResult, error) {
	if err := errors.Join(positive("goroutines", &args.Goroutines, 8), positive("spin", &args.Spin, 1000)); err != nil {
		return mutexResult{}, err
	}
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
