package gobridge

import (
	"testing"
	"testing/quick"
	"time"
)

const mib = 1 << 20

func TestSizeIsAFifth(t *testing.T) {
	for _, c := range []struct {
		p    pace
		want uint64
	}{
		{pace{}, 0},
		{pace{maxBytes: 10 * mib}, 2 * mib},
		{pace{maxBytes: 10 * mib, ceiling: 12 * mib}, 2 * mib},
		{pace{maxBytes: 10 * mib, ceiling: 12 * mib, overhead: 1 << 10}, 2*mib - 1<<10},
		{pace{maxBytes: 10 * mib, ceiling: 12 * mib, overhead: 3 * mib / 2}, 3 * mib / 2},
		{pace{maxBytes: 1, ceiling: 5 * mib}, smallestGeneration},
	} {
		if got := c.p.size(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.p, got, c.want)
		}
	}
}

func TestSizeProperties(t *testing.T) {
	check := func(maxBytes, overhead uint32) bool {
		p := pace{maxBytes: uint64(maxBytes)%(1<<30) + 1, overhead: uint64(overhead) % (1 << 27)}
		p.ceiling = max(p.maxBytes, 4*mib) / 4 * 5
		size := p.size()
		switch {
		case size < smallestGeneration:
			return false
		case 4*p.overhead <= p.ceiling && size < p.overhead: // goroutines would end the next one
			return false
		case size == smallestGeneration:
			return true
		}
		return size+p.overhead <= p.ceiling && size+p.overhead <= max(p.maxBytes/5, 2*p.overhead)
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 100_000}); err != nil {
		t.Error(err)
	}
}

func TestDue(t *testing.T) {
	// With 1 MiB a third of the ceiling is 3 MiB of events.
	p := pace{maxBytes: 10 * mib, ceiling: 12 * mib, overhead: 1 * mib}
	small, pressing := p.size(), uint64(3*mib)
	for _, c := range []struct {
		advance, rest time.Duration
		goroutines    int
		bytes         uint64
		want          bool
	}{
		{0, time.Hour, 10, small - 1, false},
		{0, time.Millisecond, 10, small, true},
		{10 * time.Millisecond, 200 * time.Millisecond, 10, small, true},
		{10 * time.Millisecond, 199 * time.Millisecond, 10, small, false},
		{10 * time.Millisecond, 199 * time.Millisecond, 10, pressing - 1, false},
		{10 * time.Millisecond, 199 * time.Millisecond, 10, pressing, true},
		{10 * time.Millisecond, 4 * time.Microsecond, 10, 1 << 30, false},
		{time.Millisecond, 200 * time.Millisecond, 100_000, small, true},
		{time.Millisecond, 199 * time.Millisecond, 100_000, pressing - 1, false},
		{time.Millisecond, 50 * time.Millisecond, 100_000, pressing, true},
		{time.Millisecond, 49 * time.Millisecond, 100_000, pressing, false},
	} {
		p.advance = c.advance
		if got := p.due(c.bytes, c.rest, c.goroutines); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	p.ceiling = 0
	if p.due(1<<60, time.Millisecond, 1000) {
		t.Error("without a ceiling nothing presses")
	}
	p.maxBytes = 0
	if p.due(1<<60, time.Hour, 1) {
		t.Error("the runtime alone ends generations, and one was due")
	}
}

func TestSmooth(t *testing.T) {
	p := pace{}
	p.learn(400)
	if p.learn(800); p.overhead != 500 {
		t.Errorf("overhead %d", p.overhead)
	}
	p.advanced(8)
	if p.advanced(4); p.advance != 7 {
		t.Errorf("advance %d", p.advance)
	}
}
