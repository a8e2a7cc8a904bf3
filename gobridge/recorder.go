package gobridge

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Flags of a run; include/gobridge.h says what they mean.
const (
	runHeader  = 1 << iota // data holds the 16-byte header
	runEnds                // the generation is complete
	runDropped             // every generation up to this one has left the window
)

// A run tells the consumer of batches of one generation. Its layout is flightrec_run's.
type run struct {
	generation uint64
	bytes      uint64
	batches    uint64
	minTime    uint64
	frequency  uint64
	overhead   uint64
	data       unsafe.Pointer
	flags      uint32
	_          uint32
}

// sessionOptions has the layout of flightrec_options.
type sessionOptions struct {
	windowLimit  uint64 // ceiling for the window, bytes; 0 for none
	advanceBytes uint64 // advance once the active generation is this large; 0 for never
	deliverBytes uint64 // wake the consumer at this much; 0 for at a generation's end only
	flags        uint32
	_            uint32
}

const (
	optionChunks    = 1 << iota // hand over every batch, keep nothing
	optionAllocFree             // record the AllocFree experiment
	optionReplay                // no tracer: chunks come from feed
	optionSoft                  // a generation that outgrows the ceiling by itself is kept
)

var (
	errSecondSession = errors.New("a recorder is already active in this Go runtime")
	errNoAllocFree   = errors.New("the AllocFree experiment needs Go 1.23 or later")
	errForeignStop   = errors.New("the Go program itself stopped the trace (runtime/trace.Stop)")
	errTimeout       = errors.New("timed out")
	errEnded         = errors.New("the session has ended")
)

// A conflictError says, in the words of the Go runtime, that someone else is tracing.
type conflictError struct{ error }

// A consumer is the queue to whoever takes the runs; exports.go has the real one. None of its
// methods waits for anybody. Those that return an error have run out of memory.
type consumer interface {
	keepHeader(header []byte) unsafe.Pointer
	copyChunk(chunk []byte) (unsafe.Pointer, error) // which push then owns
	push(runs []run) error
	drop(generation uint64) (unfinished uint64, err error)
	oldest() uint64
	released() uint64
	words() *words
	hold(number uint64, segments []segment, next unsafe.Pointer) (unsafe.Pointer, error)
	flushed(number, runs uint64, holdings unsafe.Pointer)
	letGo() uint64
	end()
	stats() (bytes, deliveries uint64)
	free()
}

// The words of a consumer's side are read and written atomically. They have the layout of queue.h's
// flightrec_words, which says what they mean.
type words struct {
	flushWanted  uint64
	flushSeen    uint64
	writtenNs    uint64
	flowingNs    uint64
	advanceBytes uint64
	letGo        uint64
}

// A segment is a piece of a generation. Its layout is flightrec_segment's.
type segment struct {
	data  unsafe.Pointer
	bytes uintptr
}

// A session is one recording, from StartTrace to StopTrace. The trace reader calls Write; any
// number of other goroutines may call the rest.
type session struct {
	options  sessionOptions
	consumer consumer
	advance  chan struct{} // asks the advancer for a new generation
	ended    chan struct{} // closed when nothing more will be written
	retired  chan struct{} // closed when the advancer has gone

	stopOnce sync.Once
	stopping atomic.Bool
	turns    *rotation

	words     *words        // the consumer's
	flushDone atomic.Uint64 // number of the flush that was answered last
	served    atomic.Uint64 // when an advance of ours ended last, by monotonicNow
	took      atomic.Uint64 // how long advances of ours take, smoothed, ns

	mu        sync.Mutex
	window    window
	headered  bool
	large     uint64 // when a large chunk came last, by monotonicNow
	inBand    bool   // the stream itself marks a generation's end (Go 1.26 and later)
	err       error  // the first one
	over      bool   // ended is closed
	foreign   bool   // the trace that runs now, if any, is not ours
	released  bool   // another session may record
	closed    bool   // the consumer has gone
	pending   []run  // not pushed yet
	waiting   uint64 // bytes of batches in pending
	pushed    uint64 // runs ever pushed
	newest    uint64 // the last generation that was completed; 0 if none was
	overhead  uint64 // what generations grow by after their early end was asked for, smoothed
	collected uint64 // holdings that were let go of and have been seen to
	totals    totals
}

