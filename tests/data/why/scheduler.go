package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
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
	for range 100_000 {
		sink.Store(&node{})
	}
}

// readMemStats: the request asks for statistics all the time.
func readMemStats(context.Context) {
	requests(func() { spin(100 * time.Microsecond) })
	request(func(context.Context) { pollStatistics() })
}

//go:noinline
func pollStatistics() {
	var stats runtime.MemStats
	for begin := time.Now(); time.Since(begin) < slow; {
		runtime.ReadMemStats(&stats)
	}
}

// stopTheWorld: another goroutine stops the world for long.
func stopTheWorld(context.Context) {
	var live *node
	for range 1_500_000 {
		live = &node{next: live}
	}
	var dumped atomic.Bool
	requests(func() { spin(100 * time.Microsecond) })
	go dumpHeap(&dumped)
	request(func(context.Context) {
		for !dumped.Load() {
			spin(20 * time.Microsecond)
			runtime.Gosched()
		}
	})
	runtime.KeepAlive(live)
}

//go:noinline
func dumpHeap(dumped *atomic.Bool) {
	defer dumped.Store(true)
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	debug.WriteHeapDump(file.Fd())
}

// collector: one P, which the garbage collector takes for some of the time.
func collector(context.Context) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var live *node
	for range 1_500_000 {
		live = &node{next: live}
	}
	requests(runtime.Gosched)
	request(func(context.Context) {
		collected := make(chan struct{})
		go func() {
			defer close(collected)
			runtime.GC()
		}()
		for range 2000 {
			spin(10 * time.Microsecond)
			runtime.Gosched()
		}
		<-collected
	})
	runtime.KeepAlive(live)
}

// stops: the request itself stops the world, in several ways. A goroutine stays for ever.
func stops(context.Context) {
	go awaitForever()
	end := make(chan struct{})
	defer close(end)
	for range 300 {
		go func() { <-end }()
	}
	var done atomic.Bool
	defer done.Store(true)
	go func() {
		for !done.Load() {
			runtime.GC()
		}
	}()
	requests(func() {})
	request(func(context.Context) {
		stacks := make([]byte, 1<<22)
		for range 5 {
			runtime.Stack(stacks, true)
			_ = pprof.Lookup("goroutine").WriteTo(io.Discard, 1)
			runtime.GC()
			runtime.GOMAXPROCS(3)
			runtime.GOMAXPROCS(2)
		}
	})
}

var never = make(chan struct{})

//go:noinline
func awaitForever() { <-never }

// yields: one P, and two goroutines that hand it to each other until the workload is cancelled.
func yields(ctx context.Context) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	requests(runtime.Gosched)
	go handOver(ctx)
	request(func(context.Context) { handOver(ctx) })
}

//go:noinline
func handOver(ctx context.Context) {
	for ctx.Err() == nil {
		spin(20 * time.Microsecond)
		runtime.Gosched()
	}
}
