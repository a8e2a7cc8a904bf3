package gobridge

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A rotation sees to it that all goroutines get their turns while a trace is busy.
//
// Goroutines that keep waking each other hand their P back and forth: who is woken runs next, and who
// else is in that P's queue waits. The scheduler's monitor would end that after 10 ms, but it takes
// each turn of the trace reader, one or more a millisecond on a busy trace, for a sign that the P is
// shared fairly; and each of a garbage collector's workers. So an advance of 0.2 ms took up to a
// minute (pingpong on 2 Ps beside a thread that computes, once in some thousand advances). All that
// was traced meanwhile, gigabytes, stayed in the runtime's buffers, and the world could not even be
// stopped, since an advance holds the lock for that.
//
// What a timer starts runs next, too, and who was to do so goes to the end of the queue. So a timer
// on each P does what the monitor would. It costs the start of an empty goroutine. That goroutine
// sets the timer again, and can itself lose its place to somebody whom the trace reader wakes (seen
// once in a hundred thousand times). Therefore each P has two, and the reader sets one that is
// overdue.
//
// Then there is the queue that all Ps share. Whoever is preempted goes there, the trace reader too
// when a garbage collection begins while it runs, and threads that enter Go. A P looks there when its
// own queue is empty, which the monitor brings about and the timers do not, and else after
// turnsPerLook turns, where going on next is no turn of one's own. Behind some hundred goroutines a
// trace reader waited for half a minute (all bundled workloads at once, in one of 25 runs). So one
// goroutine after another is sent through that queue to see how long it takes; when that is long, the
// timers come often and each makes its P look.
type rotation struct {
	rotors   []rotor       // by P, rotorsPerP of each
	advances atomic.Int64  // that were asked for and have not returned
	busy     atomic.Uint64 // when a chunk came last of a trace that was busy
	queued   atomic.Uint64 // when the goroutine went into the shared queue that is there now; 0 if none is
	visited  uint64        // when a chunk came last; the trace reader's own
	gap      uint64        // between two chunks, smoothed; the trace reader's own
}

// A rotor is a timer that belongs to a P. It is set by whoever has set turning, or finds it overdue.
type rotor struct {
	turning atomic.Bool
	due     atomic.Uint64 // when it was last set for, by monotonicNow
	timer   *time.Timer
}

const rotorsPerP = 2

const (
	turnEvery        = 50 * time.Millisecond  // every 10 ms cost pingpong 2 % and gc_churn 8 %
	turnEveryAdvance = 2 * time.Millisecond   // while an advance waits for its turn
	turnsAfter       = 300 * time.Millisecond // after the last chunk the trace is not busy any more
	busyGap          = 50 * time.Millisecond  // between chunks that are further apart there is nothing to do
	queuedLong       = 50 * time.Millisecond  // in the shared queue

	// turnsPerLook is how many turns of goroutines in its own queue a P gives before it looks at the
	// shared one (runtime/proc.go, findRunnable: the same in Go 1.22 to 1.27).
	turnsPerLook = 61
)

func newRotation() *rotation {
	r := &rotation{rotors: make([]rotor, rotorsPerP*max(runtime.GOMAXPROCS(0), runtime.NumCPU()))}
	for i := range r.rotors {
		each := &r.rotors[i]
		each.timer = time.AfterFunc(time.Hour, func() { r.turn(each) })
		each.timer.Stop()
	}
	return r
}

func currentP() int {
	p := runtime_procPin()
	runtime_procUnpin()
	return p
}

// here returns the rotors of this P.
func (r *rotation) here() []rotor {
	first := rotorsPerP * currentP()
	if first >= len(r.rotors) { // GOMAXPROCS has been raised above the number of CPUs
		return nil
	}
	return r.rotors[first : first+rotorsPerP]
}

// visit sets the timers of the P that it is called on, if the trace is busy. The trace reader calls
// it with every chunk, and comes to each P that is not idle.
func (r *rotation) visit(now uint64) {
	r.gap = (7*r.gap + min(now-r.visited, uint64(time.Second))) / 8
	r.visited = now
	if r.gap > uint64(busyGap) {
		return
	}
	r.busy.Store(now)
	rotors := r.here()
	for i := range rotors {
		each := &rotors[i]
		if each.turning.CompareAndSwap(false, true) || now > each.due.Load()+uint64(turnEvery) {
			r.start(each)
		}
	}
}

func (r *rotation) start(each *rotor) {
	every := turnEvery
	if r.advances.Load() > 0 || r.starved() {
		every = turnEveryAdvance
	}
	each.timer.Reset(every)
	each.due.Store(monotonicNow() + uint64(every))
}

// turn is what the timer starts. That it runs has done the work; it sets the timer again, on this P.
func (r *rotation) turn(each *rotor) {
	rotors := r.here()
	mine := false
	for i := range rotors {
		mine = mine || each == &rotors[i]
	}
	idle := r.advances.Load() <= 0 && monotonicNow()-r.busy.Load() > uint64(turnsAfter)
	if !mine || idle { // not mine: the timers of an idle P were taken over
		each.turning.Store(false)
	}
	if idle {
		return
	}
	if mine {
		r.start(each)
	} else {
		for i := range rotors {
			if rotors[i].turning.CompareAndSwap(false, true) {
				r.start(&rotors[i])
				break
			}
		}
	}
	if r.starved() {
		for range turnsPerLook {
			go func() {}()
		}
	} else if r.queued.CompareAndSwap(0, monotonicNow()) {
		runtime.Gosched() // into the shared queue
		r.queued.Store(0)
	}
}

// starved says whether the shared queue does not move, or hardly.
func (r *rotation) starved() bool {
	since := r.queued.Load()
	return since != 0 && monotonicNow()-since > uint64(queuedLong)
}

// begin and end enclose every advance, from its being asked for.
func (r *rotation) begin() { r.advances.Add(1) }

func (r *rotation) end() { r.advances.Add(-1) }
