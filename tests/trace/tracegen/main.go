// Command tracegen writes a real execution trace of the workloads named on its command line.
//
// The trace reader's tests build it with every Go toolchain they find and compare what the
// reader makes of the trace with what that toolchain's own reader makes of it.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

// A workload runs until ctx is done.
type workload func(ctx context.Context) error

var workloads = map[string]workload{
	"annotations":    annotations,
	"coroutines":     coroutines,
	"fewcoroutines":  fewCoroutines,
	"gc":             gc,
	"http":           serveHTTP,
	"leakcoroutines": leakCoroutines,
	"mutex":          mutex,
	"pingpong":       pingpong,
	"syscalls":       syscalls,
}

func main() {
	out := flag.String("o", "", "file to write the trace to")
	duration := flag.Duration("duration", 200*time.Millisecond, "how long to run")
	names := flag.String("workloads", "gc,syscalls", "comma-separated workloads to run at once")
	profile := flag.Bool("profile", false, "take CPU samples too")
	limit := flag.Int64("bytes", 0, "stop once the trace has this many bytes; 0: no limit")
	flag.Parse()
	if err := run(*out, *duration, strings.Split(*names, ","), *profile, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "tracegen:", err)
		os.Exit(1)
	}
}

func run(out string, duration time.Duration, names []string, profile bool, limit int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	counted := &countingWriter{w: file, limit: limit, reached: cancel}
	if profile {
		if err := pprof.StartCPUProfile(io.Discard); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	// Some goroutines are there before the trace begins, so that it must describe them.
	hold := make(chan struct{})
	for range 3 {
		go func() { <-hold }()
	}
	if err := trace.Start(counted); err != nil {
		return err
	}
	var group sync.WaitGroup
	errs := make(chan error, len(names))
	for _, name := range names {
		work, ok := workloads[name]
		if !ok {
			return fmt.Errorf("no workload %q", name)
		}
		group.Add(1)
		go func() {
			defer group.Done()
			errs <- work(ctx)
		}()
	}
	group.Wait()
	close(hold)
	trace.Stop()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// countingWriter calls reached once more than limit bytes have passed.
type countingWriter struct {
	w       io.Writer
	n       int64
	limit   int64
	reached func()
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if c.limit > 0 && c.n >= c.limit {
		c.reached()
	}
	return n, err
}

type node struct {
	left, right *node
	payload     []byte
}

func tree(depth int) *node {
	if depth == 0 {
		return &node{payload: make([]byte, 128)}
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

func gc(ctx context.Context) error {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	var group sync.WaitGroup
	for range 3 {
		group.Add(1)
		go func() {
			defer group.Done()
			var keep [4]*node
			for i := 0; ctx.Err() == nil; i++ {
				keep[i%len(keep)] = tree(9)
			}
			runtime.KeepAlive(keep)
		}()
	}
	group.Wait()
	runtime.GC()
	return nil
}

func pingpong(ctx context.Context) error {
	var group sync.WaitGroup
	for range 4 {
		group.Add(1)
		ping, pong := make(chan int), make(chan int)
		go func() {
			defer close(pong)
			for n := range ping {
				pong <- n + 1
			}
		}()
		go func() {
			defer group.Done()
			defer close(ping)
			for n := 0; ctx.Err() == nil; {
				ping <- n
				n = <-pong
			}
		}()
	}
	group.Wait()
	return nil
}

func mutex(ctx context.Context) error {
	var mu sync.Mutex
	var group sync.WaitGroup
	shared := 0
	for range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			for ctx.Err() == nil {
				mu.Lock()
				for range 1000 {
					shared++
				}
				mu.Unlock()
				runtime.Gosched()
			}
		}()
	}
	group.Wait()
	return nil
}

func syscalls(ctx context.Context) error {
	var group sync.WaitGroup
	for range 3 {
		group.Add(1)
		go func() {
			defer group.Done()
			// A pipe in blocking mode holds its thread in the read, so that the P is stolen.
			r, w, err := os.Pipe()
			if err != nil {
				return
			}
			defer r.Close()
			_ = r.Fd()
			go func() {
				defer w.Close()
				for ctx.Err() == nil {
					if _, err := w.Write([]byte("x")); err != nil {
						return
					}
					time.Sleep(time.Millisecond)
				}
			}()
			buf := make([]byte, 1)
			for {
				if _, err := r.Read(buf); err != nil {
					return
				}
				_, _ = os.ReadFile("/proc/self/stat")
			}
		}()
	}
	group.Wait()
	return nil
}

func serveHTTP(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer trace.StartRegion(r.Context(), "handler").End()
		_, _ = w.Write(bytes.Repeat([]byte("a"), 2048))
	})}
	go func() { _ = server.Serve(listener) }()
	var group sync.WaitGroup
	for range 3 {
		group.Add(1)
		go func() {
			defer group.Done()
			for ctx.Err() == nil {
				response, err := http.Get("http://" + listener.Addr().String())
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}()
	}
	group.Wait()
	return server.Close()
}

func annotations(ctx context.Context) error {
	texts := []string{"plain", "", "tab\tquote\"back\\", "größe 世界 🙂", "\x00\xff\x7f\u200b\u00ad"}
	for i := 0; ctx.Err() == nil; i++ {
		text := texts[i%len(texts)]
		ctx, task := trace.NewTask(context.Background(), "outer "+text)
		child, inner := trace.NewTask(ctx, text)
		trace.WithRegion(child, "region "+text, func() {
			trace.Log(child, "category "+text, text)
			trace.WithRegion(ctx, text, func() { trace.Logf(ctx, "", "%d", i) })
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			pprof.Do(child, pprof.Labels("key", "value"), func(ctx context.Context) {
				defer trace.StartRegion(ctx, "elsewhere").End()
				trace.Log(context.Background(), "background", text)
			})
		}()
		<-done
		inner.End()
		task.End()
		time.Sleep(200 * time.Microsecond)
	}
	return nil
}