type totals struct {
	bytes, batches, generations, dropped, earlyAdvances uint64
	offset                                              int64
}

func newSession(options sessionOptions, consumer consumer) *session {
	s := &session{
		options:  options,
		consumer: consumer,
		advance:  make(chan struct{}, 1),
		ended:    make(chan struct{}),
		retired:  make(chan struct{}),
		turns:    newRotation(),
		window:   window{limit: options.windowLimit, soft: options.flags&optionSoft != 0},
	}
	s.words = consumer.words()
	atomic.StoreUint64(&s.words.advanceBytes, options.advanceBytes)
	return s
}

var godebugMu sync.Mutex

// start turns tracing on.
//
// It goes through runtime/trace.Start, whose own goroutine calls runtime.ReadTrace and then Write
// with each chunk, and not through runtime.StartTrace: only so does runtime/trace know that
// tracing is on. Otherwise StartRegion and everything behind an IsEnabled in the workload would
// do nothing (so the source of Go 1.22 to 1.27 says).
func (s *session) start() error {
	if s.options.flags&optionReplay != 0 {
		close(s.retired)
		return nil
	}
	if s.options.flags&optionAllocFree != 0 {
		if !hasAllocFree {
			return errNoAllocFree
		}
		// The runtime looks at this setting when tracing starts and at no other time.
		godebugMu.Lock()
		defer godebugMu.Unlock()
		before, was := os.LookupEnv("GODEBUG")
		with := "traceallocfree=1"
		if before != "" {
			with = before + "," + with
		}
		if err := os.Setenv("GODEBUG", with); err != nil {
			return err
		}
		defer func() {
			if was {
				_ = os.Setenv("GODEBUG", before)
			} else {
				_ = os.Unsetenv("GODEBUG")
			}
		}()
	}
	if err := trace.Start(s); err != nil {
		return conflictError{err}
	}
	go s.advanceLoop()
	return nil
}

// advanceLoop ends generations early when the reader asks for it: the reader cannot do so itself,
// since an advance waits for the reader.
func (s *session) advanceLoop() {
	defer close(s.retired)
	watch := time.NewTicker(time.Second)
	defer watch.Stop()
	for {
		select {
		case <-s.ended:
			select {
			case <-s.advance: // was asked for, and need not be any more
				s.turns.end()
			default:
			}
			return
		case <-s.advance:
			s.serve()
			s.turns.end()
		case <-watch.C:
			if !s.stopping.Load() && !trace.IsEnabled() {
				s.finish(errForeignStop)
			}
		}
	}
}

const (
	// Pauses between chunks, and between large ones, that a busy trace does not make.
	chunkPauseNs = 3_000_000
	largePauseNs = 10_000_000

	// largeChunk is less than what a buffer holds that was handed on because it was full. An advance
	// hands on buffers that are not, so one snapshot after another does not make a trace busy.
	largeChunk = maxBatchBytes / 2
)

// Write takes one chunk of runtime.ReadTrace: the header, one whole batch, or the end of a
// generation. It copies and queues, and never waits for the consumer. It always reports success:
// the trace reader would ignore anything else.
func (s *session) Write(chunk []byte) (int, error) {
	s.mu.Lock()
	if s.over {
		if s.options.flags&optionReplay == 0 { // tracing goes on until stop
			s.turns.visit(monotonicNow())
		}
		s.mu.Unlock()
		return len(chunk), nil
	}
	if atomic.LoadUint64(&s.words.letGo) != s.collected {
		s.collectLocked()
	}
	if s.options.flags&optionReplay == 0 {
		now := monotonicNow()
		if now-atomic.LoadUint64(&s.words.writtenNs) > chunkPauseNs || now-s.large > largePauseNs {
			atomic.StoreUint64(&s.words.flowingNs, now)
		}
		if len(chunk) >= largeChunk {
			s.large = now
		}
		atomic.StoreUint64(&s.words.writtenNs, now)
		s.turns.visit(now)
		s.noticeFlushLocked()
	}
	deliver, err := s.writeLocked(chunk)
	s.totals.offset += int64(len(chunk))
	if err == nil && deliver {
		err = s.pushLocked()
	}
	s.mu.Unlock()
	if err != nil {
		s.fail(err)
	}
	return len(chunk), nil
}

