//go:build flightrec_reference && go1.25

package reference

import (
	"errors"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("discard_start", workload(discarder.start))
	gobridge.Register("discard_stop", workload(discarder.stop))
}

// discarder is the floor for every consumer of a trace: the tracer is on and its data go nowhere.
var discarder discard

// A discard is io.Discard, but that it counts what it discards.
type discard struct {
	mu    sync.Mutex
	bytes atomic.Int64
}

func (d *discard) Write(chunk []byte) (int, error) {
	d.bytes.Add(int64(len(chunk)))
	return len(chunk), nil
}

func (d *discard) start(struct{}) (took, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes.Store(0)
	began := time.Now()
	err := trace.Start(d)
	return took{int64(time.Since(began))}, err
}

type discarded struct {
	Ns    int64 `json:"ns"`
	Bytes int64 `json:"bytes"`
}

func (d *discard) stop(struct{}) (discarded, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !trace.IsEnabled() {
		return discarded{}, errors.New("nothing traces")
	}
	began := time.Now()
	trace.Stop()
	return discarded{int64(time.Since(began)), d.bytes.Load()}, nil
}
