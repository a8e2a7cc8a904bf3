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

const (
	statusConflict  = C.FLIGHTREC_CONFLICT
	statusFailed    = C.FLIGHTREC_FAILED
	statusPanic     = C.FLIGHTREC_PANIC
	statusCancelled = C.FLIGHTREC_CANCELLED
)

var (
	errUnknown = &statusError{C.FLIGHTREC_UNKNOWN, errors.New("unknown")}
	errShort   = &statusError{C.FLIGHTREC_SHORT, errors.New("the caller's buffer is too small")}
)

// Every export is one call of answer or value, and does all its work inside: so no panic passes.
// A test reads the source.

// answer runs an export's body; a panic and an error become a status and a text.
func answer(to *C.flightrec_error, body func() error) (status C.int32_t) {
	defer func() {
		if v := recover(); v != nil {
			status = fill(to, &statusError{C.FLIGHTREC_PANIC, fmt.Errorf("panic: %v\n%s", v, debug.Stack())})
		}
	}()
	if err := body(); err != nil {
		return fill(to, err)
	}
	return C.FLIGHTREC_OK
}

// value runs the body of an export that returns no status; a panic becomes the zero value.
func value[T any](body func() T) (result T) {
	defer func() { _ = recover() }()
	return body()
}

// A statusError is an error that has a status of its own.
type statusError struct {
	status C.int32_t
	error
}

func (e *statusError) Unwrap() error { return e.error }

// fill writes an error down for the caller, who may not want it, and returns its status.
func fill(to *C.flightrec_error, err error) C.int32_t {
	status := C.int32_t(C.FLIGHTREC_ERROR)
	var own *statusError
	if errors.As(err, &own) {
		status = own.status
	}
	offset, generation := int64(-1), uint64(0)
	var format *formatError
	if errors.As(err, &format) {
		status, offset, generation = C.FLIGHTREC_BROKEN, format.offset, format.generation
	}
	if to != nil {
		to.offset, to.generation = C.int64_t(offset), C.uint64_t(generation)
		text := unsafe.Slice((*byte)(unsafe.Pointer(&to.text)), len(to.text))
		text[copy(text[:len(text)-1], textOf(err))] = 0
	}
	return status
}

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

//export flightrec_describe
func flightrec_describe(what C.flightrec_text, text *C.char, capacity C.size_t, length *C.size_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		described := describe(goText(what))
		if described == nil {
			return fmt.Errorf("%w: there is nothing to know of %s", errUnknown, goText(what))
		}
		encoded, err := json.Marshal(described)
		if err != nil {
			return err
		}
		return put(encoded, text, capacity, length)
	})
}

func describe(what string) any {
	switch what {
	case "runtime":
		return map[string]any{
			"go_version":             runtime.Version(),
			"overlays":               append([]string{}, overlays...),
			"clock_units_per_second": clockUnitsPerSecond(),
		}
	case "workloads":
		return describeWorkloads()
	case "metrics":
		return describeMetrics()
	case "open":
		return listOpen(1000)
	}
	return nil
}

//export flightrec_clock_now
func flightrec_clock_now() C.uint64_t {
	return value(func() C.uint64_t { return C.uint64_t(runtime_traceClockNow()) })
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
	return answer(to, func() error { return cancelWorkload(uint64(handle)) })
}

//export flightrec_workload_result
func flightrec_workload_result(handle C.uint64_t, text *C.char, capacity C.size_t, length *C.size_t, to *C.flightrec_error) C.int32_t {
	return answer(to, func() error {
		*length = 0
		return takeResult(uint64(handle), func(result []byte) error {
			if text == nil {
				return nil
			}
			return put(result, text, capacity, length)
		})
	})
}

//export flightrec_workload_count
func flightrec_workload_count() C.uint64_t {
	return value(func() C.uint64_t { return C.uint64_t(executions.len()) })
}

//export flightrec_departure_watch
func flightrec_departure_watch(watch, asProgram C.int32_t, limitNs C.int64_t) C.int32_t {
	return answer(nil, func() error {
		watchDepartures(watch != 0, asProgram != 0, time.Duration(limitNs))
		return nil
	})
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
