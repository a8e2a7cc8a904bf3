package gobridge

/*
#cgo CFLAGS: -I${SRCDIR}
#include <stdlib.h>
#include <string.h>
#include "queue.h"
#include "news.h"
*/
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sync/atomic"
	"time"
	"unsafe"
)

// These structs have a Go and a C declaration; each of these fails to compile if they differ.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(run{})-C.sizeof_flightrec_run]
	_ = [1]struct{}{}[unsafe.Sizeof(sessionOptions{})-C.sizeof_flightrec_options]
	_ = [1]struct{}{}[unsafe.Sizeof(words{})-C.sizeof_flightrec_words]
	_ = [1]struct{}{}[unsafe.Sizeof(segment{})-C.sizeof_flightrec_segment]
)

var (
	errUnknown = errors.New("unknown")
	errRefused = errors.New("the consumer refused a delivery")
)

// cQueue is the consumer of a session that Python drives: queue.h.
type cQueue struct{ queue *C.flightrec_queue }

var errNoMemory = errors.New("no memory for the queue of trace data")

func (q cQueue) keepHeader(header []byte) unsafe.Pointer {
	at := unsafe.Pointer(C.flightrec_queue_header(q.queue))
	copy(unsafe.Slice((*byte)(at), headerBytes), header)
	return at
}

func (q cQueue) copyChunk(chunk []byte) (unsafe.Pointer, error) {
	at := C.malloc(C.size_t(len(chunk))) // the process ends if there is none
	copy(unsafe.Slice((*byte)(at), len(chunk)), chunk)
	return at, nil
}

func (q cQueue) push(runs []run) error {
	if C.flightrec_queue_push(q.queue, (*C.flightrec_run)(unsafe.Pointer(&runs[0])), C.size_t(len(runs))) != 0 {
		return errNoMemory
	}
	return nil
}

func (q cQueue) drop(generation uint64) (unfinished uint64, err error) {
	if C.flightrec_queue_drop(q.queue, C.uint64_t(generation), (*C.uint64_t)(&unfinished)) != 0 {
		return 0, errNoMemory
	}
	return unfinished, nil
}

func (q cQueue) oldest() uint64 { return uint64(C.flightrec_queue_oldest(q.queue)) }

func (q cQueue) released() uint64 { return uint64(C.flightrec_queue_released(q.queue)) }

func (q cQueue) words() *words { return (*words)(unsafe.Pointer(C.flightrec_queue_words(q.queue))) }

func (q cQueue) hold(number uint64, segments []segment, next unsafe.Pointer) (unsafe.Pointer, error) {
	at := (*C.flightrec_segment)(unsafe.Pointer(unsafe.SliceData(segments)))
	made := C.flightrec_queue_hold(C.uint64_t(number), at, C.size_t(len(segments)), (*C.flightrec_holding)(next))
	if made == nil {
		return nil, errNoMemory
	}
	return unsafe.Pointer(made), nil
}

func (q cQueue) flushed(number, runs uint64, holdings unsafe.Pointer) {
	C.flightrec_queue_flushed(q.queue, C.uint64_t(number), C.uint64_t(runs), (*C.flightrec_holding)(holdings))
}

func (q cQueue) letGo() uint64 { return uint64(C.flightrec_queue_let_go(q.queue)) }

func (q cQueue) end() { C.flightrec_queue_end(q.queue) }

func (q cQueue) stats() (bytes, deliveries uint64) {
	C.flightrec_queue_stats(q.queue, (*C.uint64_t)(&bytes), (*C.uint64_t)(&deliveries))
	return bytes, deliveries
}

func (q cQueue) free() { C.flightrec_queue_free(q.queue) }

// Every export is one call of answer, withSession, value or do, and does all its work inside: so no
// panic passes. A test reads the source.

// answer runs an export's body; a panic and an error become a status and a text.
func answer(to *C.flightrec_error, body func() error) C.int32_t {
	return answerWith(to, func() (C.int32_t, error) {
		err := body()
		if err == nil {
			return C.FLIGHTREC_OK, nil
		}
		return statusOf(err), err
	})
}

