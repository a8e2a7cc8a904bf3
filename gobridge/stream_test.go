package gobridge

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	newHeader = "go 1.26 trace\x00\x00\x00"
	oldHeader = "go 1.22 trace\x00\x00\x00"
)

var endOfGeneration = []byte{evEndOfGeneration}

// nothingLeft returns a check that no session, generation or native memory is left that was not there.
func nothingLeft(t *testing.T) func() {
	trimBlocks()
	memory, sessions, generations := mappedBytes(), sessionCount(), generationCount()
	return func() {
		t.Helper()
		within(t, "everything is given back", func() bool {
			trimBlocks()
			return mappedBytes() == memory && sessionCount() == sessions && generationCount() == generations
		})
	}
}

func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// replayed returns a replay, its session's window and the handle. The test's end closes it.
func replayed(t *testing.T, options sessionOptions) (*tracer, window, uint64) {
	t.Helper()
	check := nothingLeft(t)
	options.flags |= optionReplay
	session, err := openSession(options)
	if err != nil {
		t.Fatal(err)
	}
	tr, _ := replays.get(session)
	w := tr.windows[0]
	t.Cleanup(func() {
		closeSession(session)
		<-tr.retired
		check()
	})
	return tr, w, session
}

func write(t *testing.T, tr *tracer, chunks ...[]byte) {
	t.Helper()
	for _, chunk := range chunks {
		if n, err := tr.Write(chunk); n != len(chunk) || err != nil {
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

func TestStreamRefuses(t *testing.T) {
	good := wholeGeneration(1, 10)
	size := int64(headerBytes + len(good[0]) + len(good[1]) + 1)
	for _, test := range []struct {
		name   string
		chunks [][]byte
		text   string
		offset int64
	}{
		{"short header", [][]byte{[]byte("go 1.26")}, "expected at least 16 bytes", 0},
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
			tr, _, session := replayed(t, sessionOptions{})
			write(t, tr, test.chunks...)
			err := feed(session, nil)
			var format *formatError
			if !errors.As(err, &format) {
				t.Fatalf("outcome %v", err)
			}
			if !strings.Contains(format.text, test.text) || format.offset != test.offset {
				t.Errorf("got %q at %d, want %q at %d", format.text, format.offset, test.text, test.offset)
			}
			before := load(&tr.at.total_bytes)
			write(t, tr, good[0])
			if load(&tr.at.total_bytes) != before {
				t.Error("what comes after an error is still taken")
			}
			tr.finish(errors.New("later"))
			if again := feed(session, nil); again != err {
				t.Error("the first error is not the one that is kept")
			}
		})
	}
}

func TestOldTraceEndsWithItsLastGeneration(t *testing.T) {
	tr, _, _ := replayed(t, sessionOptions{})
	write(t, tr, []byte(oldHeader))
	for n := uint64(1); n <= 2; n++ {
		chunks := wholeGeneration(n, 10)
		write(t, tr, chunks[0], chunks[1])
	}
	if n := load(&tr.at.total_generations); n != 1 {
		t.Errorf("%d generations are complete before the end", n)
	}
	tr.finish(nil)
	if n := load(&tr.at.total_generations); n != 2 {
		t.Errorf("%d generations are complete after the end", n)
	}
}

func TestWindowKeepsTheCeiling(t *testing.T) {
	tr, w, _ := replayed(t, sessionOptions{ceiling: 1 << 20})
	write(t, tr, []byte(newHeader))
	for n := uint64(1); n <= 100; n++ {
		for _, chunk := range wholeGeneration(n, 60<<10) {
			write(t, tr, chunk)
			if all := w.at.kept + w.at.active; all > 1<<20 {
				t.Fatalf("%d bytes", all)
			}
		}
	}
	if peak := w.at.peak; peak > 1<<20 || peak < 900<<10 {
		t.Errorf("peak %d", peak)
	}
}

// The active generation counts for each window that takes part in it, not only for the first.
func TestEveryWindowKeepsItsCeiling(t *testing.T) {
	tr, _, _ := replayed(t, sessionOptions{ceiling: 4 << 20})
	tr.mu.Lock()
	session, err := tr.addSession(sessionOptions{ceiling: 1 << 20})
	small := tr.windows[1]
	tr.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	defer closeSession(session)
	write(t, tr, []byte(newHeader))
	for n := uint64(1); n <= 40; n++ {
		for _, chunk := range wholeGeneration(n, 60<<10) {
			write(t, tr, chunk)
			if all := small.at.kept + small.at.active; all > 1<<20 {
				t.Fatalf("%d bytes", all)
			}
		}
	}
	if peak := small.at.peak; peak > 1<<20 || peak < 900<<10 {
		t.Errorf("peak %d", peak)
	}
}

// oneAndAHuge writes a generation, and two thirds more than the ceiling of the next.
func oneAndAHuge(t *testing.T, tr *tracer) {
	write(t, tr, []byte(newHeader))
	write(t, tr, wholeGeneration(1, 60<<10)...)
	write(t, tr, testBatch(2, 1, -1, testFrequency(1000)))
	for range 28 {
		write(t, tr, testBatch(2, 1, -1, make([]byte, 60<<10)))
	}
}

func TestNewestCompleteGenerationStays(t *testing.T) {
	tr, w, _ := replayed(t, sessionOptions{ceiling: 1 << 20})
	oneAndAHuge(t, tr)
	if kept := w.at.kept; kept < 60<<10 {
		t.Errorf("%d bytes are kept beside a huge active generation", kept)
	}
	write(t, tr, endOfGeneration)
	if kept := w.at.kept; kept < 28*60<<10 || kept > 29*60<<10 {
		t.Errorf("%d bytes are kept after a huge generation", kept)
	}
}

func TestStrictWindowLosesWhatDoesNotFit(t *testing.T) {
	tr, w, _ := replayed(t, sessionOptions{ceiling: 1 << 20, flags: optionStrict})
	oneAndAHuge(t, tr)
	if all := w.at.kept + w.at.active; all != 0 {
		t.Errorf("%d bytes of a generation that is lost", all)
	}
	write(t, tr, endOfGeneration)
	write(t, tr, wholeGeneration(3, 60<<10)...)
	if kept := w.at.kept; kept < 60<<10 {
		t.Error("the generation after one that was lost is not kept")
	}
	if peak := w.at.peak; peak > 1<<20 {
		t.Errorf("peak %d", peak)
	}
}

func TestEarlyEndIsAskedForOnce(t *testing.T) {
	tr, _, _ := replayed(t, sessionOptions{max_bytes: 1})
	write(t, tr, []byte(newHeader), testBatch(1, 1, -1, testFrequency(5)))
	full := make([]byte, 60<<10)
	for range 4 {
		write(t, tr, testBatch(1, 1, -1, full))
	}
	if n := load(&tr.at.early_advances); n != 0 {
		t.Errorf("asked %d times before the size", n)
	}
	for range 4 {
		write(t, tr, testBatch(1, 1, -1, full))
	}
	if n := load(&tr.at.early_advances); n != 1 {
		t.Errorf("asked %d times at the size", n)
	}
	write(t, tr, endOfGeneration)
	if n := load(&tr.at.overhead_bytes); n < 3*60<<10 || n > 4*60<<10 {
		t.Errorf("an overhead of %d bytes", n)
	}
}

func TestTheSmallestWindowSetsThePace(t *testing.T) {
	tr, w, _ := replayed(t, sessionOptions{max_bytes: 10 * mib})
	tr.mu.Lock()
	session, err := tr.addSession(sessionOptions{max_bytes: 5 * mib})
	second := tr.windows[len(tr.windows)-1]
	tr.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if size := load(&tr.at.advance_bytes); size != 1*mib {
		t.Errorf("generations of %d bytes", size)
	}
	store(&second.at.leaving, 1)
	tr.ask()
	within(t, "the second session leaves", func() bool { return load(&tr.at.advance_bytes) == 2*mib })
	closeSession(session)
	if tr.mu.Lock(); len(tr.windows) != 1 || tr.windows[0] != w {
		t.Error("the first session is not what is left")
	}
	tr.mu.Unlock()
}