func (s *session) writeLocked(chunk []byte) (deliver bool, err error) {
	if !s.headered {
		if len(chunk) < headerBytes {
			return false, s.broken(&formatError{text: fmt.Sprintf("expected at least %d bytes in the first write, got %d", headerBytes, len(chunk))})
		}
		s.headered = true
		s.inBand = headerVersion(chunk) >= 26
		s.noteLocked(run{data: s.consumer.keepHeader(chunk[:headerBytes]), bytes: headerBytes, flags: runHeader})
		s.totals.bytes += headerBytes
		if chunk = chunk[headerBytes:]; len(chunk) == 0 {
			return true, nil
		}
		s.totals.offset += headerBytes
		defer func() { s.totals.offset -= headerBytes }()
	}
	if len(chunk) == 0 {
		return false, s.broken(&formatError{text: "batch is empty"})
	}
	active := s.window.active()
	if chunk[0] == evEndOfGeneration {
		switch {
		case len(chunk) != 1:
			return false, s.broken(&formatError{text: "unexpected end of generation in batch of size >1", offset: 1})
		case !s.inBand:
			return false, s.broken(&formatError{text: "unexpected end of generation in a trace of before Go 1.26"})
		case active == nil:
			return false, s.broken(&formatError{text: "broken trace: end of a generation that has no batch"})
		}
		if err := s.appendLocked(active, chunk, run{}); err != nil {
			return false, err
		}
		return true, s.endLocked(active)
	}
	header, bad := parseBatch(chunk)
	if bad != nil {
		return false, s.broken(bad)
	}
	if active != nil && header.generation != active.number {
		if s.inBand {
			return false, s.broken(&formatError{fmt.Sprintf("broken trace: batch of generation %d before the end of generation %d", header.generation, active.number), 1, header.generation})
		}
		if header.generation != active.number+1 {
			return false, s.broken(&formatError{fmt.Sprintf("broken trace: generation %d follows generation %d", header.generation, active.number), 1, header.generation})
		}
		if err := s.endLocked(active); err != nil {
			return false, err
		}
		deliver, active = true, nil
	}
	if active == nil {
		if s.newest != 0 && header.generation != s.newest+1 {
			return deliver, s.broken(&formatError{fmt.Sprintf("broken trace: generation %d follows generation %d", header.generation, s.newest), 1, header.generation})
		}
		active = s.window.begin(header.generation)
	}
	if header.time != 0 && (active.minTime == 0 || header.time < active.minTime) {
		active.minTime = header.time
	}
	frequency := frequencyIn(chunk, header.payload)
	if frequency != 0 {
		active.frequency = frequency
	}
	active.batches++
	s.totals.batches++
	if err := s.appendLocked(active, chunk, run{minTime: header.time, frequency: frequency, batches: 1}); err != nil {
		return deliver, err
	}
	if active.asked == 0 && s.largeEnough(active.written) {
		active.asked = active.written
		s.totals.earlyAdvances++
		s.requestAdvance()
	}
	return deliver || s.options.deliverBytes != 0 && s.waiting >= s.options.deliverBytes, nil
}

