package gobridge

import "unsafe"

// A chunkQueue holds chunks, first in, first out, until the consumer has copied them. It has no
// lock of its own.
type chunkQueue struct {
	blocks []*chunkBlock // oldest first; the last one is being filled
	handed []*chunkBlock // of the chunks that the consumer now looks at
}

type chunkBlock struct {
	*block
	chunks int // not yet released
}

// append copies a chunk and returns where it lies.
func (q *chunkQueue) append(chunk []byte) (unsafe.Pointer, error) {
	last := len(q.blocks) - 1
	if last < 0 || len(q.blocks[last].memory)-q.blocks[last].used < len(chunk) {
		b, err := blocks.get()
		if err != nil {
			return nil, err
		}
		q.blocks = append(q.blocks, &chunkBlock{block: b})
		last++
	}
	b := q.blocks[last]
	at := unsafe.Pointer(&b.memory[b.used])
	b.used += copy(b.memory[b.used:], chunk)
	b.chunks++
	return at, nil
}

func (q *chunkQueue) owner(data unsafe.Pointer) *chunkBlock {
	for _, b := range q.blocks {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(b.memory)))
		if at := uintptr(data); start <= at && at < start+uintptr(len(b.memory)) {
			return b
		}
	}
	return nil // the header lies elsewhere
}

// hand notes that the consumer looks at a chunk until the next release.
func (q *chunkQueue) hand(data unsafe.Pointer) {
	if b := q.owner(data); b != nil {
		q.handed = append(q.handed, b)
	}
}

// release lets go of all that was handed over.
func (q *chunkQueue) release() {
	for _, b := range q.handed {
		q.done(b)
	}
	q.handed = q.handed[:0]
}

// drop lets go of a chunk that the consumer will not see.
func (q *chunkQueue) drop(data unsafe.Pointer) {
	if b := q.owner(data); b != nil {
		q.done(b)
	}
}

func (q *chunkQueue) done(b *chunkBlock) {
	if b.chunks--; b.chunks > 0 {
		return
	}
	for i, other := range q.blocks {
		if other != b {
			continue
		}
		if i == len(q.blocks)-1 {
			b.used = 0 // fill it again from its start
		} else {
			q.blocks = append(q.blocks[:i], q.blocks[i+1:]...)
			blocks.put(b.block)
		}
		return
	}
}

// clear gives all blocks back; the consumer must be gone.
func (q *chunkQueue) clear() {
	for _, b := range q.blocks {
		blocks.put(b.block)
	}
	q.blocks, q.handed = nil, nil
}
