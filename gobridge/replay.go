package gobridge

import (
	"errors"
	"sync"
)

// A replay is a tracer whose chunks come from feed, and not from the runtime: for tests.

var errNoReplay = errors.New("this session records a real trace and cannot be fed")

// replays has the tracer of each replay, by its session.
var replays sync.Map

func openReplay(options sessionOptions) (session uint64, err error) {
	replays.Range(func(session, t any) bool { // those that are over
		select {
		case <-t.(*tracer).retired:
			replays.Delete(session)
		default:
		}
		return true
	})
	t, session, err := newTracer(options)
	if err != nil {
		return 0, err
	}
	replays.Store(session, t)
	t.run()
	return session, nil
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
