//go:build flightrec_reference && go1.25

package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
	_ "unsafe" // for go:linkname

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("timed", timed)
	gobridge.Register("advance", workload(advance))
	gobridge.Register("collect", workload(collect))
	gobridge.Register("goroutines", workload(goroutines))
	gobridge.Register("hold", hold)
	gobridge.Register("profile_start", workload(profiler.start))
	gobridge.Register("profile_stop", workload(profiler.stop))
}

// workload adapts a function of typed arguments. Unlike the bundled workloads these take no
// duration: they do one thing and return.
func workload[A, R any](do func(A) (R, error)) gobridge.Workload {
	return func(_ context.Context, raw json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(raw, &args); err != nil {
			return nil, fmt.Errorf("bad arguments: %w", err)
		}
		return do(args)
	}
}

//go:linkname workloads flightrec/gobridge.workloads
var workloads map[string]gobridge.Workload

type timedArgs struct {
	Workload  string          `json:"workload"`
	Arguments json.RawMessage `json:"arguments"`
}

type timedResult struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"` // of the whole process
	Switches   int64   `json:"switches"`    // of its threads, by the kernel
	Faults     int64   `json:"faults"`      // page faults
	GCs        uint32  `json:"gcs"`
	Result     any     `json:"result"`
}

// timed runs another workload and measures from inside Go, so that neither the way to Python and
// back nor the wait for the GIL is in the result.
func timed(ctx context.Context, raw json.RawMessage) (any, error) {
	var args timedArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return nil, fmt.Errorf("bad arguments: %w", err)
	}
	run, known := workloads[args.Workload] // nothing registers after init
	if !known {
		return nil, fmt.Errorf("no workload %q is registered", args.Workload)
	}
	var memory [2]runtime.MemStats
	var usage [2]syscall.Rusage
	runtime.ReadMemStats(&memory[0])
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage[0]); err != nil {
		return nil, err
	}
	began := time.Now()
	result, err := run(ctx, args.Arguments)
	seconds := time.Since(began).Seconds()
	if err := errors.Join(err, syscall.Getrusage(syscall.RUSAGE_SELF, &usage[1])); err != nil {
		return nil, err
	}
	runtime.ReadMemStats(&memory[1])
	before, after := &usage[0], &usage[1]
	return timedResult{
		Seconds:    seconds,
		CPUSeconds: cpuSeconds(after) - cpuSeconds(before),
		Switches:   int64(after.Nvcsw - before.Nvcsw + after.Nivcsw - before.Nivcsw),
		Faults:     int64(after.Minflt - before.Minflt),
		GCs:        memory[1].NumGC - memory[0].NumGC,
		Result:     result,
	}, nil
}

func cpuSeconds(usage *syscall.Rusage) float64 {
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

//go:linkname runtime_traceAdvance runtime.traceAdvance
func runtime_traceAdvance(stopTrace bool)

// advance ends the active generation of whatever traces, and does nothing else.
func advance(struct{}) (took, error) {
	began := time.Now()
	runtime_traceAdvance(false)
	return took{int64(time.Since(began))}, nil
}

// collect makes what the contender before has left behind go away.
func collect(struct{}) (any, error) {
	debug.FreeOSMemory()
	return nil, nil
}

func goroutines(struct{}) (int, error) { return runtime.NumGoroutine(), nil }

type holdArgs struct {
	Bytes int `json:"bytes"`
}

// hold keeps memory alive on the Go heap until it is cancelled.
func hold(ctx context.Context, raw json.RawMessage) (any, error) {
	var args holdArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return nil, fmt.Errorf("bad arguments: %w", err)
	}
	memory := make([]byte, args.Bytes)
	<-ctx.Done()
	runtime.KeepAlive(memory)
	return nil, nil
}

var profiler profile

// A profile is a CPU profile of the Go side, to a file.
type profile struct {
	mu   sync.Mutex
	file *os.File
}

type profileArgs struct {
	Path string `json:"path"`
}

func (p *profile) start(args profileArgs) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	file, err := os.Create(args.Path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	p.file = file
	return nil, nil
}

func (p *profile) stop(struct{}) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil, errors.New("no profile was started")
	}
	pprof.StopCPUProfile()
	err := p.file.Close()
	p.file = nil
	return nil, err
}
