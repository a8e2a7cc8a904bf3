// Command why_modules is a library of slow programs whose causes are behind published modules.
package main

import (
	"context"
	"encoding/json"
	"runtime/trace"
	"time"

	"flightrec/gobridge"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

func main() {}

const (
	slow  = 150 * time.Millisecond
	quick = 12
)

func init() {
	for name, run := range map[string]func(){
		"errgroup":     errGroup,
		"singleflight": singleFlight,
	} {
		gobridge.Register(name, func(context.Context, json.RawMessage) (any, error) {
			run()
			return nil, nil
		})
	}
}

// request runs a request's work as a task, and as a goroutine of its own, as a server does.
func request(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, task := trace.NewTask(context.Background(), "request")
		defer task.End()
		work()
	}()
	<-done
}

func requests(work func()) {
	for range quick {
		request(work)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func errGroup() {
	group := func(parts ...func() error) {
		var all errgroup.Group
		for _, part := range parts {
			all.Go(part)
		}
		must(all.Wait())
	}
	none := func() error { return nil }
	requests(func() { group(none, none) })
	request(func() { group(none, slowPart, none) })
}

//go:noinline
func slowPart() error {
	time.Sleep(slow)
	return nil
}

// singleFlight: the request joins a call that another one has begun.
func singleFlight() {
	var group singleflight.Group
	requests(func() { _, _, _ = group.Do("quick", func() (any, error) { return nil, nil }) })
	begun := make(chan struct{})
	load := func() (any, error) {
		close(begun)
		return loadOnce()
	}
	go func() { _, _, _ = group.Do("key", load) }()
	<-begun
	request(func() { _, _, _ = group.Do("key", load) })
}

//go:noinline
func loadOnce() (any, error) {
	time.Sleep(slow)
	return nil, nil
}