// appendLocked stores a chunk and notes what the consumer is to know of it.
func (s *session) appendLocked(active *generation, chunk []byte, r run) error {
	r.generation, r.bytes = active.number, uint64(len(chunk))
	s.totals.bytes += r.bytes
	active.written += r.bytes
	if s.options.flags&optionChunks != 0 {
		if err := s.boundQueueLocked(active, r.bytes); err != nil || active.lost {
			return err
		}
		data, err := s.consumer.copyChunk(chunk)
		if err != nil {
			return err
		}
		r.data = data
		active.bytes += r.bytes
	} else {
		gone, err := s.window.append(active, chunk)
		if err != nil {
			return fmt.Errorf("no memory for trace data: %w", err)
		}
		if gone != 0 {
			if err := s.dropLocked(gone); err != nil {
				return err
			}
		}
		if active.lost {
			return nil
		}
	}
	s.noteLocked(r)
	return nil
}

// boundQueueLocked, with optionChunks, drops the oldest whole generations that wait until n more
// bytes fit below the ceiling, and if that is not enough the active one: it is lost.
func (s *session) boundQueueLocked(active *generation, n uint64) error {
	for !active.lost && s.options.windowLimit != 0 {
		queued, _ := s.consumer.stats()
		if total := queued + s.waiting + n; total <= s.options.windowLimit {
			s.window.peak = max(s.window.peak, total)
			return nil
		}
		if err := s.pushLocked(); err != nil {
			return err
		}
		oldest := s.consumer.oldest()
		if oldest == 0 { // nothing waits whole
			if s.window.soft {
				return nil
			}
			oldest, active.lost = active.number, true
		}
		if err := s.dropLocked(oldest); err != nil {
			return err
		}
	}
	return nil
}

// noteLocked adds a run to those that are to be pushed; it becomes part of the last one where that
// says the same.
func (s *session) noteLocked(r run) {
	s.waiting += r.bytes
	if n := len(s.pending); n > 0 && r.data == nil {
		last := &s.pending[n-1]
		if last.generation == r.generation && last.data == nil && last.flags == 0 {
			last.bytes += r.bytes
			last.batches += r.batches
			if r.minTime != 0 && (last.minTime == 0 || r.minTime < last.minTime) {
				last.minTime = r.minTime
			}
			if r.frequency != 0 {
				last.frequency = r.frequency
			}
			last.overhead = r.overhead
			last.flags = r.flags
			return
		}
	}
	s.pending = append(s.pending, r)
}

// pushLocked hands all noted runs to the consumer.
func (s *session) pushLocked() error {
	if len(s.pending) == 0 {
		return nil
	}
	err := s.consumer.push(s.pending)
	if err == nil {
		s.pushed += uint64(len(s.pending))
		s.pending, s.waiting = s.pending[:0], 0
	}
	return err
}

// dropLocked lets the consumer know, when it wakes next, that every generation up to number has left
// the window.
func (s *session) dropLocked(number uint64) error {
	if len(s.pending) > 0 && s.pending[0].generation <= number {
		if err := s.pushLocked(); err != nil {
			return err
		}
	}
	unfinished, err := s.consumer.drop(number)
	if err == nil {
		s.totals.dropped += unfinished // the consumer never had all of them
		s.pushed++
	}
	return err
}

// endLocked completes the active generation.
func (s *session) endLocked(g *generation) error {
	if g.frequency == 0 {
		return s.broken(&formatError{text: fmt.Sprintf("broken trace: failed to find frequency event in generation %d", g.number), generation: g.number})
	}
	s.totals.generations++
	s.newest = g.number
	if g.asked != 0 {
		s.overhead = (3*s.overhead + g.overhead()) / 4
	}
	if g.lost {
		s.window.dropNewest()
		s.totals.dropped++
		s.noteLocked(run{generation: g.number, overhead: g.overhead(), flags: runDropped})
		return nil
	}
	g.finish()
	s.window.release(s.consumer.released())
	s.noteLocked(run{generation: g.number, overhead: g.overhead(), flags: runEnds})
	if s.options.flags&optionChunks != 0 {
		s.window.dropNewest() // the consumer has the data
	}
	return nil
}

// broken makes an offset within the chunk one within the stream.
func (s *session) broken(e *formatError) error {
	e.offset += s.totals.offset
	if g := s.window.active(); e.generation == 0 && g != nil {
		e.generation = g.number
	}
	return e
}

