package gobridge

import "sync"

// sessions maps handles to sessions. Handles are small numbers, never Go pointers, and are not
// used again.
var sessions = registry[*session]{}

// A registry hands out handles. It is safe for concurrent use.
type registry[T any] struct {
	mu      sync.Mutex
	last    uint64
	entries map[uint64]T
}

func (r *registry[T]) add(value T) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries = make(map[uint64]T)
	}
	r.last++
	r.entries[r.last] = value
	return r.last
}

func (r *registry[T]) get(handle uint64) (value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok = r.entries[handle]
	return value, ok
}

// take removes an entry and returns it.
func (r *registry[T]) take(handle uint64) (value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok = r.entries[handle]
	delete(r.entries, handle)
	return value, ok
}

func (r *registry[T]) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.entries)
}

var recording sync.Mutex // held from a tracing session's start to its stop

// openSession starts a session and returns its handle.
func openSession(options sessionOptions, consumer consumer) (uint64, error) {
	traces := options.flags&optionReplay == 0
	if traces && !recording.TryLock() {
		return 0, errSecondSession
	}
	s := newSession(options, consumer)
	if err := s.start(); err != nil {
		if traces {
			recording.Unlock()
		}
		return 0, err
	}
	return sessions.add(s), nil
}

// stopSession stops a session, once; its generations and pins remain.
func stopSession(s *session) {
	s.stop()
	s.mu.Lock()
	first := !s.released && s.options.flags&optionReplay == 0
	s.released = true
	s.mu.Unlock()
	if first {
		recording.Unlock()
	}
}

// closeSession stops a session and gives back all its memory but what is pinned. Its consumer must
// be gone. The handle lives on while there are pins.
func closeSession(handle uint64, s *session) {
	stopSession(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.pending = nil
	s.collectLocked()
	s.window.clear()
	s.forgetLocked(handle)
}

// forgetLocked removes a closed session that nobody holds any more.
func (s *session) forgetLocked(handle uint64) {
	if s.closed && len(s.window.pinned) == 0 {
		sessions.take(handle)
		s.consumer.free()
		if sessions.len() == 0 {
			blocks.trim()
		}
	}
}
