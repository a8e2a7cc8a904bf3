package gobridge

// A generation is the one that the runtime is writing: its batches as they came, in native memory.
type generation struct {
	number    uint64
	bytes     uint64 // that it has
	written   uint64 // that it was given, whether or not it still has them
	batches   uint64
	minTime   uint64 // smallest batch time, trace clock units; 0 before the first
	frequency uint64 // trace clock units per second; 0 until its event was seen
	asked     uint64 // how many bytes were written when its early end was asked for; 0 if it was not
	unwanted  bool   // no window wants it, so its memory is freed
	segments  []segment
}

// overhead is what the generation grew by after its early end was asked for, 0 if it was not.
func (g *generation) overhead() uint64 {
	if g.asked == 0 {
		return 0
	}
	return g.written - g.asked
}

// append copies one chunk to the end of the generation.
func (g *generation) append(chunk []byte) error {
	g.written += uint64(len(chunk))
	if g.unwanted {
		return nil
	}
	last := len(g.segments) - 1
	if last < 0 || blockBytes-int(g.segments[last].bytes) < len(chunk) {
		empty, err := newBlock()
		if err != nil {
			return err
		}
		g.segments = append(g.segments, empty)
		last++
	}
	appendTo(&g.segments[last], chunk)
	g.bytes += uint64(len(chunk))
	return nil
}

// free gives the memory back.
func (g *generation) free() {
	for _, each := range g.segments {
		freeBlock(each)
	}
	g.segments = nil
	g.bytes = 0
}
