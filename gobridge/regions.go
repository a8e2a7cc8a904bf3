package gobridge

import (
	"context"
	"runtime/trace"
	"sync"
)

// Python's regions. A region of runtime/trace belongs to a goroutine, which for Python's is the
// thread: a thread that calls into Go is one goroutine, the same in every call. Regions of a
// goroutine must nest, or no reader accepts the trace. Python's need not: coroutines and generators
// leave them in any order, on any thread. So a region here is one of three things:
//
//   - a region of runtime/trace, as long as it nests;
//   - a task, where Python knows at its beginning that it may not nest (regionTask);
//   - first the one, and from the moment when an outer region ends before it, the other.
//
// One that is exited on another thread cannot end there; it ends when its own thread next begins or
// ends a region.
var regions = registry[*region]{}

type region struct {
	name string
	ctx  context.Context // of the task that it belongs to
	on   *thread         // nil for one that is a task from the beginning

	// Below: on.mu, where there is a thread.
	asRegion *trace.Region
	asTask   *trace.Task
	exited   bool
}

// A thread is one of Python's, and the regions of runtime/trace that are open on it, outermost
// first. Only calls on the thread itself begin and end them.
type thread struct {
	mu   sync.Mutex
	open []*region
}

var threads = registry[*thread]{}

// beginRegion begins a region, unless it has begun. onThread is Python's number for this thread; 0
// makes the region a task.
func beginRegion(number, onThread, inTask uint64, name string) {
	r, added := regions.keep(number, &region{name: name, ctx: taskContext(inTask)})
	if !added {
		return
	}
	if onThread == 0 {
		r.asTask = regionTask(r.ctx, name)
		return
	}
	t, known := threads.get(onThread)
	if !known {
		t, _ = threads.keep(onThread, &thread{})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
	r.on = t
	r.asRegion = trace.StartRegion(r.ctx, name)
	t.open = append(t.open, r)
}

// regionTask begins the task that stands for a region. Its name in the stack of the event is how
// flightrec's reader tells it from other tasks.
//
//go:noinline
func regionTask(ctx context.Context, name string) *trace.Task {
	_, t := trace.NewTask(ctx, name)
	return t
}

// endRegionTask ends such a task; its name is how the reader knows one that began before the trace.
//
//go:noinline
func endRegionTask(t *trace.Task) { t.End() }

// endRegion ends a region; onThread is Python's number for this thread.
func endRegion(number, onThread uint64) bool {
	r, ok := regions.take(number)
	if !ok {
		return false
	}
	if r.on == nil {
		endRegionTask(r.asTask)
		return true
	}
	r.on.mu.Lock()
	defer r.on.mu.Unlock()
	r.exited = true
	if r.asTask != nil {
		endRegionTask(r.asTask)
	} else if own, _ := threads.get(onThread); own == r.on {
		r.on.unwind(r)
	}
	return true
}

// unwind ends a region and those inside it, which go on as tasks if they were not exited.
func (t *thread) unwind(outer *region) {
	at := len(t.open)
	for at > 0 {
		at--
		t.open[at].asRegion.End()
		if t.open[at] == outer {
			break
		}
	}
	for _, r := range t.open[at:] {
		if !r.exited {
			r.asTask = regionTask(r.ctx, r.name)
		}
	}
	clear(t.open[at:])
	t.open = t.open[:at]
	t.settle()
}

// settle ends the innermost regions that were exited on other threads.
func (t *thread) settle() {
	for n := len(t.open); n > 0 && t.open[n-1].exited; n-- {
		t.open[n-1].asRegion.End()
		t.open = t.open[:n-1]
	}
}

// endThread forgets a thread that has ended; its regions ended with its goroutine.
func endThread(onThread uint64) bool {
	_, ok := threads.take(onThread)
	return ok
}
