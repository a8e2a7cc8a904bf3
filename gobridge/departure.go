package gobridge

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// A goroutine that is about to end the process waits until Python has had a look: at the end, a
// flight recorder is wanted most.
var (
	departuresWatched atomic.Bool                   // Python asks for them
	departureLimit    atomic.Int64                  // how long one waits for Python, in ns; below 0: no limit
	departing         atomic.Pointer[chan struct{}] // for whoever departs, to be told to go on; nil: nobody does
	runsAsProgram     atomic.Bool                   // main ends the process as in an ordinary Go program
	mainReturned      atomic.Bool                   // so the process ends: nothing else is to
)

// EndAsProgram is set by the code that flightrec build puts into the runtime. It chooses how panics
// and fatal errors end the process: with status 2, as in a program, or by SIGABRT, as in a library.
var EndAsProgram func(asProgram bool)

func watchDepartures(watch, asProgram bool, limit time.Duration) {
	departureLimit.Store(int64(limit))
	if EndAsProgram != nil {
		EndAsProgram(asProgram)
		runsAsProgram.Store(asProgram)
	}
	departuresWatched.Store(watch)
}

// depart waits for Python, no longer than the limit. A second goroutine that wants to end the process
// waits for the first to do so, and a goroutine that outlives a program's main for the end.
func depart(kind newsKind, code int) {
	if mainReturned.Load() {
		select {}
	}
	if !departuresWatched.Load() {
		return
	}
	var tooLate <-chan time.Time // never, without a limit
	limit := time.Duration(departureLimit.Load())
	if limit >= 0 {
		tooLate = time.After(limit)
	}
	goOn := make(chan struct{}, 1)
	if departing.CompareAndSwap(nil, &goOn) && !putNews(news{kind: kind, status: code}) {
		return // the interpreter has ended
	}
	select {
	case <-goOn:
	case <-tooLate:
		sayTooLate(limit)
	}
}

// letGo lets the goroutine that departs go on, if there is one.
func letGo() {
	if goOn := departing.Load(); goOn != nil {
		select {
		case *goOn <- struct{}{}:
		default: // again
		}
	}
}

func sayTooLate(limit time.Duration) {
	fmt.Fprintf(os.Stderr, "flightrec: Python's on_departure function has not returned within %v; "+
		"the process ends without waiting for it any longer\n", limit)
}

// BeforeExit is for the code that flightrec build puts into the runtime: os.Exit calls it.
func BeforeExit(code int) { depart(newsExit, code) }

// BeforePanic is for the code that flightrec build puts into the runtime: a panic that nobody has
// recovered calls it, and a fatal error where that is safe.
func BeforePanic() { depart(newsPanic, 0) }
