package gobridge

/*
#cgo CFLAGS: -I${SRCDIR}
#include <stdlib.h>
#include "blocks.h"
#include "generation.h"
#include "names.h"
#include "stream.h"
*/
import "C"

import (
	"errors"
	"sync/atomic"
	"unsafe"
)

// What Go calls in C. Complete generations and windows are C's (stream.h says why); Go makes them.

// These structs have a Go and a C declaration; each of these fails to compile if they differ.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(sessionOptions{})-C.sizeof_flightrec_options]
	_ = [1]struct{}{}[unsafe.Sizeof(streamWords{})-C.sizeof_flightrec_stream_words]
	_ = [1]struct{}{}[unsafe.Sizeof(windowWords{})-C.sizeof_flightrec_window_words]
	_ = [1]struct{}{}[unsafe.Sizeof(segment{})-C.sizeof_flightrec_segment]
	_ = [1]struct{}{}[blockBytes-C.FLIGHTREC_BLOCK_BYTES]
)

var errNoMemory = errors.New("no memory for trace data")

// sessionOptions has the layout of flightrec_options.
type sessionOptions struct {
	maxBytes uint64
	ceiling  uint64
	flags    uint32
	_        uint32
}

const (
	optionAllocFree = 1 << iota // record the AllocFree experiment
	optionReplay                // no tracer: chunks come from feed
	optionStrict                // nothing may exceed the ceiling
)

// streamWords has the layout of flightrec_stream_words, which says what they mean. Both sides use
// atomic operations.
type streamWords struct {
	requests         uint64
	flushWanted      uint64
	activeBytes      uint64
	totalBytes       uint64
	totalBatches     uint64
	totalGenerations uint64
	earlyAdvances    uint64
	advanceBytes     uint64
	overheadBytes    uint64
}

// windowWords has the layout of flightrec_window_words.
type windowWords struct {
	kept    uint64
	leaving uint64
	peak    uint64
	joined  uint64
}

// A segment is a piece of a generation. Its layout is flightrec_segment's.
type segment struct {
	data  unsafe.Pointer
	bytes uintptr
}

// blockBytes is FLIGHTREC_BLOCK_BYTES: four batches of the largest size. Batches do not straddle
// blocks.
const blockBytes = 4 * maxBatchBytes

// newBlock returns an empty segment, with room for blockBytes outside the Go heap.
func newBlock() (segment, error) {
	at := C.flightrec_block_get()
	if at == nil {
		return segment{}, errNoMemory
	}
	return segment{data: at}, nil
}

// rest is what is free of the block that a segment lies in.
func (s segment) rest() []byte {
	return unsafe.Slice((*byte)(s.data), blockBytes)[s.bytes:]
}

func freeBlock(s segment) { C.flightrec_block_put(s.data, blockBytes) }

func trimBlocks() { C.flightrec_blocks_trim() }

func mappedBytes() uint64 { return uint64(C.flightrec_blocks_mapped()) }

// A nativeStream is a flightrec_stream.
type nativeStream struct {
	at    *C.flightrec_stream
	words *streamWords
}

// newNativeStream makes a stream of whose requests the descriptor wake tells.
func newNativeStream(wake int) (nativeStream, error) {
	at := C.flightrec_stream_new(C.int(wake))
	if at == nil {
		return nativeStream{}, errNoMemory
	}
	return nativeStream{at, (*streamWords)(unsafe.Pointer(C.flightrec_stream_shared(at)))}, nil
}

func (s nativeStream) flushed(flush uint64) { C.flightrec_stream_flushed(s.at, C.uint64_t(flush)) }

func (s nativeStream) deaf() { C.flightrec_stream_deaf(s.at) }

func (s nativeStream) put() { C.flightrec_stream_put(s.at) }

// A nativeWindow is a flightrec_window.
type nativeWindow struct {
	at    *C.flightrec_window
	words *windowWords
}

func newNativeWindow(stream nativeStream, options sessionOptions) (nativeWindow, error) {
	at := C.flightrec_window_new(stream.at, C.uint64_t(options.ceiling), C.int(options.flags&optionStrict))
	if at == nil {
		return nativeWindow{}, errNoMemory
	}
	return nativeWindow{at, (*windowWords)(unsafe.Pointer(C.flightrec_window_shared(at)))}, nil
}

func (w nativeWindow) session() uint64 { return uint64(C.flightrec_window_session(w.at)) }

func (w nativeWindow) makeRoom(active uint64) {
	C.flightrec_window_make_room(w.at, C.uint64_t(active))
}

func (w nativeWindow) add(g *C.flightrec_generation) error {
	if C.flightrec_window_add(w.at, g) != 0 {
		return errNoMemory
	}
	return nil
}

func (w nativeWindow) lose() { C.flightrec_window_lose(w.at) }

// end says that nothing more comes, and why; nil: it was stopped.
func (w nativeWindow) end(why error) {
	if why == nil {
		C.flightrec_window_end(w.at, C.FLIGHTREC_OK, nil)
		return
	}
	var told C.flightrec_error
	C.flightrec_window_end(w.at, fill(&told, statusOf(why), why), &told)
}

func (w nativeWindow) put() { C.flightrec_window_put(w.at) }

// closeSession is what Python calls; it does not enter Go.
func closeSession(session uint64) { C.flightrec_session_close(C.uint64_t(session), nil) }

func sessionCount() uint64 { return uint64(C.flightrec_session_count()) }

func generationCount() uint64 { return uint64(C.flightrec_generation_count()) }

// finish makes a complete generation of what an active one has, for these windows. The memory is
// not the active one's any more.
func (g *generation) finish(header traceHeader, endTime uint64, windows []*window) error {
	facts := C.flightrec_generation{
		number:    C.uint64_t(g.number),
		bytes:     C.uint64_t(g.bytes),
		batches:   C.uint64_t(g.batches),
		min_time:  C.uint64_t(g.minTime),
		end_time:  C.uint64_t(endTime),
		frequency: C.uint64_t(g.frequency),
		header:    *(*[headerBytes]C.uint8_t)(unsafe.Pointer(&header)),
	}
	segments := (*C.flightrec_segment)(unsafe.Pointer(unsafe.SliceData(g.segments)))
	made := C.flightrec_generation_new(&facts, segments, C.size_t(len(g.segments)))
	if made == nil {
		g.free()
		return errNoMemory
	}
	g.segments = nil
	defer C.flightrec_generation_release(made)
	for _, w := range windows {
		if err := w.add(made); err != nil {
			return err
		}
	}
	return nil
}

// threadNames returns what flightrec_thread_names said last.
func threadNames() string {
	names := C.flightrec_names_copy()
	defer C.free(unsafe.Pointer(names))
	return C.GoString(names)
}

func load(word *uint64) uint64 { return atomic.LoadUint64(word) }

func store(word *uint64, value uint64) { atomic.StoreUint64(word, value) }
