package gobridge

import (
	"context"
	"runtime/trace"
	"sync"
)

// Python's tasks, as runtime/trace's. A task may begin on one thread and end on another. Python
// chooses the numbers, so it can repeat a call that an exception interrupted there.
var tasks = registry[*task]{}

type task struct {
	begin sync.Once
	ctx   context.Context
	*trace.Task
}

// taskContext returns the context of a task, and for 0 or a task that has ended the one of no task.
func taskContext(number uint64) context.Context {
	if t, ok := tasks.get(number); ok && t.ctx != nil {
		return t.ctx
	}
	return context.Background()
}

// beginTask begins a task, unless it has begun.
func beginTask(number, parent uint64, name string) {
	t, _ := tasks.keep(number, &task{})
	t.begin.Do(func() { t.ctx, t.Task = trace.NewTask(taskContext(parent), name) })
}

func endTask(number uint64) bool {
	t, ok := tasks.take(number)
	if ok && t.Task != nil {
		t.End()
	}
	return ok
}
