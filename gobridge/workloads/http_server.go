package workloads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/trace"
	"slices"
	"sync"
	"time"
)

type httpServerArgs struct {
	Common
	Clients   int `json:"clients" default:"4" min:"1" help:"concurrent clients"`
	BodyBytes int `json:"body_bytes" default:"1024" min:"1" help:"of a response"`
}

type httpServerResult struct {
	Requests int     `json:"requests"`
	P50ms    float64 `json:"p50_ms"`
	P99ms    float64 `json:"p99_ms"`
}

// httpServer runs a net/http server on loopback and clients that ask it as fast as it answers.
func httpServer(ctx context.Context, args httpServerArgs) (httpServerResult, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return httpServerResult{}, err
	}
	body := make([]byte, args.BodyBytes)
	for i := range body {
		body[i] = 'a' + byte(i%26)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, task := trace.NewTask(r.Context(), "request")
		defer task.End()
		trace.WithRegion(ctx, "respond", func() { _, _ = w.Write(body) })
	})}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()

	latencies := make([][]time.Duration, args.Clients)
	failures := make([]error, args.Clients)
	var all sync.WaitGroup
	for i := range args.Clients {
		all.Add(1)
		go func() {
			defer all.Done()
			latencies[i], failures[i] = ask(ctx, "http://"+listener.Addr().String())
		}()
	}
	all.Wait()
	if err := server.Close(); err != nil {
		return httpServerResult{}, err
	}
	if err := <-serving; !errors.Is(err, http.ErrServerClosed) {
		return httpServerResult{}, err
	}
	if err := errors.Join(failures...); err != nil {
		return httpServerResult{}, err
	}
	took := slices.Concat(latencies...)
	slices.Sort(took)
	return httpServerResult{len(took), quantile(took, 0.5), quantile(took, 0.99)}, nil
}

// ask sends requests until ctx is done and returns how long each took.
func ask(ctx context.Context, url string) ([]time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var took []time.Duration
	for ctx.Err() == nil {
		begin := time.Now()
		err := askOnce(ctx, client, url)
		// A connection that is being made may notice the end before ctx does.
		if deadline, limited := ctx.Deadline(); ctx.Err() != nil || limited && !time.Now().Before(deadline) {
			break
		}
		if err != nil {
			return took, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

func askOnce(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	return nil
}

// quantile returns a quantile of sorted durations, in milliseconds; 0 if there are none.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))]) / float64(time.Millisecond)
}
