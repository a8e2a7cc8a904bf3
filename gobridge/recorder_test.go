package gobridge

import (
	"bytes"
	"errors"
	"io"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

const (
	newHeader = "go 1.26 trace\x00\x00\x00"
	oldHeader = "go 1.22 trace\x00\x00\x00"
)

var endOfGeneration = []byte{evEndOfGeneration}

// A fakeConsumer is a queue that nobody takes from, but when a test does.
type fakeConsumer struct {
	mu      sync.Mutex
	header  [headerBytes]byte
	runs    []run
	pushes  int
	allowed uint64 // what released says
	ended   int
	freed   int
	fault   error

	shared   words
	answered atomic.Uint64 // number of the flush that was answered last
	held     [][]segment   // of each holding that was made
	numbers  []uint64      // of the holdings since the last flush
	gone     []uint64      // generations of those that are let go of
}

func (c *fakeConsumer) hold(number uint64, segments []segment, _ unsafe.Pointer) (unsafe.Pointer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil {
		return nil, c.fault
	}
	c.held = append(c.held, slices.Clone(segments))
	c.numbers = append(c.numbers, number)
	return unsafe.Pointer(&number), nil
}

// release does what queue.c does.
func (c *fakeConsumer) release(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = append(c.gone, number)
	atomic.AddUint64(&c.shared.letGo, 1)
}

func (c *fakeConsumer) letGo() (number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.gone) > 0 {
		number, c.gone = c.gone[0], c.gone[1:]
	}
	return number
}

func (c *fakeConsumer) words() *words { return &c.shared }

// flushed lets go of what the flush holds.
func (c *fakeConsumer) flushed(number, _ uint64, _ unsafe.Pointer) {
	for _, held := range c.numbers {
		c.release(held)
	}
	c.numbers = nil
	c.answered.Store(number)
}

// flush does what queue.c does, without the queue.
func (c *fakeConsumer) flush(t *testing.T, s *session) error {
	t.Helper()
	number := atomic.AddUint64(&c.shared.flushWanted, 1)
	s.flush()
	for deadline := time.Now().Add(time.Minute); c.answered.Load() < number; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("the flush is not answered")
		}
		if err := s.outcome(); err != nil {
			return err
		}
	}
	return s.outcome()
}

func (c *fakeConsumer) keepHeader(header []byte) unsafe.Pointer {
	copy(c.header[:], header)
	return unsafe.Pointer(&c.header)
}

func (c *fakeConsumer) copyChunk(chunk []byte) (unsafe.Pointer, error) {
	return unsafe.Pointer(unsafe.SliceData(bytes.Clone(chunk))), c.fault
}

func (c *fakeConsumer) push(runs []run) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushes++
	c.runs = append(c.runs, runs...)
	return c.fault
}

func (c *fakeConsumer) drop(generation uint64) (unfinished uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := []run{{generation: generation, flags: runDropped}}
	for _, r := range c.runs {
		switch {
		case r.flags&runHeader != 0:
			kept = append([]run{r}, kept...)
		case r.generation > generation:
			kept = append(kept, r)
		case r.flags&runEnds != 0:
			unfinished++
		}
	}
	c.runs = kept
	return unfinished, c.fault
}

func (c *fakeConsumer) oldest() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		if r.flags&runEnds != 0 {
			return r.generation
		}
	}
	return 0
}

func (c *fakeConsumer) released() uint64 { return c.allowed }

func (c *fakeConsumer) end() { c.ended++ }

func (c *fakeConsumer) stats() (queued, deliveries uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.runs {
		queued += r.bytes
	}
	return queued, 0
}

func (c *fakeConsumer) free() { c.freed++ }

// take returns what was pushed since the last take.
func (c *fakeConsumer) take() []run {
	c.mu.Lock()
	defer c.mu.Unlock()
	runs := c.runs
	c.runs = nil
	return runs
}

