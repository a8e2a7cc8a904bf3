package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// cpuHog: one P, and goroutines that keep it.
func cpuHog(context.Context) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	requests(runtime.Gosched)
	var all sync.WaitGroup
	request(func(context.Context) {
		for range 8 {
			all.Add(1)
			go hog(&all)
		}
		runtime.Gosched()
	})
	all.Wait()
}

//go:noinline
func hog(all *sync.WaitGroup) {
	defer all.Done()
	spin(slow / 4)
}

// running: the request computes.
func running(context.Context) {
	requests(func() { spin(100 * time.Microsecond) })
	request(func(context.Context) { computeLong() })
}

//go:noinline
func computeLong() int { return spin(slow) }

type node struct {
	next *node
	data [6]*node
}

// gcAssist: a collector that is always late, and a request that allocates.
func gcAssist(context.Context) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	var live *node
	for range 200_000 {
		live = &node{next: live}
	}
	requests(func() {})
	request(func(context.Context) { allocate() })
	runtime.KeepAlive(live)
}

var sink atomic.Pointer[node]

//go:noinline
func allocate() {
	for range 600_000 {
		sink.Store(&node{})
	}
}

// stopTheWorld: somebody asks for statistics all the time.
func stopTheWorld(context.Context) {
	work := func() {
		for range 200 {
			spin(10 * time.Microsecond)
			runtime.Gosched()
		}
	}
	requests(work)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go pollStatistics(&all, stop)
	}
	request(func(context.Context) {
		for range 5 {
			work()
		}
	})
	close(stop)
	all.Wait()
}

//go:noinline
func pollStatistics(all *sync.WaitGroup, stop chan struct{}) {
	defer all.Done()
	var stats runtime.MemStats
	for {
		select {
		case <-stop:
			return
		default:
			runtime.ReadMemStats(&stats)
		}
	}
}
