package gobridge

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestExecution(t *testing.T) {
	for _, test := range []struct {
		name     string
		workload Workload
		result   string
		err      string
		panics   bool
	}{
		{"value", func(context.Context, json.RawMessage) (any, error) { return map[string]int{"a": 1}, nil }, `{"a":1}`, "", false},
		{"nothing", func(context.Context, json.RawMessage) (any, error) { return nil, nil }, "null", "", false},
		{"arguments", func(_ context.Context, args json.RawMessage) (any, error) { return args, nil }, `{"x":2}`, "", false},
		{"error", func(context.Context, json.RawMessage) (any, error) { return 1, errors.New("no") }, "", "no", false},
		{"panic", func(context.Context, json.RawMessage) (any, error) { panic("help") }, "", "panic: help", true},
		{"panic with nil", func(context.Context, json.RawMessage) (any, error) { panic(nil) }, "", "panic", true},
		{"goexit", func(context.Context, json.RawMessage) (any, error) { runtime.Goexit(); return nil, nil }, "", "Goexit", false},
		{"error that panics", func(context.Context, json.RawMessage) (any, error) { return nil, (*nilError)(nil) }, "", "*gobridge.nilError, whose Error method panics: runtime error", false},
		{"no JSON", func(context.Context, json.RawMessage) (any, error) { return func() {}, nil }, "", "cannot be given to Python", false},
	} {
		e := &execution{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			e.run(context.Background(), test.workload, json.RawMessage(`{"x":2}`))
		}()
		<-done
		if test.err == "" {
			if e.err != nil || string(e.result) != test.result {
				t.Errorf("%s: %q, %v", test.name, e.result, e.err)
			}
			continue
		}
		if e.err == nil || !strings.Contains(e.err.Error(), test.err) {
			t.Errorf("%s: %v", test.name, e.err)
		}
		if (e.stack != nil) != test.panics {
			t.Errorf("%s: stack %q", test.name, e.stack)
		}
	}
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestRegister(t *testing.T) {
	name := "workload_test"
	started := make(chan struct{})
	Register(name, func(context.Context, json.RawMessage) (any, error) { close(started); return nil, nil })
	defer delete(workloads, name)
	for _, bad := range []string{name, ""} {
		func() {
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("%q was registered", bad)
				}
			}()
			Register(bad, nil)
		}()
	}
	const number = 1234
	if err := startWorkload(number, name, nil, 0); err != nil {
		t.Fatal(err)
	}
	<-started
	for _, taken := range []uint64{number, 0} {
		if err := startWorkload(taken, name, nil, 0); err == nil {
			t.Errorf("a second workload was started under the number %d", taken)
		}
	}
	if _, ok := executions.take(number); !ok {
		t.Error("nothing is known of it")
	}
	if err := startWorkload(5678, "unknown", nil, 0); !errors.Is(err, errUnknown) || !strings.Contains(err.Error(), name) {
		t.Errorf("an unknown workload: %v", err)
	}
}
