package gobridge

import "sync"

// A registry has entries by numbers that the caller chooses, and uses once. It is safe for concurrent
// use.
type registry[T any] struct {
	mu      sync.Mutex
	entries map[uint64]T
}

// keep adds an entry under a number of the caller's choice, or returns the one that is there.
func (r *registry[T]) keep(number uint64, value T) (kept T, added bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if there, ok := r.entries[number]; ok {
		return there, false
	}
	if r.entries == nil {
		r.entries = make(map[uint64]T)
	}
	r.entries[number] = value
	return value, true
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