// fail ends the recording for an error; the trace is stopped behind the reader's back, because
// stopping waits for the reader.
func (s *session) fail(err error) {
	s.finish(err)
	if s.options.flags&optionReplay == 0 {
		go s.stop()
	}
}

// finish ends the session: what comes afterwards is thrown away. The first error counts.
func (s *session) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over = true
	if active := s.window.active(); err == nil && active != nil && !s.inBand && active.frequency != 0 {
		err = s.endLocked(active) // before Go 1.26 nothing in the stream says so
	}
	if late := s.pushLocked(); err == nil {
		err = late
	}
	s.err = err
	s.foreign = errors.Is(err, errForeignStop)
	close(s.ended)
	s.consumer.end()
	s.collectLocked() // from now on whoever lets go says so
}

// stop turns tracing off and returns once every batch has been written, and nobody uses the
// consumer any more.
func (s *session) stop() {
	s.stopOnce.Do(func() {
		s.stopping.Store(true)
		s.mu.Lock()
		foreign := s.foreign
		s.mu.Unlock()
		if !foreign && s.options.flags&optionReplay == 0 {
			if s.reads() {
				s.turns.begin() // for it advances, too
				trace.Stop()
				s.turns.end()
			} else {
				s.finish(errForeignStop)
			}
		}
		s.finish(nil)
		<-s.retired
	})
}

// reads says whether the trace that runs is still ours: every advance brings its reader something.
func (s *session) reads() bool {
	s.mu.Lock()
	before := s.totals.offset
	s.mu.Unlock()
	s.turns.begin()
	runtime_traceAdvance(false)
	s.turns.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over || s.totals.offset != before
}

// flush asks for the flush that the consumer's side wants, and does not wait for it.
func (s *session) flush() {
	if s.options.flags&optionReplay != 0 {
		s.answerFlush(atomic.LoadUint64(&s.words.flushWanted))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noticeFlushLocked()
}

// noticeFlushLocked asks for an advance if a flush is wanted that nobody has asked one for.
func (s *session) noticeFlushLocked() {
	if wanted := atomic.LoadUint64(&s.words.flushWanted); wanted > atomic.LoadUint64(&s.words.flushSeen) {
		atomic.StoreUint64(&s.words.flushSeen, wanted)
		s.requestAdvance()
	}
}

const (
	// restPerGoroutine is what there shall be of time between an advance and the next one that is
	// asked for by size, for each goroutine. An advance takes about a quarter of that, and each
	// writes what the goroutines say of themselves: if that alone is more than the size, one
	// advance would lead to the next.
	restPerGoroutine = 2 * time.Microsecond

	// restPerAdvance is the same in lengths of an advance. They take long when threads of others, of
	// Python say, want the CPU too: an advance waits for every thread that is just writing an event,
	// whether or not it runs.
	restPerAdvance = 20

	// leastRestPerGoroutine is what there must be: as long as the advance itself takes.
	leastRestPerGoroutine = restPerGoroutine / 4
)

// largeEnough says whether a generation of so many bytes is to be ended early.
func (s *session) largeEnough(bytes uint64) bool {
	size := atomic.LoadUint64(&s.words.advanceBytes)
	return size != 0 && bytes >= size &&
		s.rested(bytes, time.Duration(monotonicNow()-s.served.Load()), runtime.NumGoroutine())
}

// rested says whether the last advance has been long enough ago for another one: less long if the
// window would otherwise soon be one generation and little else.
func (s *session) rested(bytes uint64, rest time.Duration, goroutines int) bool {
	all := time.Duration(goroutines)
	if rest >= max(all*restPerGoroutine, restPerAdvance*time.Duration(s.took.Load())) {
		return true
	}
	limit := s.window.limit
	return limit != 0 && bytes+s.overhead >= limit/20*9 && rest >= all*leastRestPerGoroutine
}

// serve ends the active generation, and answers the flush that was wanted when it began.
func (s *session) serve() {
	s.mu.Lock()
	wanted := atomic.LoadUint64(&s.words.flushWanted)
	atomic.StoreUint64(&s.words.flushSeen, wanted)
	before := s.totals.generations
	s.mu.Unlock()
	flushes := wanted > s.flushDone.Load()
	began := monotonicNow()
	runtime_traceAdvance(false)
	ended := monotonicNow()
	s.served.Store(ended)
	s.took.Store((3*s.took.Load() + ended - began) / 4)
	s.mu.Lock()
	inBand := s.inBand
	s.mu.Unlock()
	if flushes && !inBand { // complete only once the next generation's first batch is seen
		runtime_traceAdvance(false)
	}
	s.mu.Lock()
	lost := (flushes || inBand) && s.totals.generations == before && !s.over
	s.mu.Unlock()
	if lost && !s.stopping.Load() { // the trace goes on without us, or not at all
		s.finish(errForeignStop)
	}
	if flushes {
		s.answerFlush(wanted)
	}
}

// answerFlush pushes all that is known, holds it, and says so. Who asked for the flush gets the
// holdings: to take hold itself it would have to enter Go, which can take long, and by then the
// window may have moved on.
func (s *session) answerFlush(number uint64) {
	s.mu.Lock()
	err := s.pushLocked()
	runs := s.pushed
	var holdings unsafe.Pointer
	if err == nil {
		holdings, err = s.holdLocked(s.window.pinAll())
	}
	s.mu.Unlock()
	if err != nil {
		s.fail(err)
		return
	}
	s.flushDone.Store(number)
	s.consumer.flushed(number, runs, holdings)
}

// outcome returns the first error, errEnded after an ordinary end, or nil while it goes on.
func (s *session) outcome() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if s.over {
		return errEnded
	}
	return nil
}

