package gobridge

import (
	"errors"
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errNoAllocFree   = errors.New("the AllocFree experiment needs Go 1.23 or later")
	errLateAllocFree = errors.New("the runtime is already traced without the AllocFree experiment, which can only begin together with a trace: start what wants it first, or stop all traces")
	errForeignStop   = &statusError{statusConflict, errors.New("the Go program itself stopped the trace (runtime/trace.Stop)")}
	errOver          = errors.New("the tracer is over")
)

// A tracer is the runtime's tracer while sessions use it, or a replay, and the stream of what it
// writes. One goroutine, control, ends generations and sessions and the trace: an advance blocks
// until the trace reader has read all of the generation, so the reader cannot do it.
type tracer struct {
	stream
	replay    bool
	allocFree bool
	requests  *os.File                     // C writes a byte to the other end for each
	writer    *os.File                     // that end
	joining   []joining                    // under mu
	leaving   bool                         // the last session leaves, so nobody can join; under mu
	program   atomic.Pointer[programTrace] // the program's own trace; set under mu
	retired   chan struct{}                // closed when control has returned
}

// tracing is what uses the runtime's tracer. The lock is held while that is started, or joined.
var tracing struct {
	mu     sync.Mutex
	tracer *tracer
}

// openSession opens a session. The first one starts the runtime's tracer, the others share it.
func openSession(options sessionOptions) (session uint64, err error) {
	if options.flags&optionAllocFree != 0 && !hasAllocFree {
		return 0, errNoAllocFree
	}
	open := func(t *tracer) (err error) {
		session, err = t.addSession(options)
		return err
	}
	if options.flags&optionReplay != 0 {
		err = openReplay(options, open)
		return session, err
	}
	if err := takePart(options, open); err != nil {
		if session != 0 {
			closeSession(session)
		}
		return 0, err
	}
	nameThreads()
	return session, nil
}

// takePart has somebody take part in the runtime's trace, from a generation on that begins now. begin
// is called for that under the tracer's mu. If no tracer runs, one is started by these options.
func takePart(options sessionOptions, begin func(*tracer) error) error {
	tracing.mu.Lock()
	defer tracing.mu.Unlock()
	if t := tracing.tracer; t != nil {
		if err := t.join(options, begin); err != errOver {
			return err
		}
		<-t.retired // it is over, and about to stop tracing
		tracing.tracer = nil
	}
	t, err := newTracer(options, begin)
	if err != nil {
		return err
	}
	if err := t.startTracing(); err != nil {
		t.discard(err)
		return err
	}
	tracing.tracer = t
	t.run()
	return nil
}

// newTracer makes a tracer, by the options of whoever takes part first.
func newTracer(options sessionOptions, begin func(*tracer) error) (*tracer, error) {
	requests, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	native, err := newNativeStream(descriptor(writer))
	if err != nil {
		_, _ = requests.Close(), writer.Close()
		return nil, err
	}
	t := &tracer{
		stream:    stream{nativeStream: native, wanted: make(chan struct{}, 1)},
		replay:    options.flags&optionReplay != 0,
		allocFree: options.flags&optionAllocFree != 0,
		requests:  requests,
		writer:    writer,
		retired:   make(chan struct{}),
	}
	t.mu.Lock()
	err = begin(t)
	t.mu.Unlock()
	if err != nil {
		t.discard(err)
	}
	return t, err
}

// descriptor returns a file's descriptor and leaves it as it is, non-blocking (unlike Fd).
func descriptor(file *os.File) int {
	at := -1
	if connection, err := file.SyscallConn(); err == nil && runtime.GOOS != "windows" {
		_ = connection.Control(func(fd uintptr) { at = int(fd) })
	}
	return at
}

// addSession opens a session on the stream: it takes part from the next generation on. mu is held.
func (t *tracer) addSession(options sessionOptions) (session uint64, err error) {
	active := uint64(0)
	if t.active != nil {
		active = t.active.number
	}
	w, err := newWindow(t.nativeStream, options, active)
	if err != nil {
		return 0, err
	}
	t.windows = append(t.windows, w)
	t.setPaceLocked()
	return uint64(w.at.session), nil
}

// discard gives everything back that a tracer has which does not run.
func (t *tracer) discard(why error) {
	t.mu.Lock()
	t.finishLocked(why)
	t.mu.Unlock()
	t.close()
}

// close gives back what a tracer has, once its stream is over.
func (t *tracer) close() {
	t.deaf()
	_, _ = t.requests.Close(), t.writer.Close()
	t.put()
}

func (t *tracer) run() {
	go t.listen()
	go t.control()
}

// A joining is somebody who wants to take part.
type joining struct {
	begin  func(*tracer) error
	result chan error
}

// join has somebody take part from a generation on that begins now, and returns when it has begun, or
// errOver.
func (t *tracer) join(options sessionOptions, begin func(*tracer) error) error {
	t.mu.Lock()
	switch {
	case t.over || t.leaving:
		t.mu.Unlock()
		return errOver
	case options.flags&optionAllocFree != 0 && !t.allocFree:
		t.mu.Unlock()
		return errLateAllocFree
	}
	result := make(chan error, 1)
	t.joining = append(t.joining, joining{begin, result})
	t.mu.Unlock()
	t.ask()
	return <-result
}