func replaySession(t *testing.T, options sessionOptions) (*session, *fakeConsumer) {
	t.Helper()
	check := baseline(t)
	c := &fakeConsumer{}
	options.flags |= optionReplay
	handle, err := openSession(options, c)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := sessions.get(handle)
	t.Cleanup(func() {
		closeSession(handle, s)
		if c.freed != 1 || c.ended != 1 {
			t.Errorf("the consumer was ended %d times and freed %d times", c.ended, c.freed)
		}
		if n := sessions.len(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		check()
	})
	return s, c
}

func feed(t *testing.T, s *session, chunks ...[]byte) {
	t.Helper()
	for _, chunk := range chunks {
		if n, err := s.Write(chunk); n != len(chunk) || err != nil {
			t.Fatalf("Write returned %d, %v: the trace reader would stop", n, err)
		}
	}
}

func wholeGeneration(number uint64, payload int) [][]byte {
	return [][]byte{
		testBatch(number, 10*number, -1, testFrequency(1000)),
		testBatch(number, 10*number+5, -1, make([]byte, payload)),
		endOfGeneration,
	}
}

func TestSessionRuns(t *testing.T) {
	s, c := replaySession(t, sessionOptions{})
	feed(t, s, []byte(newHeader))
	header := c.take()
	if len(header) != 1 || header[0].flags != runHeader || header[0].bytes != headerBytes || string(c.header[:]) != newHeader {
		t.Fatalf("the header came as %+v", header)
	}
	chunks := wholeGeneration(4, 100)
	feed(t, s, chunks[0], chunks[1])
	if runs := c.take(); len(runs) != 0 {
		t.Errorf("the consumer is told of a generation before its end: %+v", runs)
	}
	feed(t, s, chunks[2])
	runs := c.take()
	if len(runs) != 1 {
		t.Fatalf("the batches of a generation came as %d runs", len(runs))
	}
	want := run{
		generation: 4,
		bytes:      uint64(len(chunks[0]) + len(chunks[1]) + 1),
		batches:    2,
		minTime:    40,
		frequency:  1000,
		flags:      runEnds,
	}
	if runs[0] != want {
		t.Errorf("got %+v, want %+v", runs[0], want)
	}
}

func TestSessionOldStream(t *testing.T) {
	s, c := replaySession(t, sessionOptions{})
	feed(t, s, []byte(oldHeader))
	first, second := wholeGeneration(1, 10), wholeGeneration(2, 10)
	feed(t, s, first[0], first[1])
	c.take()
	feed(t, s, second[0])
	if runs := c.take(); len(runs) < 1 || runs[0].generation != 1 || runs[0].flags != runEnds {
		t.Errorf("the next generation's first batch does not end the one before: %+v", runs)
	}
	s.stop()
	runs := c.take()
	if len(runs) != 1 || runs[0].generation != 2 || runs[0].flags != runEnds {
		t.Errorf("the end of the trace does not end the last generation: %+v", runs)
	}
	if err := s.outcome(); !errors.Is(err, errEnded) {
		t.Errorf("outcome %v", err)
	}
}

func TestSessionDeliversByBytes(t *testing.T) {
	s, c := replaySession(t, sessionOptions{deliverBytes: 1000})
	feed(t, s, []byte(newHeader))
	c.take()
	feed(t, s, testBatch(1, 1, -1, make([]byte, 900)))
	if runs := c.take(); len(runs) != 0 {
		t.Errorf("delivered early: %+v", runs)
	}
	feed(t, s, testBatch(1, 2, -1, make([]byte, 100)))
	if runs := c.take(); len(runs) != 1 || runs[0].batches != 2 || runs[0].flags != 0 {
		t.Errorf("1000 bytes are not delivered: %+v", runs)
	}
}

func TestSessionChunks(t *testing.T) {
	s, c := replaySession(t, sessionOptions{flags: optionChunks})
	chunks := append([][]byte{[]byte(newHeader)}, wholeGeneration(1, 100)...)
	feed(t, s, chunks...)
	for i, r := range c.take() {
		if i == len(chunks) {
			if r.data != nil || r.flags != runEnds {
				t.Errorf("after the last chunk came %+v", r)
			}
			continue
		}
		if got := unsafe.Slice((*byte)(r.data), r.bytes); !bytes.Equal(got, chunks[i]) {
			t.Errorf("chunk %d came as %x", i, got)
		}
	}
	if s.window.bytes != 0 || len(s.window.generations) != 0 {
		t.Error("chunks are kept in the window as well")
	}
}

func TestSessionRefuses(t *testing.T) {
	good := wholeGeneration(1, 10)
	size := int64(headerBytes + len(good[0]) + len(good[1]) + 1)
	for _, test := range []struct {
		name   string
		chunks [][]byte
		text   string
		offset int64
	}{
		{"short header", [][]byte{[]byte("go 1.26")}, "expected at least 16 bytes", 0},
		{"empty", [][]byte{[]byte(newHeader), {}}, "batch is empty", 16},
		{"early end", [][]byte{[]byte(newHeader), endOfGeneration}, "has no batch", 16},
		{"long end", [][]byte{[]byte(newHeader), good[0], {evEndOfGeneration, 1}}, "size >1", 17 + int64(len(good[0]))},
		{"end in an old trace", [][]byte{[]byte(oldHeader), good[0], endOfGeneration}, "before Go 1.26", 16 + int64(len(good[0]))},
		{"no frequency", [][]byte{[]byte(newHeader), good[1], endOfGeneration}, "failed to find frequency event in generation 1", 16 + int64(len(good[1]))},
		{"no end", [][]byte{[]byte(newHeader), good[0], testBatch(2, 1, -1, nil)}, "before the end of generation 1", 17 + int64(len(good[0]))},
		{"gap", append([][]byte{[]byte(newHeader)}, append(good, testBatch(3, 1, -1, nil))...), "generation 3 follows generation 1", size + 1},
		{"repeated", append([][]byte{[]byte(newHeader)}, append(good, good[0])...), "generation 1 follows generation 1", size + 1},
		{"gap in an old trace", [][]byte{[]byte(oldHeader), good[0], testBatch(3, 1, -1, nil)}, "generation 3 follows generation 1", 17 + int64(len(good[0]))},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, c := replaySession(t, sessionOptions{})
			feed(t, s, test.chunks...)
			var format *formatError
			if err := s.outcome(); !errors.As(err, &format) {
				t.Fatalf("outcome %v", err)
			}
			if !strings.Contains(format.text, test.text) || format.offset != test.offset {
				t.Errorf("got %q at %d, want %q at %d", format.text, format.offset, test.text, test.offset)
			}
			if c.ended != 1 {
				t.Error("the consumer does not know that it is over")
			}
			before := s.totals
			feed(t, s, good[0])
			if s.totals != before {
				t.Error("what comes after an error is still taken")
			}
			s.fail(errors.New("later"))
			if !errors.As(s.outcome(), &format) {
				t.Error("the first error is not the one that is kept")
			}
		})
	}
}

