package gobridge

import (
	"errors"
	"io"
	"runtime/trace"
	"sync"
	"time"
)

// How this package turns tracing on and off: the overlay program-trace has runtime/trace.Start and
// Stop call programStart and programStop, and sets these to what they were.
var (
	startTrace = trace.Start
	stopTrace  = trace.Stop
)

// program is the trace that the program itself has started.
var program struct {
	mu    sync.Mutex // one Start or Stop at a time, as in runtime/trace
	trace *programTrace
}

// programStart is runtime/trace.Start for the program. The trace begins with the generation that
// begins now. If no session records, it starts the tracer, which sessions may then share.
func programStart(w io.Writer) error {
	program.mu.Lock()
	defer program.mu.Unlock()
	if p := program.trace; p != nil && !p.isOver() {
		return errors.New(alreadyTracing)
	}
	p := newProgramTrace(w)
	err := takePart(sessionOptions{}, func(t *tracer) error {
		p.tracer, p.after = t, t.newest
		if t.active != nil {
			p.after = t.active.number
		}
		t.program.Store(p)
		return nil
	})
	if err != nil {
		p.end()
		return err
	}
	program.trace = p
	return nil
}

// programStop is runtime/trace.Stop for the program: it returns when everything has been written. It
// never ends a session.
func programStop() {
	program.mu.Lock()
	defer program.mu.Unlock()
	p := program.trace
	if p == nil {
		return
	}
	program.trace = nil
	p.tracer.mu.Lock()
	p.leaving = true
	p.tracer.mu.Unlock()
	p.tracer.ask()
	<-p.written
}

// writerPatience is how long the trace reader waits for the program's writer where a generation ends.
const writerPatience = 100 * time.Millisecond

// A programTrace writes whole generations of a tracer's stream to the program's writer. The trace
// reader hands it the chunks and does not wait for the writer: what that has not taken yet stays in
// memory, as it would in the runtime's buffers. Only where a generation ends it waits, for a moment,
// and not again before a writer that is late has caught up: whoever has ended the generation
// (golang.org/x/exp/trace.FlightRecorder.WriteTo) expects that the writer has it.
type programTrace struct {
	tracer  *tracer       // set before the first chunk, as is after
	leaving bool          // the program wants to stop; under tracer.mu
	written chan struct{} // closed when everything has been written

	mu      sync.Mutex
	more    sync.Cond // queue or over has changed
	queue   [][]byte  // to be written
	held    [][]byte  // of a generation that is not complete, once it is to end
	holding bool
	begun   bool
	after   uint64 // begins with the generation after this one; 0: with the first
	current uint64 // the generation of the last chunk; the trace reader's own
	over    bool
	idle    chan struct{} // closed when the writer has nothing to do; nil if nobody waits
	busy    bool          // the writer has something that is not in queue
	late    bool          // the writer was not done in time, and still is not
}

func newProgramTrace(w io.Writer) *programTrace {
	p := &programTrace{written: make(chan struct{})}
	p.more.L = &p.mu
	go p.write(w)
	return p
}

// write hands the chunks to the program's writer, whose errors runtime/trace ignores as well.
func (p *programTrace) write(w io.Writer) {
	defer close(p.written)
	for {
		p.mu.Lock()
		if p.busy = len(p.queue) > 0; !p.busy {
			p.caughtUpLocked()
		}
		for len(p.queue) == 0 && !p.over {
			p.more.Wait()
		}
		queue := p.queue
		p.queue = nil
		p.busy = len(queue) > 0
		p.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, chunk := range queue {
			_, _ = w.Write(chunk)
		}
	}
}

func (p *programTrace) caughtUpLocked() {
	p.late = false
	if p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// await gives the writer the time to take what there is.
func (p *programTrace) await() {
	p.mu.Lock()
	if p.late || p.holding || p.over || !p.busy && len(p.queue) == 0 {
		p.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	p.idle = idle
	p.mu.Unlock()
	patience := time.NewTimer(writerPatience)
	defer patience.Stop()
	select {
	case <-idle:
	case <-patience.C:
		p.mu.Lock()
		p.late = p.idle != nil
		p.idle = nil
		p.mu.Unlock()
	}
}

// take takes a chunk from the trace reader. header is the trace's.
func (p *programTrace) take(chunk []byte, header *traceHeader) {
	before := p.current
	p.queueChunk(chunk, header)
	if p.current != before || len(chunk) > 0 && chunk[0] == evEndOfGeneration {
		p.await()
	}
}

func (p *programTrace) queueChunk(chunk []byte, header *traceHeader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || len(chunk) == 0 {
		return
	}
	ends := chunk[0] == evEndOfGeneration
	if !ends {
		parsed, bad := parseBatch(chunk)
		if bad != nil {
			return // the trace's header, or no trace
		}
		if parsed.generation != p.current && p.holding {
			p.releaseLocked()
		}
		p.current = parsed.generation
		if !p.begun && p.current != p.after {
			p.begun = true
			p.queue = append(p.queue, header[:])
		}
	}
	if !p.begun {
		return
	}
	copied := append([]byte(nil), chunk...)
	if p.holding {
		p.held = append(p.held, copied)
		if ends {
			p.releaseLocked()
		}
		return
	}
	p.queue = append(p.queue, copied)
	p.more.Signal()
}

// hold keeps back what is not yet a complete generation.
func (p *programTrace) hold() {
	p.mu.Lock()
	p.holding = true
	p.mu.Unlock()
}

func (p *programTrace) releaseLocked() {
	p.queue = append(p.queue, p.held...)
	p.held = nil
	p.more.Signal()
}

// end lets the writer come to its end. What is held is not part of the trace.
func (p *programTrace) end() {
	p.mu.Lock()
	p.over = true
	p.held = nil
	p.mu.Unlock()
	p.more.Broadcast()
}

func (p *programTrace) isOver() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}
