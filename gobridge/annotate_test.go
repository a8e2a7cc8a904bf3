package gobridge

import (
	"context"
	"sync"
	"testing"
)

func TestTasksAndRegionsLeaveNothing(t *testing.T) {
	const parent, child, region, asTask, onThread = 1, 2, 3, 4, 5
	beginTask(parent, 0, "parent")
	beginTask(child, parent, "child")
	beginRegion(region, onThread, child, "region")
	beginRegion(asTask, 0, child, "region")
	for _, number := range []uint64{region, asTask} {
		if !endRegion(number, onThread) || endRegion(number, onThread) {
			t.Error("a region does not end exactly once")
		}
	}
	for _, number := range []uint64{parent, child} {
		if !endTask(number) || endTask(number) {
			t.Error("a task does not end exactly once")
		}
	}
	if !endThread(onThread) || endThread(onThread) {
		t.Error("a thread does not end exactly once")
	}
	if tasks.len() != 0 || regions.len() != 0 || threads.len() != 0 {
		t.Errorf("%d tasks, %d regions and %d threads are left", tasks.len(), regions.len(), threads.len())
	}
	if taskContext(parent) != context.Background() {
		t.Error("a task that has ended still has a context")
	}
}

func TestATaskBeginsOnce(t *testing.T) {
	const number = 1
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			beginTask(number, 0, "once")
		}()
	}
	all.Wait()
	first := taskContext(number)
	beginTask(number, 0, "again")
	if taskContext(number) != first || !endTask(number) || endTask(number) {
		t.Error("a task that has begun begins again")
	}
}

func TestRegionsOfAThreadEndInAnyOrder(t *testing.T) {
	const onThread, another = 1, 2
	for number := range uint64(4) {
		beginRegion(10+number, onThread, 0, "region")
	}
	beginRegion(10, onThread, 0, "again") // has begun: nothing
	thread, _ := threads.get(onThread)
	open := func(want int) {
		t.Helper()
		if len(thread.open) != want {
			t.Errorf("%d regions are open on the thread, want %d", len(thread.open), want)
		}
	}
	open(4)
	endRegion(13, another) // left on another thread: it stays until this one comes by
	open(4)
	endRegion(11, onThread) // 12 goes on as a task
	open(1)
	endRegion(12, another)
	open(1)
	endRegion(10, onThread)
	open(0)
	endThread(onThread)
	if regions.len() != 0 {
		t.Errorf("%d regions are left", regions.len())
	}
}