func TestSessionKeepsTheCeiling(t *testing.T) {
	s, c := replaySession(t, sessionOptions{windowLimit: 1 << 20})
	feed(t, s, []byte(newHeader))
	for n := uint64(1); n <= 100; n++ {
		feed(t, s, wholeGeneration(n, 60<<10)...)
		if s.window.bytes > 1<<20 {
			t.Fatalf("%d bytes", s.window.bytes)
		}
	}
	if s.window.peak > 1<<20 {
		t.Errorf("peak %d", s.window.peak)
	}
	runs := c.take()
	if runs[0].flags != runHeader {
		t.Error("the header was dropped")
	}
	wait := uint64(0)
	for _, r := range runs[2:] {
		if r.flags&runEnds != 0 {
			wait++
		}
	}
	if runs[1].flags != runDropped || runs[1].generation+wait != 100 {
		t.Errorf("%d generations wait after all up to %d were dropped", wait, runs[1].generation)
	}
	if s.totals.dropped != runs[1].generation || s.totals.generations != 100 {
		t.Errorf("%d of %d generations are counted as dropped, want %d", s.totals.dropped, s.totals.generations, runs[1].generation)
	}
	if n := uint64(len(runs)); n > 3*wait+2 {
		t.Errorf("the queue has %d runs for %d generations", n, wait)
	}
}

func TestSessionBoundsTheQueueOfChunks(t *testing.T) {
	s, c := replaySession(t, sessionOptions{windowLimit: 1 << 20, flags: optionChunks})
	feed(t, s, []byte(newHeader))
	for n := uint64(1); n <= 100; n++ {
		feed(t, s, wholeGeneration(n, 60<<10)...)
		if queued, _ := c.stats(); queued+s.waiting > 1<<20 {
			t.Fatalf("%d bytes wait", queued+s.waiting)
		}
	}
	if s.totals.dropped < 80 || s.totals.dropped >= 100 {
		t.Errorf("%d generations dropped", s.totals.dropped)
	}
}

func TestSessionReleases(t *testing.T) {
	s, c := replaySession(t, sessionOptions{})
	feed(t, s, []byte(newHeader))
	for n := uint64(1); n <= 10; n++ {
		feed(t, s, wholeGeneration(n, 100)...)
		if n > 2 {
			c.allowed = n - 2
		}
	}
	if got := len(s.window.generations); got != 3 {
		t.Errorf("the window has %d generations, and the consumer wants 3", got)
	}
}

