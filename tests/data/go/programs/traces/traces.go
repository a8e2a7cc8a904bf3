// Package traces uses runtime/trace by itself, as a program may that is recorded.
package traces

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof" // /debug/pprof/trace
	"os"
	"runtime/trace"
	"sync"
	"testing"
	"time"

	"flightrec/gobridge"
)

type pathArgs struct{ Path string }

var file *os.File

func init() {
	gobridge.RegisterWith("start", "trace.Start", func(_ context.Context, args pathArgs) (any, error) {
		made, err := os.Create(args.Path)
		if err != nil {
			return nil, err
		}
		if err := trace.Start(made); err != nil {
			return nil, err
		}
		file = made
		return nil, nil
	})
	gobridge.Register("stop", func(context.Context, json.RawMessage) (any, error) {
		trace.Stop()
		if file == nil {
			return nil, nil
		}
		err := file.Close()
		file = nil
		return nil, err
	})
	gobridge.RegisterWith("mark", "trace.Log", func(ctx context.Context, args pathArgs) (any, error) {
		trace.Log(ctx, "mark", args.Path)
		return nil, nil
	})
	// What the main function of a test binary does; it ends the process.
	gobridge.RegisterWith("testing", "go test -trace", func(_ context.Context, args pathArgs) (any, error) {
		os.Args = []string{"traces.test", "-test.trace=" + args.Path}
		testing.Main(
			func(string, string) (bool, error) { return true, nil },
			[]testing.InternalTest{{Name: "TestMark", F: func(t *testing.T) { trace.Log(context.Background(), "mark", "tested") }}},
			nil, nil,
		)
		return nil, nil
	})
	gobridge.Register("enabled", func(context.Context, json.RawMessage) (any, error) { return trace.IsEnabled(), nil })
	gobridge.RegisterWith("pprof", "/debug/pprof/trace", func(_ context.Context, args pathArgs) (int, error) {
		server := httptest.NewServer(nil)
		defer server.Close()
		response, err := http.Get(server.URL + "/debug/pprof/trace?seconds=0.3")
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		made, err := os.Create(args.Path)
		if err != nil {
			return 0, err
		}
		defer made.Close()
		_, err = io.Copy(made, response.Body)
		return response.StatusCode, err
	})
	// Goroutines that wake each other now and then, until it is cancelled.
	gobridge.Register("busy", func(ctx context.Context, _ json.RawMessage) (any, error) {
		var all sync.WaitGroup
		for range 4 {
			there, back := make(chan int), make(chan int)
			all.Add(2)
			go func() {
				defer all.Done()
				for n := range there {
					back <- n
				}
				close(back)
			}()
			go func() {
				defer all.Done()
				for ctx.Err() == nil {
					there <- 1
					<-back
					time.Sleep(time.Millisecond) // so that Go's reader is done in a second
				}
				close(there)
			}()
		}
		all.Wait()
		return nil, nil
	})
}
