package gobridge

/*
#cgo CFLAGS: -I${SRCDIR}
#include <stdlib.h>
#include "blocks.h"
#include "generation.h"
#include "names.h"
#include "news.h"
#include "stream.h"
*/
import "C"

import (
	"errors"
	"sync/atomic"
	"unsafe"
)

// What Go calls in C. Complete generations and windows are C's (stream.h says why); Go makes them.

var errNoMemory = errors.New("no memory for trace data")

type (
	sessionOptions = C.flightrec_options
	segment        = C.flightrec_segment // a piece of a generation
)

const (
	optionAllocFree = C.FLIGHTREC_OPTION_ALLOCFREE
	optionReplay    = C.FLIGHTREC_OPTION_REPLAY
	optionStrict    = C.FLIGHTREC_OPTION_STRICT
)

// blockBytes is FLIGHTREC_BLOCK_BYTES: four batches of the largest size. Batches do not straddle
// blocks.
const blockBytes = 4 * maxBatchBytes

var _ = [1]struct{}{}[blockBytes-C.FLIGHTREC_BLOCK_BYTES] // fails to compile if they differ

// newBlock returns an empty segment, with room for blockBytes outside the Go heap.
func newBlock() (segment, error) {
	at := C.flightrec_block_get()
	if at == nil {
		return segment{}, errNoMemory
	}
	return segment{data: at}, nil
}

// appendTo copies a chunk to the end of a segment, whose block must have room for it.
func appendTo(s *segment, chunk []byte) {
	free := unsafe.Slice((*byte)(s.data), blockBytes)[s.bytes:]
	s.bytes += C.size_t(copy(free, chunk))
}

func freeBlock(s segment) { C.flightrec_block_put(s.data, blockBytes) }

func trimBlocks() { C.flightrec_blocks_trim() }

func mappedBytes() uint64 { return uint64(C.flightrec_blocks_mapped()) }

// A nativeStream is a flightrec_stream.
type nativeStream struct{ at *C.flightrec_stream }

// newNativeStream makes a stream of whose requests the descriptor wake tells.
func newNativeStream(wake int) (nativeStream, error) {
	s := nativeStream{C.flightrec_stream_new(C.int(wake))}
	if s.at == nil {
		return s, errNoMemory
	}
	return s, nil
}

func (s nativeStream) flushed(flush uint64) { C.flightrec_stream_flushed(s.at, C.uint64_t(flush)) }

// answered is the last flush that was done; for who says so only.
func (s nativeStream) answered() uint64 { return uint64(s.at.flush_done) }

func (s nativeStream) deaf() { C.flightrec_stream_deaf(s.at) }

func (s nativeStream) put() { C.flightrec_stream_put(s.at) }

// A window is a flightrec_window: it is one session's, and takes part from the first generation that
// begins after it was made.
type window struct{ at *C.flightrec_window }

// newWindow makes a window that takes part from the generation after the active one on.
func newWindow(stream nativeStream, options sessionOptions, active uint64) (window, error) {
	w := window{C.flightrec_window_new(stream.at, &options, C.uint64_t(active))}
	if w.at == nil {
		return w, errNoMemory
	}
	return w, nil
}

// leaving says whether the session is to end.
func (w window) leaving() bool { return load(&w.at.leaving) != 0 }

// makeRoom makes room for an active generation of so many bytes, and returns whether the window takes it.
func (w window) makeRoom(number, bytes uint64) bool {
	return C.flightrec_window_make_room(w.at, C.uint64_t(number), C.uint64_t(bytes)) != 0
}

func (w window) add(g *C.flightrec_generation) error {
	if C.flightrec_window_add(w.at, g) != 0 {
		return errNoMemory
	}
	return nil
}

// end says that nothing more comes, and why; nil: it was stopped.
func (w window) end(why error) {
	if why == nil {
		C.flightrec_window_end(w.at, C.FLIGHTREC_OK, nil)
		return
	}
	var told C.flightrec_error
	C.flightrec_window_end(w.at, fill(&told, why), &told)
}

func (w window) put() { C.flightrec_window_put(w.at) }

// closeSession is what Python calls; it does not enter Go.
func closeSession(session uint64) { C.flightrec_session_close(C.uint64_t(session), nil) }

func sessionCount() uint64 { return uint64(C.flightrec_session_count()) }

func generationCount() uint64 { return uint64(C.flightrec_generation_count()) }

// finish makes a complete generation of what an active one has, for those windows that take
// part in it. The memory is not the active one's any more.
func (g *generation) finish(header traceHeader, endTime uint64, windows []window) error {
	facts := C.flightrec_generation{
		number:    C.uint64_t(g.number),
		bytes:     C.uint64_t(g.bytes),
		batches:   C.uint64_t(g.batches),
		min_time:  C.uint64_t(g.minTime),
		end_time:  C.uint64_t(endTime),
		frequency: C.uint64_t(g.frequency),
		header:    *(*[headerBytes]C.uint8_t)(unsafe.Pointer(&header)),
	}
	made := C.flightrec_generation_new(&facts, unsafe.SliceData(g.segments), C.size_t(len(g.segments)))
	if made == nil {
		g.free()
		return errNoMemory
	}
	g.segments = nil
	defer C.flightrec_generations_release(&made, 1)
	for _, w := range windows {
		if err := w.add(made); err != nil {
			return err
		}
	}
	return nil
}

// A newsKind is what a piece of news is about.
type newsKind uint32

const (
	newsTask     newsKind = C.FLIGHTREC_NEWS_TASK
	newsHTTP     newsKind = C.FLIGHTREC_NEWS_HTTP
	newsRequest  newsKind = C.FLIGHTREC_NEWS_REQUEST
	newsWorkload newsKind = C.FLIGHTREC_NEWS_WORKLOAD
	newsExit     newsKind = C.FLIGHTREC_NEWS_EXIT
	newsPanic    newsKind = C.FLIGHTREC_NEWS_PANIC
)

// A news is a piece of news for Python; flightrec_news says what its fields are.
type news struct {
	kind       newsKind
	status     int
	number     uint64
	start, end int64
	name       string
}

// putNews hands a piece of news to whoever waits for its kind, and returns whether anybody will take it.
func putNews(n news) bool {
	to := C.flightrec_news{
		kind:     C.uint32_t(n.kind),
		status:   C.int64_t(n.status),
		number:   C.uint64_t(n.number),
		start_ns: C.uint64_t(n.start),
		end_ns:   C.uint64_t(n.end),
	}
	text := unsafe.Slice((*byte)(unsafe.Pointer(&to.name)), len(to.name))
	text[copy(text[:len(text)-1], n.name)] = 0
	return C.flightrec_news_put(&to) != 0
}

// threadNames returns what flightrec_thread_names said last.
func threadNames() string {
	names := C.flightrec_names_copy()
	defer C.free(unsafe.Pointer(names))
	return C.GoString(names)
}

// What C and Go share is C's declaration, and read and written atomically.

func load(shared *C.uint64_t) uint64 { return atomic.LoadUint64((*uint64)(shared)) }

func store(shared *C.uint64_t, value uint64) { atomic.StoreUint64((*uint64)(shared), value) }

func add(shared *C.uint64_t, n uint64) { atomic.AddUint64((*uint64)(shared), n) }
