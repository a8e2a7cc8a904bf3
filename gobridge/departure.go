package gobridge

import "sync/atomic"

// A departure is a goroutine that is about to end the process. It waits until Python has had a look:
// at the end, a flight recorder is wanted most.
type departure struct {
	panics bool
	code   int // of os.Exit
	goOn   chan bool
}

var (
	departures        = make(chan *departure)
	departuresWatched atomic.Bool // Python asks for them
)

// depart waits for Python, and returns whether the process is to end as an ordinary Go program does.
// A second goroutine that wants to end the process waits for the first to do so.
func depart(d departure) (asProgram bool) {
	if !departuresWatched.Load() {
		return false
	}
	d.goOn = make(chan bool)
	departures <- &d
	return <-d.goOn
}

// BeforeExit is for the code that flightrec build puts into the runtime: os.Exit calls it.
func BeforeExit(code int) { depart(departure{code: code}) }

// BeforePanic is for the code that flightrec build puts into the runtime: a panic that nobody has
// recovered calls it. It returns whether the process is to exit with status 2, as Go programs do;
// a Go library aborts instead.
func BeforePanic() (exits bool) { return depart(departure{panics: true}) }
