package gobridge

import (
	"runtime"
	"sync/atomic"
	"time"
)

// An advanceWatch sees to it that an advance does not wait for its turn for too long.
//
// Goroutines that keep waking each other hand their P back and forth, and whoever else is in that
// P's queue, or in the global one, waits. The scheduler would preempt such a pair after 10 ms, but
// the trace reader's own turns, one a millisecond on a busy trace, look to it as if the P were
// shared fairly. So an advance, of 0.2 to 0.5 ms by itself, took up to a second, and a generation
// meant to end at 2 MB had 48 (measured: pingpong on 2 Ps beside a busy process). Stopping the world
// breaks such pairs up on every P. It is not done lightly: beside other threads that want the CPU
// it stops Go for milliseconds, as an advance itself does then.
type advanceWatch struct {
	running atomic.Int64 // advances that were asked for and have not returned
	due     atomic.Int64 // when the world is to be stopped for them, ns
}

const (
	awaitedAdvance = 2 * time.Millisecond   // an advance that somebody waits for is helped after this,
	slowestAdvance = 100 * time.Millisecond // any other one after this, or sooner if much is written,
	helpAgain      = 8 * time.Millisecond   // and again after this
)

var processStart = time.Now()

func sinceStart() int64 { return int64(time.Since(processStart)) }

// begin and end enclose every advance, from its being asked for. It is to be helped if it takes
// longer than the patience.
func (w *advanceWatch) begin(patience time.Duration) {
	due := sinceStart() + int64(patience)
	if w.running.Add(1) == 1 {
		w.due.Store(due)
	} else if before := w.due.Load(); due < before {
		w.due.CompareAndSwap(before, due) // if that fails, someone has just helped
	}
	time.AfterFunc(patience, w.check)
}

func (w *advanceWatch) end() { w.running.Add(-1) }

// check helps if an advance is late. The trace reader calls it with every batch, but for most of an
// advance it gets none, so timers do as well.
func (w *advanceWatch) check() {
	if w.running.Load() <= 0 {
		return
	}
	now, due := sinceStart(), w.due.Load()
	if now >= due && w.due.CompareAndSwap(due, now+int64(helpAgain)) {
		time.AfterFunc(helpAgain, w.check)
		go stopTheWorld()
	}
}

// stopTheWorld stops all goroutines and lets them go on: asking for a profile that does not fit
// does that, and nothing else.
func stopTheWorld() {
	var one [1]runtime.StackRecord
	runtime.GoroutineProfile(one[:])
}
