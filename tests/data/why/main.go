// Command why is a library of slow programs, each with one known cause, for the tests of
// `flightrec why`. Every workload runs some quick requests and one slow one; each request is a task.
package main

import (
	"context"
	"encoding/json"
	"runtime/trace"
	"time"

	"flightrec/gobridge"
)

func main() {}

// slow is how long the cause of a slow request takes.
const slow = 150 * time.Millisecond

// quick is how many requests come before the slow one.
const quick = 12

// A program serves quick requests and a slow one.
type program func(ctx context.Context)

var programs = map[string]program{
	"accept":          accept,
	"afterfunc":       afterFunc,
	"cgo":             cgo,
	"chain":           chain,
	"collector":       collector,
	"cond":            cond,
	"convoy":          convoy,
	"cpu_hog":         cpuHog,
	"deadline":        deadline,
	"dial":            dial,
	"file_io":         fileIO,
	"file_lock":       fileLock,
	"finalizer":       finalizer,
	"full_pipe":       fullPipe,
	"gc_assist":       gcAssist,
	"io_pipe":         ioPipe,
	"iter_pull":       iterPull,
	"late_cleanup":    lateCleanup,
	"late_collection": lateCollection,
	"mutex_across_io": mutexAcrossIO,
	"nested_locks":    nestedLocks,
	"once":            once,
	"pipe":            pipe,
	"pool":            pool,
	"read_mem_stats":  readMemStats,
	"running":         running,
	"rwmutex":         rwMutex,
	"select":          selects,
	"sleep":           sleeps,
	"slow_receiver":   slowReceiver,
	"slow_sender":     slowSender,
	"stop_the_world":  stopTheWorld,
	"stops":           stops,
	"timer":           timer,
	"uniform":         uniform,
	"waitgroup":       waitGroup,
	"writer":          writer,
	"yields":          yields,
}

func init() {
	for name, run := range programs {
		gobridge.Register(name, func(ctx context.Context, _ json.RawMessage) (any, error) {
			run(ctx)
			return nil, nil
		})
	}
}

// request runs a request's work as a task, and as a goroutine of its own, as a server does.
func request(work func(ctx context.Context)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, task := trace.NewTask(context.Background(), "request")
		defer task.End()
		work(ctx)
	}()
	<-done
}

// requests runs quick requests.
func requests(work func()) {
	for range quick {
		request(func(context.Context) { work() })
	}
}

// spin computes for a while. It seldom calls a function: a goroutine that is preempted where one
// begins has a stack in the trace without the caller.
//
//go:noinline
func spin(d time.Duration) int {
	n := 0
	step := max(1000, int(d/20))
	for begin := time.Now(); time.Since(begin) < d; {
		for i := range step {
			n += i
		}
	}
	return n
}

// uniform has nothing that stands out.
func uniform(context.Context) {
	for range 15 {
		request(func(context.Context) { time.Sleep(30 * time.Millisecond) })
	}
}
