package gobridge

import (
	"context"
	"runtime/trace"
)

// Python's tasks and regions, as runtime/trace's. A task may begin on one thread and end on
// another. A region belongs to a goroutine: a thread that calls into Go is one goroutine, the same
// in every call.
var (
	tasks   = registry[*task]{}
	regions = registry[*trace.Region]{}
)

type task struct {
	ctx context.Context
	*trace.Task
}

// taskContext returns the context of a task, and for 0 or a task that has ended the one of no task.
func taskContext(handle uint64) context.Context {
	if t, ok := tasks.get(handle); ok {
		return t.ctx
	}
	return context.Background()
}

func beginTask(parent uint64, name string) uint64 {
	ctx, t := trace.NewTask(taskContext(parent), name)
	return tasks.add(&task{ctx, t})
}

func endTask(handle uint64) bool {
	t, ok := tasks.take(handle)
	if ok {
		t.End()
	}
	return ok
}

func beginRegion(task uint64, name string) uint64 {
	return regions.add(trace.StartRegion(taskContext(task), name))
}

func endRegion(handle uint64) bool {
	r, ok := regions.take(handle)
	if ok {
		r.End()
	}
	return ok
}
