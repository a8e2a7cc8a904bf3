package gobridge

import (
	"errors"
	"io"
	"runtime/trace"
	"sync"
	"testing"
)

// opened opens a session of the real tracer and returns that, with the session's handle.
func opened(t *testing.T) (*tracer, uint64) {
	t.Helper()
	session, err := openSession(sessionOptions{max_bytes: 10 * mib, ceiling: 12 * mib})
	if err != nil {
		t.Fatal(err)
	}
	return tracing.tracer, session
}

// flush does what session.c does, and waits.
func flush(t *testing.T, tr *tracer) {
	t.Helper()
	before := load(&tr.at.total_generations)
	add(&tr.at.flush_wanted, 1)
	tr.ask()
	within(t, "a flush completes a generation", func() bool {
		select {
		case <-tr.retired:
			return true
		default:
			return load(&tr.at.total_generations) > before
		}
	})
}

func skipIfTraced(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("the tests are traced themselves")
	}
}

func TestRealTracer(t *testing.T) {
	skipIfTraced(t)
	defer nothingLeft(t)()
	for range 3 {
		tr, session := opened(t)
		if !trace.IsEnabled() {
			t.Error("the program does not see that it is traced")
		}
		for range 3 {
			flush(t, tr)
		}
		closeSession(session)
		<-tr.retired
		if tr.err != nil || trace.IsEnabled() {
			t.Errorf("error %v, traced %v", tr.err, trace.IsEnabled())
		}
	}
}

func TestSessionsShareTheTracer(t *testing.T) {
	skipIfTraced(t)
	defer nothingLeft(t)()
	tr, first := opened(t)
	again, second := opened(t)
	if again != tr || first == second {
		t.Error("the second session has a tracer of its own")
	}
	closeSession(first)
	flush(t, tr)
	if !trace.IsEnabled() {
		t.Error("the first session's end has stopped the trace of the second")
	}
	closeSession(second)
	<-tr.retired
	if trace.IsEnabled() {
		t.Error("the program is still traced")
	}
}

func TestSessionsComeAndGoAtOnce(t *testing.T) {
	skipIfTraced(t)
	defer nothingLeft(t)()
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 40 {
				session, err := openSession(sessionOptions{max_bytes: mib, ceiling: 5 * mib})
				if err != nil {
					t.Error(err)
					return
				}
				closeSession(session)
			}
		}()
	}
	all.Wait()
	<-tracing.tracer.retired
	if trace.IsEnabled() {
		t.Error("the program is still traced")
	}
}

func TestTracerOfSomeoneElse(t *testing.T) {
	skipIfTraced(t)
	defer nothingLeft(t)()
	if err := trace.Start(io.Discard); err != nil {
		t.Fatal(err)
	}
	_, err := openSession(sessionOptions{})
	var conflict *statusError
	if !errors.As(err, &conflict) || conflict.status != statusConflict {
		t.Errorf("open returned %v", err)
	}
	trace.Stop()
	tr, session := opened(t)
	closeSession(session)
	<-tr.retired
}

func TestTraceStoppedBySomeoneElse(t *testing.T) {
	skipIfTraced(t)
	defer nothingLeft(t)()
	for name, notice := range map[string]func(tr *tracer, session uint64){
		"flush": func(tr *tracer, _ uint64) { flush(t, tr) },
		"stop":  func(_ *tracer, session uint64) { closeSession(session) },
	} {
		for _, restarted := range []bool{false, true} {
			tr, session := opened(t)
			flush(t, tr)
			trace.Stop()
			if restarted {
				if err := trace.Start(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
			notice(tr, session)
			<-tr.retired
			if !errors.Is(tr.err, errForeignStop) {
				t.Errorf("%s: %v", name, tr.err)
			}
			closeSession(session)
			if trace.IsEnabled() != restarted {
				t.Errorf("%s: the trace of the program is on: %v, want %v", name, trace.IsEnabled(), restarted)
			}
			trace.Stop()
		}
	}
}