// answerWith is answer for a body that chooses the status. Without an error no text is filled in.
func answerWith(to *C.flightrec_error, body func() (C.int32_t, error)) (status C.int32_t) {
	defer func() {
		if v := recover(); v != nil {
			status = fill(to, C.FLIGHTREC_PANIC, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	status, err := body()
	if err == nil {
		return status
	}
	return fill(to, status, err)
}

// value runs the body of an export that returns no status; a panic becomes the zero value.
func value[T any](body func() T) (result T) {
	defer func() { _ = recover() }()
	return body()
}

// do runs the body of an export that returns nothing; a panic is dropped.
func do(body func()) { value(func() struct{} { body(); return struct{}{} }) }

func statusOf(err error) C.int32_t {
	var format *formatError
	switch {
	case errors.Is(err, errUnknown):
		return C.FLIGHTREC_UNKNOWN
	case errors.Is(err, errSecondSession):
		return C.FLIGHTREC_ENABLED
	case errors.As(err, new(conflictError)), errors.Is(err, errForeignStop):
		return C.FLIGHTREC_CONFLICT
	case errors.Is(err, errEnded):
		return C.FLIGHTREC_ENDED
	case errors.As(err, &format):
		return C.FLIGHTREC_BROKEN
	case errors.Is(err, errShort):
		return C.FLIGHTREC_SHORT
	case errors.Is(err, errTimeout):
		return C.FLIGHTREC_TIMEOUT
	case errors.Is(err, errRefused):
		return C.FLIGHTREC_REFUSED
	}
	return C.FLIGHTREC_ERROR
}

func fill(to *C.flightrec_error, status C.int32_t, err error) C.int32_t {
	if to == nil {
		return status
	}
	to.offset, to.generation = -1, 0
	var format *formatError
	if errors.As(err, &format) {
		to.offset, to.generation = C.int64_t(format.offset), C.uint64_t(format.generation)
	}
	text := unsafe.Slice((*byte)(unsafe.Pointer(&to.text)), len(to.text))
	text[copy(text[:len(text)-1], textOf(err))] = 0
	return status
}

var errShort = errors.New("the caller's buffer is too small")

func put(text []byte, to *C.char, capacity C.size_t, length *C.size_t) error {
	*length = C.size_t(len(text))
	if C.size_t(len(text)) > capacity {
		return errShort
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(to)), capacity), text)
	return nil
}

// withSession runs an export's body on a session.
func withSession(handle C.uint64_t, to *C.flightrec_error, body func(s *session) error) C.int32_t {
	return answer(to, func() error {
		s, ok := sessions.get(uint64(handle))
		if !ok {
			return fmt.Errorf("%w session %d", errUnknown, handle)
		}
		return body(s)
	})
}

//export flightrec_abi_version
func flightrec_abi_version() C.int32_t { return C.FLIGHTREC_ABI_VERSION }

//export flightrec_go_version
func flightrec_go_version(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answer(nil, func() error { return put([]byte(runtime.Version()), text, capacity, length) })
}

//export flightrec_overlays
func flightrec_overlays(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answer(nil, func() error {
		names, err := json.Marshal(append([]string{}, overlays...))
		if err != nil {
			return err
		}
		return put(names, text, capacity, length)
	})
}

//export flightrec_clock_now
func flightrec_clock_now() C.uint64_t {
	return value(func() C.uint64_t { return C.uint64_t(runtime_traceClockNow()) })
}

//export flightrec_clock_units_per_second
func flightrec_clock_units_per_second() C.uint64_t {
	return value(func() C.uint64_t { return C.uint64_t(clockUnitsPerSecond()) })
}

//export flightrec_setenv
func flightrec_setenv(name, value C.flightrec_text, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		if value == nil {
			return os.Unsetenv(goText(name))
		}
		return os.Setenv(goText(name), goText(value))
	})
}

