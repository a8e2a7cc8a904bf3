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
	unwanted  bool   // no window wants it: what it had is gone
	blocks    []block
}

// A block is a piece of native memory.
type block struct {
	memory []byte
	used   int
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
	last := len(g.blocks) - 1
	if last < 0 || len(g.blocks[last].memory)-g.blocks[last].used < len(chunk) {
		memory, err := newBlock()
		if err != nil {
			return err
		}
		g.blocks = append(g.blocks, block{memory: memory})
		last++
	}
	b := &g.blocks[last]
	b.used += copy(b.memory[b.used:], chunk)
	g.bytes += uint64(len(chunk))
	return nil
}

// free gives the memory back.
func (g *generation) free() {
	for _, b := range g.blocks {
		freeBlock(b.memory)
	}
	g.blocks = nil
	g.bytes = 0
}
