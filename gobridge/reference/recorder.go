//go:build flightrec_reference && go1.25

package reference

import (
	"errors"
	"os"
	"reflect"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("reference_start", workload(recorder.start))
	gobridge.Register("reference_stop", workload(recorder.stop))
	gobridge.Register("reference_write_to", workload(recorder.writeTo))
	gobridge.Register("reference_window", workload(recorder.window))
}

// recorder is Go's own flight recorder.
var recorder reference

type reference struct {
	mu      sync.Mutex
	flight  *trace.FlightRecorder
	peak    atomic.Int64 // of the window, bytes
	watched chan struct{}
	watches sync.WaitGroup
}

type startArgs struct {
	MinAgeNs int64  `json:"min_age_ns"`
	MaxBytes uint64 `json:"max_bytes"`
	// Watch samples the size of the window all the time, which disturbs: not beside a measurement
	// of anything else.
	Watch bool `json:"watch"`
}

type took struct {
	Ns int64 `json:"ns"`
}

var (
	errStarted    = errors.New("the reference recorder is started already")
	errNotStarted = errors.New("the reference recorder is not started")
)

func (r *reference) start(args startArgs) (took, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != nil {
		return took{}, errStarted
	}
	flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{
		MinAge:   time.Duration(args.MinAgeNs),
		MaxBytes: args.MaxBytes,
	})
	began := time.Now()
	if err := flight.Start(); err != nil {
		return took{}, err
	}
	elapsed := time.Since(began)
	r.flight = flight
	r.peak.Store(0)
	r.watched = make(chan struct{})
	if args.Watch {
		r.watches.Add(1)
		go r.watch(flight, r.watched)
	}
	return took{int64(elapsed)}, nil
}

func (r *reference) watch(flight *trace.FlightRecorder, end <-chan struct{}) {
	defer r.watches.Done()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-end:
			return
		case <-tick.C:
			r.peak.Store(max(r.peak.Load(), windowBytes(flight)))
		}
	}
}

type stopped struct {
	Ns              int64 `json:"ns"`
	PeakWindowBytes int64 `json:"peak_window_bytes"` // 0 if nobody watched
}

func (r *reference) stop(struct{}) (stopped, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight == nil {
		return stopped{}, errNotStarted
	}
	close(r.watched)
	r.watches.Wait()
	began := time.Now()
	r.flight.Stop()
	elapsed := time.Since(began)
	r.flight = nil
	return stopped{int64(elapsed), r.peak.Load()}, nil
}

type writeArgs struct {
	Path string `json:"path"`
}

type written struct {
	Ns    int64 `json:"ns"` // with the file's making and closing
	Bytes int64 `json:"bytes"`
}

func (r *reference) writeTo(args writeArgs) (written, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight == nil {
		return written{}, errNotStarted
	}
	began := time.Now()
	file, err := os.Create(args.Path)
	if err != nil {
		return written{}, err
	}
	n, err := r.flight.WriteTo(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return written{}, err
	}
	return written{int64(time.Since(began)), n}, nil
}

type window struct {
	Bytes int64 `json:"bytes"` // complete generations and the active one
}

func (r *reference) window(struct{}) (window, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight == nil {
		return window{}, errNotStarted
	}
	return window{windowBytes(r.flight)}, nil
}

// windowBytes adds up what a flight recorder holds. The recorder tells nobody, so its fields are
// read past the compiler; a size that is being changed meanwhile is one batch wrong.
func windowBytes(flight *trace.FlightRecorder) int64 {
	fields := reflect.ValueOf(flight).Elem()
	ringMu := (*sync.Mutex)(fields.FieldByName("ringMu").Addr().UnsafePointer())
	ringMu.Lock()
	defer ringMu.Unlock()
	size := fields.FieldByName("active").FieldByName("size").Int()
	ring := fields.FieldByName("ring")
	for i := range ring.Len() {
		size += ring.Index(i).FieldByName("size").Int()
	}
	return size
}