func goText(text C.flightrec_text) string { return C.GoString((*C.char)(unsafe.Pointer(text))) }

//export flightrec_session_open
func flightrec_session_open(options *C.flightrec_options, handle *C.uint64_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		queue := cQueue{C.flightrec_queue_new()}
		if queue.queue == nil {
			return errNoMemory
		}
		h, err := openSession(*(*sessionOptions)(unsafe.Pointer(options)), queue)
		if err != nil {
			queue.free()
		} else if C.flightrec_queue_register(queue.queue, C.uint64_t(h)) != 0 {
			s, _ := sessions.get(h)
			closeSession(h, s)
			return errNoMemory
		}
		*handle = C.uint64_t(h)
		return err
	})
}

//export flightrecRefuse
func flightrecRefuse(handle C.uint64_t) {
	do(func() {
		if s, ok := sessions.get(uint64(handle)); ok {
			s.fail(errRefused)
		}
	})
}

//export flightrecOutcome
func flightrecOutcome(handle C.uint64_t, to *C.flightrec_error) C.int32_t {
	return withSession(handle, to, func(s *session) error {
		if err := s.outcome(); !errors.Is(err, errEnded) {
			return err
		}
		return nil
	})
}

//export flightrecFlush
func flightrecFlush(handle C.uint64_t) {
	do(func() {
		if s, ok := sessions.get(uint64(handle)); ok {
			s.flush()
		}
	})
}

// flightrecFlushed is the result of a flush of a session that has ended.
//
//export flightrecFlushed
func flightrecFlushed(handle C.uint64_t, to *C.flightrec_error) C.int32_t {
	return withSession(handle, to, func(s *session) error { return s.outcome() })
}

//export flightrecTimeout
func flightrecTimeout(to *C.flightrec_error) C.int32_t {
	return answer(to, func() error { return errTimeout })
}

//export flightrec_session_hold
func flightrec_session_hold(handle, first, last C.uint64_t, holdings **C.flightrec_holding, to *C.flightrec_error) C.int32_t {
	return withSession(handle, to, func(s *session) error {
		held, err := s.hold(uint64(first), uint64(last))
		*holdings = (*C.flightrec_holding)(held)
		return err
	})
}

//export flightrecCollect
func flightrecCollect(handle C.uint64_t) {
	do(func() {
		if s, ok := sessions.get(uint64(handle)); ok {
			s.collect(uint64(handle))
		}
	})
}

//export flightrec_session_feed
func flightrec_session_feed(handle C.uint64_t, chunk unsafe.Pointer, n C.size_t, to *C.flightrec_error) C.int32_t {
	return withSession(handle, to, func(s *session) error {
		if s.options.flags&optionReplay == 0 {
			return errors.New("this session records a real trace and cannot be fed")
		}
		_, _ = s.Write(unsafe.Slice((*byte)(chunk), n))
		return s.outcome()
	})
}

//export flightrec_session_stop
func flightrec_session_stop(handle C.uint64_t, to *C.flightrec_error) C.int32_t {
	return withSession(handle, to, func(s *session) error { stopSession(s); return nil })
}

//export flightrec_session_close
func flightrec_session_close(handle C.uint64_t, to *C.flightrec_error) C.int32_t {
	return withSession(handle, to, func(s *session) error { closeSession(uint64(handle), s); return nil })
}

