package gobridge

import (
	"errors"
	"sync"
)

// A replay is a tracer whose chunks come from feed, and not from the runtime: for tests.

var errNoReplay = errors.New("this session records a real trace and cannot be fed")

// replays has the tracer of each replay, by its session.
var replays sync.Map

// openReplay makes a replay, whose session open opens.
func openReplay(options sessionOptions, open func(*tracer) error) error {
	replays.Range(func(session, t any) bool { // those that are over
		select {
		case <-t.(*tracer).retired:
			replays.Delete(session)
		default:
		}
		return true
	})
	t, err := newTracer(options, open)
	if err != nil {
		return err
	}
	replays.Store(uint64(t.windows[0].at.session), t)
	t.run()
	return nil
}

// feed hands a chunk to a replay as the trace reader would, and returns the replay's first error.
func feed(session uint64, chunk []byte) error {
	found, ok := replays.Load(session)
	if !ok {
		return errNoReplay
	}
	t := found.(*tracer)
	_, _ = t.Write(chunk)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
