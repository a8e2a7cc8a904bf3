package gobridge

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A stream takes the chunks of a trace, checks them, and makes generations of them for its windows.
// The trace reader calls Write; any other goroutine may call the rest.
type stream struct {
	nativeStream
	wanted chan struct{} // somebody has something to ask: a flush, an early end, the end of a session
	seen   uint64        // requests that were passed on; the trace reader's own

	chunks atomic.Uint64 // that came, whatever became of them

	mu         sync.Mutex
	windows    []window
	active     *generation // nil between two of them
	pace       pace
	advancedAt uint64       // when an advance of ours ended last, by monotonicNow
	newest     uint64       // the last generation that was completed; 0 if none was
	offset     int64        // of the next chunk in the trace
	header     *traceHeader // nil before it came
	inBand     bool         // the trace itself marks a generation's end (Go 1.26 and later)
	over       bool         // nothing more is recorded
	err        error        // the first one
}

// A traceHeader is what a trace begins with: "go 1.26 trace" and 0 bytes.
type traceHeader [headerBytes]byte

// broken is the error of a chunk that is not a trace's.
func (s *stream) broken(e formatError) error {
	e.offset += s.offset
	if e.generation == 0 && s.active != nil {
		e.generation = s.active.number
	}
	return &e
}

// ask says that there is something to do for whoever receives from wanted, and never waits.
func (s *stream) ask() {
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

// take takes one chunk of runtime.ReadTrace: the header, one whole batch, or the end of a
// generation. It copies and never waits for a consumer.
func (s *stream) take(chunk []byte) error {
	s.chunks.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return nil
	}
	if requests := load(&s.at.requests); requests != s.seen {
		s.seen = requests
		s.ask()
	}
	err := s.takeLocked(chunk)
	s.offset += int64(len(chunk))
	return err
}

func (s *stream) takeLocked(chunk []byte) error {
	if s.header == nil {
		if len(chunk) < headerBytes {
			return s.broken(formatError{text: fmt.Sprintf("expected at least %d bytes in the first write, got %d", headerBytes, len(chunk))})
		}
		header := traceHeader(chunk)
		s.header = &header
		s.inBand = header.version() >= 26
		add(&s.at.total_bytes, headerBytes)
		if chunk = chunk[headerBytes:]; len(chunk) == 0 {
			return nil
		}
		s.offset += headerBytes
		defer func() { s.offset -= headerBytes }()
	}
	switch {
	case len(chunk) == 0: // harmless in Go's own recorders, too
		return nil
	case chunk[0] == evEndOfGeneration:
		return s.takeEndLocked(chunk)
	}
	return s.takeBatchLocked(chunk)
}

func (s *stream) takeEndLocked(chunk []byte) error {
	switch {
	case len(chunk) != 1:
		return s.broken(formatError{text: "unexpected end of generation in batch of size >1", offset: 1})
	case !s.inBand:
		return s.broken(formatError{text: "unexpected end of generation in a trace from before Go 1.26"})
	case s.active == nil:
		return s.broken(formatError{text: "broken trace: end of a generation that has no batch"})
	}
	if err := s.appendLocked(chunk); err != nil {
		return err
	}
	return s.endGenerationLocked()
}

func (s *stream) takeBatchLocked(chunk []byte) error {
	header, bad := parseBatch(chunk)
	if bad != nil {
		return s.broken(*bad)
	}
	follows := s.newest
	if s.active != nil && header.generation != s.active.number {
		if s.inBand {
			return s.broken(formatError{fmt.Sprintf("broken trace: batch of generation %d before the end of generation %d", header.generation, s.active.number), 1, header.generation})
		}
		if follows = s.active.number; header.generation == nextGeneration(follows) {
			if err := s.endGenerationLocked(); err != nil {
				return err
			}
		}
	}
	if s.active == nil || header.generation != s.active.number {
		if follows != 0 && header.generation != nextGeneration(follows) {
			return s.broken(formatError{fmt.Sprintf("broken trace: generation %d follows generation %d", header.generation, follows), 1, header.generation})
		}
		s.active = &generation{number: header.generation}
	}
	g := s.active
	if header.time != 0 && (g.minTime == 0 || header.time < g.minTime) {
		g.minTime = header.time
	}
	if frequency := frequencyIn(chunk, header.payload); frequency != 0 {
		g.frequency = frequency
	}
	g.batches++
	add(&s.at.total_batches, 1)
	if err := s.appendLocked(chunk); err != nil {
		return err
	}
	if size := load(&s.at.advance_bytes); size != 0 && g.asked == 0 && g.written >= size {
		rest := time.Duration(monotonicNow() - s.advancedAt)
		if s.pace.due(g.written, rest, runtime.NumGoroutine()) {
			g.asked = g.written
			add(&s.at.early_advances, 1)
			s.ask()
		}
	}
	return nil
}

