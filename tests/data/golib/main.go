// Command golib is a library for flightrec's tests: workloads that do what a program may do to the
// recorder that watches it.
package main

/*
#include <time.h>

static long nap(long ns) {
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    return nanosleep(&t, 0);
}
*/
import "C"

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"time"
	_ "unsafe" // for go:linkname

	"flightrec/gobridge"
	_ "flightrec/gobridge/workloads"
)

func main() {}

func init() {
	gobridge.Register("echo", func(_ context.Context, args json.RawMessage) (any, error) { return args, nil })
	gobridge.Register("error", func(_ context.Context, args json.RawMessage) (any, error) {
		var options struct{ Text string }
		if err := json.Unmarshal(args, &options); err != nil {
			return nil, err
		}
		return nil, errors.New(options.Text)
	})
	gobridge.Register("nil_error", func(context.Context, json.RawMessage) (any, error) { return nil, (*nilError)(nil) })
	gobridge.Register("many_digits", func(context.Context, json.RawMessage) (any, error) {
		return json.RawMessage(bytes.Repeat([]byte("7"), 10_000)), nil
	})
	gobridge.Register("deep", func(context.Context, json.RawMessage) (any, error) {
		return json.RawMessage(strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000)), nil
	})
	gobridge.Register("panic", func(context.Context, json.RawMessage) (any, error) { panicWith("as the test wants"); return nil, nil })
	gobridge.Register("panic_nil_map", func(context.Context, json.RawMessage) (any, error) {
		var m map[string]int
		m["x"] = 1
		return nil, nil
	})
	gobridge.Register("goexit", func(context.Context, json.RawMessage) (any, error) { runtime.Goexit(); return nil, nil })
	gobridge.Register("unmarshallable", func(context.Context, json.RawMessage) (any, error) { return make(chan int), nil })
	gobridge.Register("long_text", func(_ context.Context, args json.RawMessage) (any, error) {
		var options struct{ Bytes int }
		if err := json.Unmarshal(args, &options); err != nil {
			return nil, err
		}
		return string(bytes.Repeat([]byte("a"), options.Bytes)), nil
	})
	gobridge.Register("block", func(ctx context.Context, _ json.RawMessage) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
	gobridge.Register("block_forever", func(context.Context, json.RawMessage) (any, error) { select {} })
	gobridge.Register("trace_start", func(context.Context, json.RawMessage) (any, error) { return nil, trace.Start(io.Discard) })
	gobridge.Register("trace_stop", func(context.Context, json.RawMessage) (any, error) { trace.Stop(); return nil, nil })
	gobridge.Register("trace_enabled", func(context.Context, json.RawMessage) (any, error) { return trace.IsEnabled(), nil })
	gobridge.Register("advance", advance)
	gobridge.Register("annotate", annotate)
	gobridge.Register("c_calls", cCalls)
	gobridge.Register("spin", spin)
	gobridge.Register("panic_in_a_goroutine", func(context.Context, json.RawMessage) (any, error) {
		go panicWith("as the test wants")
		select {}
	})
	gobridge.Register("request_snapshot", func(_ context.Context, args json.RawMessage) (any, error) {
		var options struct{ Reason string }
		if err := json.Unmarshal(args, &options); err != nil {
			return nil, err
		}
		return gobridge.RequestSnapshot(options.Reason), nil
	})
}

// nilError is what a function returns that has a typed nil for an error.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

//go:noinline
func panicWith(text string) { panic(text) }

// annotate uses runtime/trace as any Go program does.
func annotate(ctx context.Context, _ json.RawMessage) (any, error) {
	ctx, task := trace.NewTask(ctx, "go task")
	defer task.End()
	trace.WithRegion(ctx, "go region", func() { trace.Log(ctx, "go", "says hello") })
	return nil, nil
}

// cCalls calls C, where the tracer meets frames that are not Go's.
func cCalls(ctx context.Context, args json.RawMessage) (any, error) {
	var options struct{ Times int }
	if err := json.Unmarshal(args, &options); err != nil {
		return nil, err
	}
	for range options.Times {
		if ctx.Err() != nil {
			break
		}
		C.nap(1000)
	}
	return nil, nil
}

//go:linkname traceAdvance runtime.traceAdvance
func traceAdvance(stopTrace bool)

// advance ends the active generation of whatever traces, and does nothing else.
func advance(context.Context, json.RawMessage) (any, error) {
	began := time.Now()
	traceAdvance(false)
	return struct {
		NS int64 `json:"ns"`
	}{int64(time.Since(began))}, nil
}

// spin takes its P for good; if a file is named, once that exists.
func spin(_ context.Context, args json.RawMessage) (any, error) {
	var options struct{ OnceThereIs string }
	if len(args) > 0 {
		if err := json.Unmarshal(args, &options); err != nil {
			return nil, err
		}
	}
	for options.OnceThereIs != "" {
		if _, err := os.Stat(options.OnceThereIs); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for {
	}
}
