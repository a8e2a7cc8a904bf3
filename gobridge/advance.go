package gobridge

import (
	"runtime"
	"sync/atomic"
	"time"
)

// An advanceWatch sees to it that an advance does not wait for its turn while the generation grows.
//
// Goroutines that keep waking each other hand their P back and forth, and whoever else is in that
// P's queue, or in the global one, waits. The scheduler would preempt such a pair after 10 ms, but
// the trace reader's own turns, one a millisecond on a busy trace, look to it as if the P were
// shared fairly. So an advance, of 0.2 to 0.5 ms by itself, took up to a second, and a generation
// meant to end at 2 MB had 48 (measured: pingpong on 2 Ps beside a busy process). Stopping the world
// breaks such pairs up on every P.
type advanceWatch struct {
	running atomic.Int64 // advances that were asked for and have not returned
	began   atomic.Int64 // when the oldest of them was asked for, ns
	pushed  atomic.Int64 // when the world was last stopped for it, ns
}

// lateAdvance is after how long an advance is helped, and how often.
const lateAdvance = 2 * time.Millisecond

var processStart = time.Now()

func sinceStart() int64 { return int64(time.Since(processStart)) }

// begin and end enclose every advance, from its being asked for.
func (w *advanceWatch) begin() {
	if w.running.Add(1) == 1 {
		w.began.Store(sinceStart())
	}
	// What a timer starts runs next, mostly: but it can lose its place as well, so there are two.
	time.AfterFunc(lateAdvance, w.check)
	time.AfterFunc(4*lateAdvance, w.check)
}

func (w *advanceWatch) end() { w.running.Add(-1) }

// check helps if an advance is late. The trace reader calls it with every batch, but for most of an
// advance it gets none, so timers do as well.
func (w *advanceWatch) check() {
	if w.running.Load() <= 0 {
		return
	}
	now := sinceStart()
	last := w.pushed.Load()
	if now-w.began.Load() < int64(lateAdvance) || now-last < int64(lateAdvance) {
		return
	}
	if w.pushed.CompareAndSwap(last, now) {
		time.AfterFunc(2*lateAdvance, w.check)
		go stopTheWorld()
	}
}

// stopTheWorld stops all goroutines and lets them go on: asking for a profile that does not fit
// does that, and nothing else.
func stopTheWorld() {
	var one [1]runtime.StackRecord
	runtime.GoroutineProfile(one[:])
}
