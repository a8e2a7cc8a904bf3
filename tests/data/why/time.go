package main

import (
	"context"
	"time"
)

func sleeps(context.Context) {
	requests(func() {})
	request(func(context.Context) { nap() })
}

//go:noinline
func nap() { time.Sleep(slow) }

func timer(context.Context) {
	requests(func() {})
	request(func(context.Context) { waitForTimer() })
}

//go:noinline
func waitForTimer() { <-time.After(slow) }

func deadline(context.Context) {
	requests(func() {})
	request(func(ctx context.Context) { waitForDeadline(ctx) })
}

//go:noinline
func waitForDeadline(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, slow)
	defer cancel()
	<-ctx.Done()
}

var finished chan struct{}

func afterFunc(context.Context) {
	requests(func() {})
	request(func(context.Context) {
		finished = make(chan struct{})
		time.AfterFunc(slow, finishLate)
		waitForFunc()
	})
}

//go:noinline
func waitForFunc() { <-finished }

//go:noinline
func finishLate() { close(finished) }