func TestSessionAsksForAnAdvance(t *testing.T) {
	s, c := replaySession(t, sessionOptions{advanceBytes: 1000})
	feed(t, s, []byte(newHeader))
	asked := func() bool {
		select {
		case <-s.advance:
			s.turns.end()
			return true
		default:
			return false
		}
	}
	feed(t, s, testBatch(1, 1, -1, testFrequency(5)), testBatch(1, 1, -1, make([]byte, 500)))
	if asked() {
		t.Error("asked too early")
	}
	feed(t, s, testBatch(1, 1, -1, make([]byte, 500)))
	if !asked() {
		t.Error("not asked at 1000 bytes")
	}
	feed(t, s, testBatch(1, 1, -1, make([]byte, 5000)))
	if asked() {
		t.Error("asked twice for one generation")
	}
	feed(t, s, endOfGeneration)
	runs := c.take()
	if last := runs[len(runs)-1]; last.bytes < 6000 || last.overhead < 5000 || last.overhead > 5100 {
		t.Errorf("the consumer is told of an overhead of %d in %d bytes", last.overhead, last.bytes)
	}
	atomic.StoreUint64(&c.shared.advanceBytes, 1<<20)
	feed(t, s, testBatch(2, 1, -1, make([]byte, 5000)))
	if asked() {
		t.Error("the new size does not count")
	}
	if s.totals.earlyAdvances != 1 {
		t.Errorf("%d early advances", s.totals.earlyAdvances)
	}
}

func TestAdvanceThatNobodyServes(t *testing.T) {
	for range 50 { // the advancer takes one of two ways
		s := newSession(sessionOptions{flags: optionReplay}, &fakeConsumer{})
		s.mu.Lock()
		s.requestAdvance()
		s.mu.Unlock()
		s.finish(nil)
		s.advanceLoop()
		s.mu.Lock()
		s.requestAdvance()
		s.mu.Unlock()
		if n := s.turns.advances.Load(); n != 0 {
			t.Fatalf("after the end %d advances are waited for", n)
		}
	}
}