// beginJoining lets those take part who wanted to when an advance began, after it. Of the generation
// that runs then, something may have been read already, from before; so they take part from the next
// one, which begins now.
func (t *tracer) beginJoining(all []joining) {
	t.mu.Lock()
	over := t.over
	fresh := t.inBand && t.active == nil // nothing of the generation that runs was read
	results := make([]error, len(all))
	for i, each := range all {
		if results[i] = errOver; !over {
			results[i] = each.begin(t)
		}
	}
	t.mu.Unlock()
	if !over && !fresh {
		t.advance(false)
	}
	for i, each := range all {
		each.result <- results[i]
	}
}

// Write takes one chunk of runtime.ReadTrace. It always reports success: the trace reader would
// ignore anything else.
func (t *tracer) Write(chunk []byte) (int, error) {
	if err := t.take(chunk); err != nil {
		t.finish(err)
	}
	if p := t.program.Load(); p != nil && t.header != nil {
		p.take(chunk, t.header)
	}
	return len(chunk), nil
}

// finish ends the stream and with it all sessions. The first error counts.
func (t *tracer) finish(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finishLocked(err)
	t.ask()
}

// listen passes requests on that come while the trace reader has nothing to read. The network poller
// wakes it, so nobody who asks has to enter Go.
func (t *tracer) listen() {
	buffer := make([]byte, 64)
	for {
		if _, err := t.requests.Read(buffer); err != nil {
			return // control has closed it
		}
		t.ask()
	}
}

// control serves what is wanted until the stream is over, or the last session leaves.
func (t *tracer) control() {
	defer close(t.retired)
	watch := time.NewTicker(time.Second)
	defer watch.Stop()
	for t.serve() {
		select {
		case <-t.wanted:
		case <-watch.C:
			if !t.replay && !trace.IsEnabled() {
				t.finish(errForeignStop)
			}
		}
	}
	t.stopTracing()
	t.finish(nil)
	t.mu.Lock()
	if p := t.program.Swap(nil); p != nil {
		p.end()
	}
	late := t.joining
	t.mu.Unlock()
	t.beginJoining(late)
	t.close()
}

// serve ends the active generation, answers the flushes that were wanted when it began, and ends the
// sessions that were to end. It returns false if there is nothing left to record.
func (t *tracer) serve() bool {
	t.mu.Lock()
	flush, answered := load(&t.at.flush_wanted), t.answered()
	var leaving []window
	for _, w := range t.windows {
		if w.leaving() {
			leaving = append(leaving, w)
		}
	}
	program := t.program.Load()
	stops := program != nil && program.leaving
	joining := t.joining
	t.leaving = len(leaving) == len(t.windows) && (program == nil || stops) && len(joining) == 0
	over := t.over || t.leaving
	if !over {
		t.joining = nil
	}
	early := t.active != nil && t.active.asked != 0
	t.mu.Unlock()
	if over {
		return false
	}
	if flush == answered && !early && len(leaving) == 0 && len(joining) == 0 && !stops {
		return true // both ways told of one request, and it was served
	}

	if flush > answered && !t.replay {
		nameThreads()
	}
	if stops {
		program.hold()
	}
	if !t.advance(flush > answered || len(leaving) > 0 || stops) {
		t.finish(errForeignStop)
	}
	if stops {
		t.program.Store(nil)
		program.end()
	}
	if len(joining) > 0 {
		t.beginJoining(joining)
	}
	t.mu.Lock()
	if !t.over {
		for _, w := range leaving {
			t.removeLocked(w, nil)
		}
	}
	t.mu.Unlock()
	if flush > answered {
		t.flushed(flush)
	}
	return true
}

// advance ends the active generation. whole: the stream must have it complete afterwards. It returns
// false if the trace that runs is not ours, if any does.
func (t *tracer) advance(whole bool) bool {
	if t.replay {
		return true
	}
	t.mu.Lock()
	before, inBand := t.newest, t.inBand
	t.mu.Unlock()
	began := monotonicNow()
	runtime_traceAdvance(false)
	ended := monotonicNow()
	if whole && !inBand { // known to be complete only when the next one's first batch is seen
		runtime_traceAdvance(false)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advancedAt = ended
	t.pace.advanced(time.Duration(ended - began))
	return t.newest != before || t.over || !(whole || inBand)
}

// startTracing turns tracing on.
//
// It goes through runtime/trace.Start, whose own goroutine calls runtime.ReadTrace and then Write
// with each chunk, and not through runtime.StartTrace: only so does runtime/trace know that
// tracing is on. Otherwise StartRegion and everything behind an IsEnabled in the program would do
// nothing (so the source of Go 1.22 to 1.27 says).
func (t *tracer) startTracing() error {
	if t.allocFree {
		// The runtime looks at this setting when tracing starts and at no other time.
		defer addGodebug("traceallocfree=1")()
	}
	if err := startTrace(t); err != nil {
		return &statusError{statusConflict, err} // in the words of the Go runtime, someone else traces
	}
	return nil
}

// stopTracing turns tracing off, if it is ours, and returns when every batch has been written.
func (t *tracer) stopTracing() {
	if t.replay {
		return
	}
	chunks := t.chunks.Load()
	runtime_traceAdvance(false) // of our trace, it brings something
	if t.chunks.Load() == chunks {
		t.finish(errForeignStop)
		return
	}
	stopTrace()
}
