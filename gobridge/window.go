package gobridge

import "slices"

// A generation is one generation of the trace: its batches as they came, in native memory.
type generation struct {
	number    uint64
	bytes     uint64
	batches   uint64
	minTime   uint64 // smallest batch time, trace clock units; 0 before the first
	frequency uint64 // trace clock units per second; 0 until its event was seen
	asked     uint64 // its size when an early advance was asked for, 0 if none was
	written   uint64 // bytes it was given, whether or not it still has them
	complete  bool
	lost      bool // it outgrew the ceiling by itself, and what it had is gone
	blocks    []*block
	pins      int  // snapshots that hold it
	left      bool // no longer in the window: goes when the last pin does
}

// overhead is what the generation grew by after an early advance was asked for, 0 if none was.
func (g *generation) overhead() uint64 {
	if g.asked == 0 {
		return 0
	}
	return g.written - g.asked
}

// append copies one chunk to the end of the generation.
func (g *generation) append(chunk []byte) error {
	last := len(g.blocks) - 1
	if last < 0 || len(g.blocks[last].memory)-g.blocks[last].used < len(chunk) {
		b, err := blocks.get()
		if err != nil {
			return err
		}
		g.blocks = append(g.blocks, b)
		last++
	}
	b := g.blocks[last]
	b.used += copy(b.memory[b.used:], chunk)
	g.bytes += uint64(len(chunk))
	return nil
}

// finish marks the generation as complete; nothing is appended any more.
func (g *generation) finish() {
	g.complete = true
	if last := len(g.blocks) - 1; last >= 0 {
		g.blocks[last] = blocks.shrink(g.blocks[last])
	}
}

func (g *generation) free() {
	for _, b := range g.blocks {
		blocks.put(b)
	}
	g.blocks = nil
}

// A window is what a session keeps: complete generations, oldest first, and the active one. The
// policy, which generations to keep, is the consumer's (release); the window itself only holds
// the ceiling. It has no lock of its own.
type window struct {
	generations []*generation
	pinned      map[uint64]*generation
	bytes       uint64
	peak        uint64
	limit       uint64 // ceiling for bytes, 0 for none
	soft        bool   // the active and the newest complete generation may outgrow the ceiling
}

// active returns the generation that grows, or nil between two of them.
func (w *window) active() *generation {
	if n := len(w.generations); n > 0 && !w.generations[n-1].complete {
		return w.generations[n-1]
	}
	return nil
}

// begin adds a new active generation.
func (w *window) begin(number uint64) *generation {
	g := &generation{number: number}
	w.generations = append(w.generations, g)
	return g
}

// append adds a chunk to the active generation, after it made room for it: it returns the number
// of the newest generation that had to go, 0 if none had to.
func (w *window) append(g *generation, chunk []byte) (gone uint64, err error) {
	gone = w.makeRoom(uint64(len(chunk)))
	if g.lost {
		return gone, nil
	}
	if err := g.append(chunk); err != nil {
		return gone, err
	}
	w.bytes += uint64(len(chunk))
	w.peak = max(w.peak, w.bytes)
	return gone, nil
}

// makeRoom drops the oldest generations until n more bytes fit below the ceiling. A generation that
// does not fit alone is lost: the ceiling comes before everything else.
func (w *window) makeRoom(n uint64) (gone uint64) {
	for w.limit != 0 && w.bytes+n > w.limit && len(w.generations) > 0 {
		g := w.generations[0]
		switch {
		case w.soft && (!g.complete || len(w.generations) == 1 || !w.generations[1].complete):
			return gone // the newest complete generation stays as well
		case g.complete:
			gone = g.number
			w.dropOldest()
		case g.lost:
			return gone
		default:
			w.bytes -= g.bytes
			g.bytes = 0
			g.lost = true
			g.free()
			return g.number
		}
	}
	return gone
}

// release drops every complete generation up to and including number.
func (w *window) release(number uint64) {
	for len(w.generations) > 0 && w.generations[0].complete && w.generations[0].number <= number {
		w.dropOldest()
	}
}

func (w *window) dropOldest() {
	g := w.generations[0]
	w.generations = append(w.generations[:0], w.generations[1:]...)
	w.bytes -= g.bytes
	g.left = true
	if g.pins == 0 {
		g.free()
	}
}

// dropNewest drops the newest generation, which must be lost or hold nothing.
func (w *window) dropNewest() {
	last := len(w.generations) - 1
	w.generations[last] = nil
	w.generations = w.generations[:last]
}

// pin keeps a complete generation's memory in place until unpin, whether or not it stays in the
// window. It returns nil if the window no longer has it.
func (w *window) pin(number uint64) *generation {
	g := w.pinned[number]
	if g == nil {
		for _, candidate := range w.generations {
			if candidate.number == number && candidate.complete {
				g = candidate
			}
		}
	}
	if g == nil {
		return nil
	}
	if w.pinned == nil {
		w.pinned = make(map[uint64]*generation)
	}
	w.pinned[number] = g
	g.pins++
	return g
}

// pinAll pins all complete generations, and returns them in order.
func (w *window) pinAll() []*generation {
	var pinned []*generation
	for _, g := range w.generations {
		if g.complete {
			pinned = append(pinned, w.pin(g.number))
		}
	}
	return pinned
}

// pinRange pins those of the generations from first to last that it can, and returns them in order:
// those in the window, and those that left it and are still pinned.
func (w *window) pinRange(first, last uint64) []*generation {
	numbers := make([]uint64, 0, len(w.generations))
	for number, g := range w.pinned {
		if g.left {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	for _, g := range w.generations {
		numbers = append(numbers, g.number)
	}
	var pinned []*generation
	for _, number := range numbers {
		if first <= number && number <= last {
			if g := w.pin(number); g != nil {
				pinned = append(pinned, g)
			}
		}
	}
	return pinned
}

// unpin undoes one pin and says whether there was one.
func (w *window) unpin(number uint64) bool {
	g := w.pinned[number]
	if g == nil {
		return false
	}
	if g.pins--; g.pins == 0 {
		delete(w.pinned, number)
		if g.left {
			g.free()
		}
	}
	return true
}

// clear drops everything but what is pinned.
func (w *window) clear() {
	for len(w.generations) > 0 {
		w.dropOldest()
	}
}