//export flightrec_session_stats
func flightrec_session_stats(handle C.uint64_t, out *C.flightrec_session_statistics, to *C.flightrec_error) C.int32_t {
	return withSession(handle, to, func(s *session) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return errEnded
		}
		s.collectLocked()
		s.window.release(s.consumer.released())
		w := &s.window
		queued, deliveries := s.consumer.stats()
		*out = C.flightrec_session_statistics{
			window_bytes:        C.uint64_t(w.bytes),
			peak_window_bytes:   C.uint64_t(w.peak),
			queued_bytes:        C.uint64_t(queued + s.waiting),
			bytes:               C.uint64_t(s.totals.bytes),
			batches:             C.uint64_t(s.totals.batches),
			generations:         C.uint64_t(s.totals.generations),
			dropped_generations: C.uint64_t(s.totals.dropped),
			early_advances:      C.uint64_t(s.totals.earlyAdvances),
			deliveries:          C.uint64_t(deliveries),
			pinned_generations:  C.uint64_t(len(w.pinned)),
			mapped_bytes:        C.uint64_t(blocks.mappedBytes()),
		}
		if active := w.active(); active != nil {
			out.active_bytes = C.uint64_t(active.bytes)
			out.active_min_time = C.uint64_t(active.minTime)
			out.active_generation = C.uint64_t(active.number)
		}
		return nil
	})
}

//export flightrec_session_count
func flightrec_session_count() C.uint64_t {
	return value(func() C.uint64_t { return C.uint64_t(sessions.len()) })
}

//export flightrec_workload_names
func flightrec_workload_names(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answer(nil, func() error {
		names, err := json.Marshal(workloadNames())
		if err != nil {
			return err
		}
		return put(names, text, capacity, length)
	})
}

//export flightrec_workload_describe
func flightrec_workload_describe(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answer(nil, func() error {
		all, err := json.Marshal(describeWorkloads())
		if err != nil {
			return err
		}
		return put(all, text, capacity, length)
	})
}

//export flightrec_workload_check
func flightrec_workload_check(name, arguments C.flightrec_text, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		return checkArguments(goText(name), json.RawMessage(goText(arguments)))
	})
}

//export flightrec_workload_start
func flightrec_workload_start(name, arguments C.flightrec_text, task, number C.uint64_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		return startWorkload(uint64(number), goText(name), json.RawMessage(goText(arguments)), uint64(task))
	})
}

//export flightrec_workload_cancel
func flightrec_workload_cancel(handle C.uint64_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		e, ok := executions.get(uint64(handle))
		if !ok {
			return fmt.Errorf("%w workload handle %d", errUnknown, handle)
		}
		e.cancelled.Store(true)
		e.cancel()
		return nil
	})
}

//export flightrec_workload_next
func flightrec_workload_next(handle *C.uint64_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		*handle = C.uint64_t(finished.take())
		if *handle == 0 {
			return errEnded
		}
		return nil
	})
}

//export flightrec_workload_wake
func flightrec_workload_wake() C.int32_t {
	return answer(nil, func() error { finished.close(); return nil })
}

//export flightrec_workload_result
func flightrec_workload_result(handle C.uint64_t, text *C.char, capacity C.size_t, length *C.size_t, to *C.flightrec_error) C.int32_t {
	return answerWith(to, func() (C.int32_t, error) {
		*length = 0
		e, ok := executions.get(uint64(handle))
		if !ok {
			return C.FLIGHTREC_UNKNOWN, fmt.Errorf("%w workload handle %d", errUnknown, handle)
		}
		out, status := e.result, C.int32_t(C.FLIGHTREC_OK)
		switch {
		case errors.Is(e.err, errPanic) && e.stack != nil:
			out, status = e.stack, C.FLIGHTREC_PANIC
		case e.err != nil && e.cancelled.Load():
			status = C.FLIGHTREC_CANCELLED
		case e.err != nil:
			status = C.FLIGHTREC_FAILED
		}
		if text != nil {
			if err := put(out, text, capacity, length); err != nil {
				return C.FLIGHTREC_SHORT, err
			}
		}
		executions.take(uint64(handle))
		return status, e.err
	})
}

//export flightrec_workload_count
func flightrec_workload_count() C.uint64_t {
	return value(func() C.uint64_t { return C.uint64_t(executions.len()) })
}

var departing atomic.Pointer[departure]