// requestAdvance asks for the end of the active generation and does not wait for it. The caller
// holds the lock.
func (s *session) requestAdvance() {
	if s.over { // nobody would serve it
		return
	}
	select {
	case s.advance <- struct{}{}:
		s.turns.begin()
	default: // one is asked for already
	}
}

// hold keeps the generations from first to last that are in the window in place.
func (s *session) hold(first, last uint64) (unsafe.Pointer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collectLocked()
	pinned := s.window.pinRange(first, last)
	if len(pinned) == 0 {
		return nil, fmt.Errorf("%w: the window has none of the generations %d to %d", errUnknown, first, last)
	}
	return s.holdLocked(pinned)
}

// holdLocked makes the list of holdings of generations that are pinned for it; if there is no memory
// for it, they are pinned no more.
func (s *session) holdLocked(pinned []*generation) (holdings unsafe.Pointer, err error) {
	var segments []segment
	for i := len(pinned) - 1; i >= 0; i-- {
		segments = segments[:0]
		for _, b := range pinned[i].blocks {
			segments = append(segments, segment{unsafe.Pointer(unsafe.SliceData(b.memory)), uintptr(b.used)})
		}
		held, err := s.consumer.hold(pinned[i].number, segments, holdings)
		if err != nil {
			for _, g := range pinned { // those that were made are lost
				s.window.unpin(g.number)
			}
			return nil, err
		}
		holdings = held
	}
	return holdings, nil
}

// collect unpins what holders have let go of.
func (s *session) collect(handle uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := sessions.get(handle); ok { // not forgotten meanwhile
		s.collectLocked()
		s.forgetLocked(handle)
	}
}

func (s *session) collectLocked() {
	for number := s.consumer.letGo(); number != 0; number = s.consumer.letGo() {
		s.window.unpin(number)
		s.collected++
	}
}

// headerVersion returns the minor version in a trace's header, 0 if it is not such a header.
func headerVersion(header []byte) int {
	text, isGo := strings.CutPrefix(string(header[:headerBytes]), "go 1.")
	digits, rest, _ := strings.Cut(text, " ")
	minor, err := strconv.ParseUint(digits, 10, 16)
	if !isGo || err != nil || strings.TrimRight(rest, "\x00") != "trace" {
		return 0
	}
	return int(minor)
}
