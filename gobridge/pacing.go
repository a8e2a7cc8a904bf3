package gobridge

import "time"

const (
	// smallestGeneration is what a generation has at least before it is ended early: four of the
	// largest batches.
	smallestGeneration = 4 * maxBatchBytes

	// smallestWindow is the size of the window that has the smallest ceiling (recording.py).
	smallestWindow = 16 * smallestGeneration

	// restPerGoroutine is the least time between an advance and the next one, for each
	// goroutine. An advance takes about a quarter of that, and in each all goroutines announce
	// themselves: if that alone is more than the size, one advance would lead to the next.
	restPerGoroutine = 2 * time.Microsecond

	// leastRestPerGoroutine is what there must be: as long as the advance itself takes.
	leastRestPerGoroutine = restPerGoroutine / 4

	// restPerAdvance is the same in lengths of an advance: advances take at most a twentieth of the
	// time. They are slow while other threads, Python's say, want the CPU too: an advance waits for
	// every thread that is just writing an event, whether or not it runs.
	restPerAdvance = 20
)

// A pace decides when generations are ended early, by their size. It is about the smallest window.
type pace struct {
	maxBytes uint64 // 0: generations end when the runtime ends them
	ceiling  uint64 // 0 for none

	overhead uint64        // what generations grow by after their end was asked for, smoothed
	advance  time.Duration // how long an advance takes, smoothed
}

// paceCeiling returns the ceiling to keep the pace for. A session may ask for smaller generations than
// its window needs, because its file is rotated: then it is the ceiling of a window of that size.
func paceCeiling(maxBytes, ceiling uint64) uint64 {
	return min(ceiling, max(maxBytes, smallestWindow)/4*5)
}

// size is how large generations are to be. A fifth of the window, so that whole generations can leave
// it while it stays full and below a ceiling of 1.25 times its size. What generations grow by after
// their end was asked for comes off that: every goroutine announces itself, stacks and strings are
// written. With so many goroutines that this is most of the fifth, a generation still gets as many
// bytes of events, or the runtime would do little else than advance; but two such generations must
// fit below the ceiling, or else one. What the goroutines announce must not end the next generation,
// so a size is not less than that, up to a quarter of the ceiling.
func (p pace) size() uint64 {
	if p.maxBytes == 0 {
		return 0
	}
	size := max(less(p.maxBytes/5, p.overhead), p.overhead)
	if p.ceiling != 0 {
		fits := less(p.ceiling/2, p.overhead)
		if fits < smallestGeneration {
			fits = less(p.ceiling, p.overhead*5/4)
		}
		size = max(min(size, fits), min(p.overhead, p.ceiling/4, less(p.ceiling, p.overhead)))
	}
	return max(size, smallestGeneration)
}

// due says whether a generation of so many bytes is to be ended, when the last advance was so long
// ago. It is put off while advances would take too much of the time, until the generation and what
// it will yet grow by are a third of the ceiling: the window loses whole generations, and is to stay
// full.
func (p pace) due(bytes uint64, rest time.Duration, goroutines int) bool {
	size := p.size()
	if size == 0 || bytes < size {
		return false
	}
	all := time.Duration(goroutines)
	if rest >= max(all*restPerGoroutine, restPerAdvance*p.advance) {
		return true
	}
	return p.ceiling != 0 && bytes+p.overhead >= p.ceiling/3 && rest >= all*leastRestPerGoroutine
}

// learn takes note of a generation that was ended early and grew by so much after that.
func (p *pace) learn(overhead uint64) { p.overhead = smooth(p.overhead, overhead) }

// advanced takes note of how long an advance took.
func (p *pace) advanced(took time.Duration) { p.advance = smooth(p.advance, took) }

// smooth moves a quarter of the way from old to new; from 0, all of it.
func smooth[T uint64 | time.Duration](old, new T) T {
	if old == 0 {
		return new
	}
	return (3*old + new) / 4
}

// less subtracts, down to 0.
func less(a, b uint64) uint64 { return a - min(a, b) }