//export flightrec_departure_watch
func flightrec_departure_watch(asProgram C.int32_t, limitNs C.int64_t) C.int32_t {
	return answer(nil, func() error { watchDepartures(asProgram != 0, time.Duration(limitNs)); return nil })
}

//export flightrec_departure_unwatch
func flightrec_departure_unwatch() C.int32_t {
	return answer(nil, func() error { unwatchDepartures(); return nil })
}

//export flightrec_departure_next
func flightrec_departure_next(panics, code *C.int32_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		select {
		case d := <-departures:
			departing.Store(d)
			*panics, *code = 0, C.int32_t(d.code)
			if d.panics {
				*panics = 1
			}
			return nil
		case <-departuresEnded:
			return errEnded
		}
	})
}

//export flightrec_departure_go
func flightrec_departure_go() C.int32_t {
	return answer(nil, func() error {
		d := departing.Swap(nil)
		if d == nil {
			return errUnknown
		}
		close(d.goOn)
		return nil
	})
}

//export flightrec_departure_wake
func flightrec_departure_wake() C.int32_t {
	return answer(nil, func() error { endDepartures(); return nil })
}

//export flightrec_task_begin
func flightrec_task_begin(task, parent C.uint64_t, name C.flightrec_text, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		beginTask(uint64(task), uint64(parent), goText(name))
		return nil
	})
}

//export flightrec_task_end
func flightrec_task_end(task C.uint64_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		if !endTask(uint64(task)) {
			return fmt.Errorf("%w task %d", errUnknown, task)
		}
		return nil
	})
}

//export flightrec_log
func flightrec_log(task C.uint64_t, category, message C.flightrec_text, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		trace.Log(taskContext(uint64(task)), goText(category), goText(message))
		return nil
	})
}

//export flightrec_region_begin
func flightrec_region_begin(region, thread, task C.uint64_t, name C.flightrec_text, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		beginRegion(uint64(region), uint64(thread), uint64(task), goText(name))
		return nil
	})
}

//export flightrec_region_end
func flightrec_region_end(region, thread C.uint64_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		if !endRegion(uint64(region), uint64(thread)) {
			return fmt.Errorf("%w region %d", errUnknown, region)
		}
		return nil
	})
}

//export flightrec_thread_end
func flightrec_thread_end(thread C.uint64_t) C.int32_t {
	return answer(nil, func() error { endThread(uint64(thread)); return nil })
}

//export flightrec_metrics_describe
func flightrec_metrics_describe(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answer(nil, func() error {
		described, err := json.Marshal(describeMetrics())
		if err != nil {
			return err
		}
		return put(described, text, capacity, length)
	})
}

//export flightrec_metrics_read
func flightrec_metrics_read(names C.flightrec_text, buckets C.int32_t, text *C.char, capacity C.size_t, length *C.size_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		var wanted []string
		if err := json.Unmarshal([]byte(goText(names)), &wanted); err != nil {
			return err
		}
		values, err := readMetrics(wanted, buckets != 0)
		if err != nil {
			return err
		}
		return put(values, text, capacity, length)
	})
}

//export flightrec_news_watch
func flightrec_news_watch(wanted C.flightrec_text, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error { return watchFor([]byte(goText(wanted))) })
}

// putNews hands a piece of news to whoever waits in flightrec_news_next.
func putNews(kind newsKind, name string, start, end int64, status int) bool {
	news := C.flightrec_news{
		kind:     C.uint32_t(kind),
		status:   C.int64_t(status),
		start_ns: C.uint64_t(start),
		end_ns:   C.uint64_t(end),
	}
	text := unsafe.Slice((*byte)(unsafe.Pointer(&news.name)), len(news.name))
	text[copy(text[:len(text)-1], name)] = 0
	return C.flightrec_news_put(&news) != 0
}

//export flightrec_tasks_open
func flightrec_tasks_open(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answer(nil, func() error {
		listed, err := json.Marshal(openTasks.list(1000))
		if err != nil {
			return err
		}
		return put(listed, text, capacity, length)
	})
}