// nextGeneration returns the number after a generation's (traceNextGen in runtime/trace.go: the
// first numbers mean something else to it).
func nextGeneration(number uint64) uint64 {
	const largest = ^uint64(0)
	if number == largest {
		return 4
	}
	return number + 1
}

// appendLocked adds a chunk to the active generation, and evicts what it leaves no room for.
func (s *stream) appendLocked(chunk []byte) error {
	g, n := s.active, uint64(len(chunk))
	add(&s.at.total_bytes, n)
	wanted := false
	for _, w := range s.windows {
		wanted = w.makeRoom(g.number, g.bytes+n) || wanted
	}
	if !wanted && !g.unwanted {
		g.unwanted = true
		g.free()
	}
	return g.append(chunk)
}

// endGenerationLocked completes the active generation.
func (s *stream) endGenerationLocked() error {
	g := s.active
	if g.frequency == 0 {
		return s.broken(formatError{text: fmt.Sprintf("broken trace: failed to find frequency event in generation %d", g.number), generation: g.number})
	}
	s.active = nil
	s.newest = g.number
	if g.asked != 0 {
		s.pace.learn(g.overhead())
		s.setPaceLocked()
	}
	add(&s.at.total_generations, 1)
	return g.finish(*s.header, runtime_traceClockNow(), s.windows)
}

// removeLocked ends a window's part. Its session has ended for this reason, nil if it was stopped.
func (s *stream) removeLocked(w window, why error) {
	s.windows = slices.DeleteFunc(slices.Clone(s.windows), func(each window) bool { return each == w })
	s.setPaceLocked() // before whoever waits for the end learns of it
	w.end(why)
	w.put()
}

// setPaceLocked makes the smallest size that a window asks for the one that generations are ended for.
func (s *stream) setPaceLocked() {
	s.pace.maxBytes, s.pace.ceiling = 0, 0
	for _, w := range s.windows {
		if size := uint64(w.at.max_bytes); size != 0 && (s.pace.maxBytes == 0 || size < s.pace.maxBytes) {
			s.pace.maxBytes, s.pace.ceiling = size, paceCeiling(size, uint64(w.at.ceiling))
		}
	}
	store(&s.at.advance_bytes, s.pace.size())
	store(&s.at.overhead_bytes, s.pace.overhead)
}

// finishLocked ends all windows: what comes afterwards is thrown away.
func (s *stream) finishLocked(err error) {
	if s.over {
		return
	}
	s.over = true
	if err == nil && s.active != nil && !s.inBand && s.active.frequency != 0 {
		err = s.endGenerationLocked() // before Go 1.26 nothing in the trace says so
	}
	if s.active != nil {
		s.active.free()
		s.active = nil
	}
	s.err = err
	for _, w := range s.windows {
		s.removeLocked(w, err)
	}
}

// version returns the minor version of Go's trace format, 0 if it is no such header.
func (h traceHeader) version() int {
	text, isGo := strings.CutPrefix(string(h[:]), "go 1.")
	digits, rest, _ := strings.Cut(text, " ")
	minor, err := strconv.ParseUint(digits, 10, 16)
	if !isGo || err != nil || strings.TrimRight(rest, "\x00") != "trace" {
		return 0
	}
	return int(minor)
}
