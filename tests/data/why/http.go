package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/trace"
	"sync"
	"time"

	"flightrec/gobridge"
)

func init() { gobridge.Register("clients", clients) }

type clientsArgs struct {
	Clients  int
	Requests int  // of each client
	Every    int  // one in so many is slow
	Fresh    bool // a new connection for each request
}

// clients runs an HTTP server, and clients whose every request is a task named after its path.
func clients(_ context.Context, raw json.RawMessage) (any, error) {
	var args clientsArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/quick", quickHandler)
	mux.HandleFunc("/slow", slowHandler)
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	var all sync.WaitGroup
	for i := range args.Clients {
		all.Add(1)
		go func() {
			defer all.Done()
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: args.Fresh}}
			defer client.CloseIdleConnections()
			for n := range args.Requests {
				path := "/quick"
				if (n+i*7)%args.Every == args.Every-1 {
					path = "/slow"
				}
				get(client, "http://"+listener.Addr().String(), path)
			}
		}()
	}
	all.Wait()
	return nil, nil
}

func get(client *http.Client, base, path string) {
	ctx, task := trace.NewTask(context.Background(), path)
	defer task.End()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		panic(err)
	}
	response, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

//go:noinline
func quickHandler(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "quick") }

//go:noinline
func slowHandler(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(50 * time.Millisecond)
	fmt.Fprint(w, "slow")
}
