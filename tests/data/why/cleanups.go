//go:build go1.24

package main

import (
	"context"
	"runtime"
	"time"
)

// lateCleanup: what the request waits for is done by a cleanup, and nothing is collected until late.
func lateCleanup(context.Context) {
	requests(func() {})
	request(func(context.Context) {
		cleaned := make(chan struct{})
		dropCleaned(cleaned)
		time.AfterFunc(slow, runtime.GC)
		<-cleaned
	})
}

// dropCleaned leaves a resource to the garbage collector.
//
//go:noinline
func dropCleaned(cleaned chan struct{}) {
	runtime.AddCleanup(new(resource), func(done chan struct{}) { close(done) }, cleaned)
}
