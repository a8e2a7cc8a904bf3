package gobridge

import "sync/atomic"

// A departure is a goroutine that is about to end the process. It waits until Python has had a look:
// at the end, a flight recorder is wanted most.
type departure struct {
	panics bool
	code   int // of os.Exit
	goOn   chan struct{}
}

var (
	departures        = make(chan *departure)
	departuresWatched atomic.Bool // Python asks for them
	runsAsProgram     atomic.Bool // main ends the process as in an ordinary Go program
	mainReturned      atomic.Bool // so the process ends: nothing else is to
)

// EndAsProgram is set by the code that flightrec build puts into the runtime. It chooses how panics
// and fatal errors end the process: with status 2, as in a program, or by SIGABRT, as in a library.
var EndAsProgram func(asProgram bool)

func watchDepartures(asProgram bool) {
	if EndAsProgram != nil {
		EndAsProgram(asProgram)
		runsAsProgram.Store(asProgram)
	}
	departuresWatched.Store(true)
}

// depart waits for Python. A second goroutine that wants to end the process waits for the first to
// do so, and a goroutine that outlives a program's main for the end.
func depart(d departure) {
	if mainReturned.Load() {
		select {}
	}
	if !departuresWatched.Load() {
		return
	}
	d.goOn = make(chan struct{})
	departures <- &d
	<-d.goOn
}

// BeforeExit is for the code that flightrec build puts into the runtime: os.Exit calls it.
func BeforeExit(code int) { depart(departure{code: code}) }

// BeforePanic is for the code that flightrec build puts into the runtime: a panic that nobody has
// recovered calls it, and a fatal error where that is safe.
func BeforePanic() { depart(departure{panics: true}) }
