package gobridge

import "sync"

// blockBytes is the size of a pooled block: four batches of the largest size. Batches do not
// straddle blocks.
const blockBytes = 4 * maxBatchBytes

// pooledBlocks bounds the memory that idle blocks may hold: 6 MiB.
const pooledBlocks = 24

// A block is a piece of memory outside the Go heap. Trace data kept there does not count towards
// the workload's heap, so recording does not change how often its garbage collector runs.
type block struct {
	memory []byte // whole mapping
	used   int
}

// blocks hands out blocks. It is shared by all sessions and safe for concurrent use.
var blocks blockPool

type blockPool struct {
	mu     sync.Mutex
	idle   []*block
	mapped int64 // bytes now mapped, idle ones included
}

// get returns an empty block that holds at least a largest batch.
func (p *blockPool) get() (*block, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		b := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return b, nil
	}
	return p.mapLocked(blockBytes)
}

func (p *blockPool) mapLocked(nbytes int) (*block, error) {
	memory, err := mapMemory(nbytes)
	if err != nil {
		return nil, err
	}
	p.mapped += int64(nbytes)
	return &block{memory: memory}, nil
}

// put takes a block back; nothing may refer to its memory any more.
func (p *blockPool) put(b *block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.used = 0
	if len(b.memory) == blockBytes && len(p.idle) < pooledBlocks {
		p.idle = append(p.idle, b)
		return
	}
	p.mapped -= int64(len(b.memory))
	unmapMemory(b.memory)
}

// shrink returns a block with b's data that is not much larger than them, and takes b back. A
// generation of an idle process is a few KiB, and a long window has hundreds of them.
func (p *blockPool) shrink(b *block) *block {
	const page = 4 << 10
	want := max((b.used+page-1)/page*page, page)
	if want > len(b.memory)/2 {
		return b
	}
	p.mu.Lock()
	small, err := p.mapLocked(want)
	p.mu.Unlock()
	if err != nil {
		return b // only a saving is lost
	}
	small.used = copy(small.memory, b.memory[:b.used])
	p.put(b)
	return small
}

// mappedBytes returns how much native memory is in use, idle blocks included.
func (p *blockPool) mappedBytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mapped
}

// trim gives idle blocks back to the operating system.
func (p *blockPool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.idle {
		p.mapped -= int64(len(b.memory))
		unmapMemory(b.memory)
	}
	p.idle = nil
}
