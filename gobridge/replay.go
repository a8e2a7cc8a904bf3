package gobridge

import "errors"

// A replay is a tracer whose chunks come from feed, and not from the runtime: for tests.

var errNoReplay = errors.New("this session records a real trace and cannot be fed")

// replays has the tracer of each replay, by its session, for good.
var replays registry[*tracer]

// openReplay makes a replay, whose session open opens.
func openReplay(options sessionOptions, open func(*tracer) error) error {
	t, err := newTracer(options, open)
	if err != nil {
		return err
	}
	replays.keep(uint64(t.windows[0].at.session), t)
	t.run()
	return nil
}

// feed hands a chunk to a replay as the trace reader would, and returns the replay's first error.
func feed(session uint64, chunk []byte) error {
	t, ok := replays.get(session)
	if !ok {
		return errNoReplay
	}
	_, _ = t.Write(chunk)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
