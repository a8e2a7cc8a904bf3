// Package workloads registers flightrec's bundled workloads: small programs that make the runtime
// do one thing a lot, to try a recorder on and to test it with.
package workloads

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("gc_churn", workload(gcChurn))
	gobridge.Register("http_server", workload(httpServer))
	gobridge.Register("idle", workload(idle))
	gobridge.Register("mutex", workload(mutex))
	gobridge.Register("pingpong", workload(pingpong))
	gobridge.Register("syscalls", workload(syscalls))
}

// Common are the arguments that every bundled workload has.
type Common struct {
	Duration float64 `json:"duration"` // seconds; 0: until it is cancelled
}

func (c Common) common() Common { return c }

// workload adapts a function of typed arguments, whose zero values it replaces by defaults itself.
// Unknown arguments are refused: a misspelt one would otherwise go unnoticed.
func workload[A interface{ common() Common }, R any](run func(ctx context.Context, args A) (R, error)) gobridge.Workload {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var args A
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&args); err != nil {
			return nil, fmt.Errorf("bad arguments: %w", err)
		}
		if d := args.common().Duration; d < 0 {
			return nil, fmt.Errorf("bad arguments: duration %v is negative", d)
		} else if d > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(d*float64(time.Second)))
			defer cancel()
		}
		return run(ctx, args)
	}
}

// positive returns value, or fallback if it is 0.
func positive(name string, value *int, fallback int) error {
	if *value == 0 {
		*value = fallback
	}
	if *value < 0 {
		return fmt.Errorf("bad arguments: %s must be positive, not %d", name, *value)
	}
	return nil
}
