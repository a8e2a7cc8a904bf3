package gobridge

/*
#include "include/gobridge.h"
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
	"time"
	"unsafe"
)

var (
	errUnknown = errors.New("unknown")
)

// Every export is one call of answer or value, and does all its work inside: so no panic passes.
// A test reads the source.

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

// answerJSON answers with what body returns, as JSON.
func answerJSON(text *C.char, capacity C.size_t, length *C.size_t, body func() any) C.int32_t {
	return answer(nil, func() error {
		encoded, err := json.Marshal(body())
		if err != nil {
			return err
		}
		return put(encoded, text, capacity, length)
	})
}

// value runs the body of an export that returns no status; a panic becomes the zero value.
func value[T any](body func() T) (result T) {
	defer func() { _ = recover() }()
	return body()
}

func statusOf(err error) C.int32_t {
	var format *formatError
	switch {
	case errors.Is(err, errUnknown):
		return C.FLIGHTREC_UNKNOWN
	case errors.As(err, new(conflictError)), errors.Is(err, errForeignStop):
		return C.FLIGHTREC_CONFLICT
	case errors.As(err, &format):
		return C.FLIGHTREC_BROKEN
	case errors.Is(err, errShort):
		return C.FLIGHTREC_SHORT
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

//export flightrec_abi_version
func flightrec_abi_version() C.int32_t { return C.FLIGHTREC_ABI_VERSION }

//export flightrec_go_version
func flightrec_go_version(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answer(nil, func() error { return put([]byte(runtime.Version()), text, capacity, length) })
}

//export flightrec_overlays
func flightrec_overlays(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answerJSON(text, capacity, length, func() any { return append([]string{}, overlays...) })
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
		session, err := openSession(*options)
		*handle = C.uint64_t(session)
		return err
	})
}

//export flightrec_session_feed
func flightrec_session_feed(handle C.uint64_t, chunk unsafe.Pointer, n C.size_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error { return feed(uint64(handle), unsafe.Slice((*byte)(chunk), n)) })
}

//export flightrec_workload_names
func flightrec_workload_names(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answerJSON(text, capacity, length, func() any { return workloadNames() })
}

//export flightrec_workload_describe
func flightrec_workload_describe(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answerJSON(text, capacity, length, func() any { return describeWorkloads() })
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

//export flightrec_departure_watch
func flightrec_departure_watch(asProgram C.int32_t, limitNs C.int64_t) C.int32_t {
	return answer(nil, func() error { watchDepartures(asProgram != 0, time.Duration(limitNs)); return nil })
}

//export flightrec_departure_unwatch
func flightrec_departure_unwatch() C.int32_t {
	return answer(nil, func() error { unwatchDepartures(); return nil })
}

//export flightrec_departure_go
func flightrec_departure_go() C.int32_t {
	return answer(nil, func() error { letGo(); return nil })
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

//export flightrec_region_next
func flightrec_region_next(region, thread, endedTask, task, parent C.uint64_t, taskName, name C.flightrec_text, nests C.int32_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		endRegion(uint64(region), uint64(thread))
		endTask(uint64(endedTask))
		if taskName != nil {
			beginTask(uint64(task), uint64(parent), goText(taskName))
		}
		if nests == 0 {
			thread = 0
		}
		if name != nil {
			beginRegion(uint64(region), uint64(thread), uint64(task), goText(name))
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
	return answerJSON(text, capacity, length, func() any { return describeMetrics() })
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

//export flightrec_tasks_open
func flightrec_tasks_open(text *C.char, capacity C.size_t, length *C.size_t) C.int32_t {
	return answerJSON(text, capacity, length, func() any { return listOpen(1000) })
}