func TestRestBetweenEarlyAdvances(t *testing.T) {
	s, _ := replaySession(t, sessionOptions{advanceBytes: 1000, windowLimit: 10000})
	s.overhead = 500 // with 4000 bytes it makes nine twentieths of the ceiling
	for _, c := range []struct {
		took, rest time.Duration
		goroutines int
		bytes      uint64
		want       bool
	}{
		{0, 0, 0, 1000, true},
		{10 * time.Millisecond, 200 * time.Millisecond, 10, 1000, true},
		{10 * time.Millisecond, 199 * time.Millisecond, 10, 1000, false},
		{10 * time.Millisecond, 199 * time.Millisecond, 10, 3999, false},
		{10 * time.Millisecond, 199 * time.Millisecond, 10, 4000, true},
		{10 * time.Millisecond, 4 * time.Microsecond, 10, 1 << 30, false},
		{time.Millisecond, 200 * time.Millisecond, 100_000, 1000, true},
		{time.Millisecond, 199 * time.Millisecond, 100_000, 3999, false},
		{time.Millisecond, 50 * time.Millisecond, 100_000, 4000, true},
		{time.Millisecond, 49 * time.Millisecond, 100_000, 4000, false},
	} {
		s.took.Store(uint64(c.took))
		if got := s.rested(c.bytes, c.rest, c.goroutines); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if s.largeEnough(999) || !s.largeEnough(1000) {
		t.Error("1000 bytes must be enough after a long time, and no less")
	}
	s.window.limit = 0
	if s.rested(1<<60, time.Millisecond, 1000) {
		t.Error("without a ceiling nothing presses")
	}
}

func TestSessionWithoutMemory(t *testing.T) {
	fault := errors.New("no memory")
	for name, flags := range map[string]uint32{"push": 0, "copy": optionChunks} {
		t.Run(name, func(t *testing.T) {
			s, c := replaySession(t, sessionOptions{flags: flags})
			feed(t, s, []byte(newHeader))
			c.fault = fault
			feed(t, s, wholeGeneration(1, 10)...)
			if err := s.outcome(); !errors.Is(err, fault) {
				t.Errorf("outcome %v", err)
			}
		})
	}
}

func TestSessionHolds(t *testing.T) {
	check := baseline(t)
	c := &fakeConsumer{}
	handle, err := openSession(sessionOptions{flags: optionReplay}, c)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := sessions.get(handle)
	feed(t, s, []byte(newHeader))
	feed(t, s, wholeGeneration(1, 100)...)
	c.fault = errors.New("no memory")
	if _, err := s.hold(1, 1); !errors.Is(err, c.fault) {
		t.Errorf("hold returned %v", err)
	}
	c.fault = nil
	if len(s.window.pinned) != 0 {
		t.Error("a hold that failed counts")
	}
	if _, err := s.hold(1, 9); err != nil {
		t.Fatal(err)
	}
	if _, err := s.hold(2, 9); !errors.Is(err, errUnknown) {
		t.Errorf("a hold of an unknown generation returned %v", err)
	}
	closeSession(handle, s)
	if _, ok := sessions.get(handle); !ok {
		t.Fatal("a closed session that is held is forgotten")
	}
	if *(*byte)(c.held[0][0].data) != evEventBatch {
		t.Error("the bytes that are held are gone")
	}
	c.release(1)
	s.collect(handle)
	if _, ok := sessions.get(handle); ok || c.freed != 1 {
		t.Error("letting go of the last holding does not forget a closed session")
	}
	s.collect(handle) // of somebody who was late: nothing more is done
	if c.freed != 1 {
		t.Error("the consumer is freed twice")
	}
	check()
}

func TestNextChunkCollects(t *testing.T) {
	s, c := replaySession(t, sessionOptions{})
	feed(t, s, []byte(newHeader))
	feed(t, s, wholeGeneration(1, 100)...)
	if _, err := s.hold(1, 1); err != nil {
		t.Fatal(err)
	}
	c.release(1)
	if len(s.window.pinned) != 1 {
		t.Fatal("a generation is held no more before anybody has collected")
	}
	feed(t, s, wholeGeneration(2, 100)[0])
	if len(s.window.pinned) != 0 {
		t.Error("the chunk after a release does not collect")
	}
}

// ---- the real tracer

func realSession(t *testing.T) (uint64, *session, *fakeConsumer) {
	t.Helper()
	if trace.IsEnabled() {
		t.Skip("the tests are traced themselves")
	}
	c := &fakeConsumer{}
	handle, err := openSession(sessionOptions{windowLimit: 16 << 20}, c)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := sessions.get(handle)
	return handle, s, c
}

func TestRealSession(t *testing.T) {
	for range 3 {
		handle, s, c := realSession(t)
		if !trace.IsEnabled() {
			t.Error("the program does not see that it is traced")
		}
		if _, err := openSession(sessionOptions{}, &fakeConsumer{}); !errors.Is(err, errSecondSession) {
			t.Errorf("a second session: %v", err)
		}
		ends := 0
		for range 3 {
			if err := c.flush(t, s); err != nil {
				t.Fatal(err)
			}
			for _, r := range c.take() {
				if r.flags&runEnds != 0 {
					ends++
				}
			}
		}
		if ends < 3 {
			t.Errorf("%d generations ended in 3 flushes", ends)
		}
		closeSession(handle, s)
		if err := s.outcome(); !errors.Is(err, errEnded) {
			t.Errorf("outcome %v", err)
		}
		if trace.IsEnabled() {
			t.Error("the program is still traced")
		}
	}
}

func TestRealSessionOfSomeoneElse(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("the tests are traced themselves")
	}
	if err := trace.Start(io.Discard); err != nil {
		t.Fatal(err)
	}
	_, err := openSession(sessionOptions{}, &fakeConsumer{})
	var conflict conflictError
	if !errors.As(err, &conflict) {
		t.Errorf("open returned %v", err)
	}
	trace.Stop()
	handle, s, _ := realSession(t)
	closeSession(handle, s)
}

func TestRealSessionStoppedBySomeoneElse(t *testing.T) {
	for name, notice := range map[string]func(s *session, c *fakeConsumer) error{
		"flush": func(s *session, c *fakeConsumer) error { return c.flush(t, s) },
		"stop":  func(s *session, _ *fakeConsumer) error { stopSession(s); return s.outcome() },
	} {
		for _, restarted := range []bool{false, true} {
			handle, s, c := realSession(t)
			if err := c.flush(t, s); err != nil {
				t.Fatal(err)
			}
			trace.Stop()
			if restarted {
				if err := trace.Start(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
			if err := notice(s, c); !errors.Is(err, errForeignStop) {
				t.Errorf("%s: %v", name, err)
			}
			closeSession(handle, s)
			if trace.IsEnabled() != restarted {
				t.Errorf("%s: the trace of the program is on: %v, want %v", name, trace.IsEnabled(), restarted)
			}
			trace.Stop()
		}
	}
}
