package workloads

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

type gcChurnArgs struct {
	Common
	Goroutines int `json:"goroutines" default:"2" min:"1" help:"that allocate"`
	LiveBytes  int `json:"live_bytes" default:"1048576" min:"1" help:"kept alive by each"`
}

type gcChurnResult struct {
	Allocations int64  `json:"allocations"`
	GCCycles    uint32 `json:"gc_cycles"`
}

type node struct {
	next *node
	data [112]byte
}

// gcChurn allocates small linked objects and keeps a window of them alive, so that the garbage
// collector runs all the time, with marking to do, assists and sweeping.
func gcChurn(ctx context.Context, args gcChurnArgs) (gcChurnResult, error) {
	const nodeBytes = 128 // with the allocator's size class
	keep := max(args.LiveBytes/nodeBytes, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var allocations atomic.Int64
	var all sync.WaitGroup
	for range args.Goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			n := 0
			live := make([]*node, keep)
			for ctx.Err() == nil {
				for range 1000 {
					at := n % keep
					live[at] = &node{next: live[(at*7+1)%keep]}
					if live[at].next != nil {
						live[at].next.next = nil // chains stay short
					}
					n++
				}
			}
			allocations.Add(int64(n))
		}()
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	return gcChurnResult{allocations.Load(), after.NumGC - before.NumGC}, nil
}
