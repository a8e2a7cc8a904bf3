package gobridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/trace"
	"slices"
	"sync"
	"sync/atomic"
)

// A Workload is Go code that Python can call by name. args is the JSON object of the caller's
// keyword arguments. A workload that takes long should return soon after ctx is done. Its result
// must be something that encoding/json can marshal.
type Workload func(ctx context.Context, args json.RawMessage) (any, error)

var (
	workloadsMu sync.Mutex
	workloads   = map[string]Workload{}
)

// Register makes a workload callable from Python as runtime.run(name, …). It is meant for init
// functions, and panics if the name is empty or taken.
func Register(name string, workload Workload) {
	workloadsMu.Lock()
	defer workloadsMu.Unlock()
	if _, taken := workloads[name]; taken || name == "" {
		panic(fmt.Sprintf("gobridge: cannot register workload %q: the name is empty or taken", name))
	}
	workloads[name] = workload
}

// MainWorkload is the name under which RegisterMain registers a program's main function.
const MainWorkload = "main"

// RegisterMain makes a program's main function callable from Python as the workload "main", whose
// argument "args" is a list of strings: os.Args from the program's name on. main cannot be cancelled.
//
// Not inlined, so that its function literal is named in traces as the bridge's and not the caller's.
//
//go:noinline
func RegisterMain(main func()) {
	Register(MainWorkload, func(_ context.Context, args json.RawMessage) (any, error) {
		var options struct{ Args []string }
		if err := json.Unmarshal(args, &options); err != nil {
			return nil, err
		}
		if len(options.Args) > 0 {
			os.Args = options.Args
		}
		if !runsAsProgram.Load() {
			main()
			return nil, nil
		}
		<-runMain(main)
		return nil, nil
	})
}

// runMain runs a program's main function on a goroutine of its own, which traces name by this
// function; what it returns is closed when main returns. Nothing here recovers a panic, and if main
// calls runtime.Goexit the program goes on.
//
//go:noinline
func runMain(main func()) <-chan struct{} {
	returned := make(chan struct{})
	go func() {
		main()
		mainReturned.Store(true)
		close(returned)
	}()
	return returned
}

// awaitMain does on a goroutine of its own what a workload's does, where that only waits for the
// goroutine of runMain: traces tell the two apart by this function's name.
//
//go:noinline
func awaitMain(workload func()) {
	go func() { workload() }()
}

func workloadNames() []string {
	workloadsMu.Lock()
	defer workloadsMu.Unlock()
	names := make([]string, 0, len(workloads))
	for name := range workloads {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// An execution is one call of a workload.
type execution struct {
	cancel    context.CancelFunc
	cancelled atomic.Bool
	result    []byte // JSON
	err       error
	stack     []byte // of a panic
}

var executions = registry[*execution]{}

// startWorkload starts a workload under a number of the caller's, in one of Python's tasks or, with
// 0, in none.
func startWorkload(number uint64, name string, args json.RawMessage, task uint64) error {
	workloadsMu.Lock()
	workload, known := workloads[name]
	workloadsMu.Unlock()
	if !known {
		return unknownWorkload(name)
	}
	ctx, cancel := context.WithCancel(taskContext(task))
	e := &execution{cancel: cancel}
	added := false
	if number != 0 {
		_, added = executions.keep(number, e)
	}
	if !added {
		cancel()
		return fmt.Errorf("workload number %d is 0 or in use", number)
	}
	run := func() {
		defer putNews(news{kind: newsWorkload, number: number})
		defer cancel()
		if task != 0 {
			defer trace.StartRegion(ctx, name).End() // so that its time counts as the task's
		}
		e.run(ctx, workload, args)
	}
	if name == MainWorkload && runsAsProgram.Load() {
		awaitMain(run)
	} else {
		go run()
	}
	return nil
}

func (e *execution) run(ctx context.Context, workload Workload, args json.RawMessage) {
	returned := false
	defer func() {
		switch v := recover(); {
		case v != nil:
			e.err, e.stack = fmt.Errorf("panic: %v", v), debug.Stack()
		case !returned:
			e.err = errors.New("the workload ended its goroutine (runtime.Goexit)")
		}
	}()
	result, err := workload(ctx, args)
	returned = true
	if err != nil {
		e.err = errors.New(textOf(err))
		return
	}
	if e.result, err = json.Marshal(result); err != nil {
		e.err = fmt.Errorf("the workload's result cannot be given to Python: %s", textOf(err))
	}
}

// cancelWorkload cancels a workload's context.
func cancelWorkload(number uint64) error {
	e, ok := executions.get(number)
	if !ok {
		return fmt.Errorf("%w workload %d", errUnknown, number)
	}
	e.cancelled.Store(true)
	e.cancel()
	return nil
}

// takeResult hands over what a workload that has returned came to, and forgets it unless that fails:
// its result as JSON or, of a panic, the stack. It returns the workload's error.
func takeResult(number uint64, put func(result []byte) error) error {
	e, ok := executions.get(number)
	if !ok {
		return fmt.Errorf("%w workload %d", errUnknown, number)
	}
	result, err := e.result, error(nil)
	switch {
	case e.stack != nil:
		result, err = e.stack, &statusError{statusPanic, e.err}
	case e.err != nil && e.cancelled.Load():
		err = &statusError{statusCancelled, e.err}
	case e.err != nil:
		err = &statusError{statusFailed, e.err}
	}
	if failed := put(result); failed != nil {
		return failed
	}
	executions.take(number)
	return err
}

// textOf returns an error's text. An Error method may panic: that of a nil pointer in an error does.
func textOf(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("an error of type %T, whose Error method panics: %v", err, v)
		}
	}()
	return err.Error()
}
