package gobridge

import (
	"encoding/binary"
	"fmt"
)

const (
	headerBytes   = 16       // "go 1.26 trace\0\0\0"
	maxBatchBytes = 64 << 10 // the runtime's limit on a batch's payload
)

// The event types that a recorder must know; internal/trace/tracev2 has them all.
const (
	evEventBatch        = 1
	evFrequency         = 8
	evExperimentalBatch = 49
	evSync              = 50
	evEndOfGeneration   = 52
)

// A formatError says what is wrong with a stream of batches, and where in the chunk.
type formatError struct {
	text       string
	offset     int64 // within the chunk
	generation uint64
}

func (e *formatError) Error() string { return e.text }

// batchHeader is what a recorder needs of a batch: which generation it belongs to and when it
// begins. flightrec/wire.py is the plain Python twin of this file; both are under the same tests.
type batchHeader struct {
	generation uint64
	time       uint64 // trace clock units
	payload    int    // offset of the payload
}

// parseBatch reads the header of b, which must hold one whole batch and nothing else.
func parseBatch(b []byte) (h batchHeader, err *formatError) {
	switch b[0] {
	case evEventBatch:
		h.payload = 1
	case evExperimentalBatch:
		h.payload = 2 // the experiment
	default:
		return h, &formatError{text: fmt.Sprintf("expected batch event, got event %d", b[0])}
	}
	var m, size uint64
	for _, field := range []struct {
		name string
		to   *uint64
	}{{"generation", &h.generation}, {"M ID", &m}, {"timestamp", &h.time}, {"size", &size}} {
		value, n := binary.Uvarint(b[min(h.payload, len(b)):])
		if n <= 0 {
			what := "the batch ends inside it"
			if n < 0 {
				what = "it overflows 64 bits"
			}
			return h, &formatError{"error reading batch " + field.name + ": " + what, int64(min(h.payload, len(b))), h.generation}
		}
		*field.to = value
		h.payload += n
	}
	at := int64(h.payload)
	if h.generation == 0 {
		return h, &formatError{"invalid generation number 0", 1, 0}
	}
	if size > maxBatchBytes {
		return h, &formatError{fmt.Sprintf("invalid batch size %d, maximum is %d", size, maxBatchBytes), at, h.generation}
	}
	switch got := len(b) - h.payload; {
	case got < int(size):
		return h, &formatError{fmt.Sprintf("incomplete batch: it has %d bytes of %d", got, size), int64(len(b)), h.generation}
	case got > int(size):
		return h, &formatError{fmt.Sprintf("%d trailing bytes after the batch", got-int(size)), at + int64(size), h.generation}
	}
	return h, nil
}

// frequencyIn finds the EvFrequency event of a batch's payload, which stands alone in its batch
// up to Go 1.24 and follows EvSync from 1.25 on. It returns 0 if there is none.
func frequencyIn(b []byte, payload int) uint64 {
	p := b[payload:]
	if len(p) > 0 && p[0] == evSync {
		p = p[1:]
	}
	if len(p) == 0 || p[0] != evFrequency || b[0] != evEventBatch {
		return 0
	}
	value, n := binary.Uvarint(p[1:])
	if n <= 0 {
		return 0
	}
	return value
}
