package main

import (
	"context"
	"runtime"
	"time"
)

// resource is large enough not to share an allocation with others.
type resource struct{ data [64]byte }

// drop leaves a resource to the garbage collector.
//
//go:noinline
func drop(finalize func(*resource)) {
	unused := new(resource)
	runtime.SetFinalizer(unused, finalize)
}

// finalizer: what the request waits for is done by a finalizer, which comes behind a slow one.
func finalizer(context.Context) {
	requests(func() {})
	begun := make(chan struct{})
	drop(func(*resource) {
		close(begun)
		finalizeSlowly()
	})
	runtime.GC()
	<-begun
	request(func(context.Context) {
		finalized := make(chan struct{})
		drop(func(*resource) { close(finalized) })
		runtime.GC()
		<-finalized
	})
}

//go:noinline
func finalizeSlowly() { time.Sleep(slow) }

// lateCollection: what the request waits for is done by a finalizer, and nothing is collected until late.
func lateCollection(context.Context) {
	requests(func() {})
	request(func(context.Context) {
		finalized := make(chan struct{})
		drop(func(*resource) { close(finalized) })
		time.AfterFunc(slow, runtime.GC)
		<-finalized
	})
}
