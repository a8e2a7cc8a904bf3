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

func afterFunc(context.Context) {
	requests(func() {})
	request(func(context.Context) {
		done := make(chan struct{})
		time.AfterFunc(slow, func() { finishLate(done) })
		waitForFunc(done)
	})
}

//go:noinline
func waitForFunc(done chan struct{}) { <-done }

//go:noinline
func finishLate(done chan struct{}) { close(done) }
